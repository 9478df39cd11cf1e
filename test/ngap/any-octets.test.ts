import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BitReader, BitWriter } from '../../ngap/aper/bits.ts';
import { decodeValue } from '../../ngap/aper/decode.ts';
import { writeConstrained, writeSmall } from '../../ngap/aper/numbers.ts';
import type { AsnType, ContainerType, IeRow } from '../../ngap/aper/types.ts';
import type { Reaction } from '../../ngap/check.ts';
import { AperError, decodeNgap, encodeNgap, N2Association, type NgapPdu } from '../../ngap/index.ts';
import * as ies from '../../ngap/schema/ies.ts';
import { messages } from '../../ngap/schema/messages.ts';
import { placeOf } from '../../ngap/schema/procedures.ts';
import { transfers } from '../../ngap/schema/transfers.ts';
import { declaredMessages, example } from '../support/ngap-examples.ts';
import { apart, changed, type Frame } from '../support/ngap-frames.ts';

/** Whether an IE of this type can be told from octets that are none: an IE that is passed over cannot. */
const hasForm = (type: AsnType) => type.kind !== 'any' && (type.kind !== 'container' || type.least > 0);

/** The number of bits of an index, and whether some of its values have no meaning. */
function index(count: number): { bits: number; hasHoles: boolean } {
  const bits = Math.ceil(Math.log2(count));
  return { bits, hasHoles: 2 ** bits > count };
}

/** Octets of a value that is outside the type's range; undefined where every value of that width has a meaning. */
function outOfRange(type: AsnType): Buffer | undefined {
  const writer = new BitWriter(16);
  if (type.kind === 'enumerated' || type.kind === 'choice') {
    const { bits, hasHoles } = index(type.root.length);
    if (!hasHoles) return undefined;
    const extensible = type.kind === 'enumerated' ? type.additions !== undefined : type.extensible;
    if (extensible) writer.bits(0, 1);
    writer.bits(2 ** bits - 1, bits);
  } else if (type.kind === 'integer' && type.range !== undefined) {
    const { low, high, extensible } = type.range;
    const range = high - low + 1;
    if (range > 255 || !index(range).hasHoles) return undefined;
    if (extensible) writer.bits(0, 1);
    writer.bits(2 ** index(range).bits - 1, index(range).bits);
  } else if (type.kind === 'sequenceOf' && type.size.high < 255) {
    const { bits, hasHoles } = index(type.size.high - type.size.low + 1);
    if (!hasHoles) return undefined;
    writer.bits(2 ** bits - 1, bits);
  } else return undefined;
  writer.align();
  return Buffer.from(writer.finish());
}

/** Every IE's criticality as a reaction, of the IEs that the example of a message has. */
function presentRows(message: NgapPdu['message']): readonly IeRow[] {
  const present = new Set(apart(encodeNgap(example(message))).frames.map(({ id }) => id));
  return (messages[message] as ContainerType).rows.filter((row) => present.has(row.id));
}

function withContent(message: NgapPdu['message'], id: number, value: Buffer): Uint8Array {
  return changed(message, (frames) => frames.map((frame) => (frame.id === id ? { ...frame, value } : frame)));
}

function reactionTo(octets: Uint8Array): Reaction | 'none' {
  const decoded = decodeNgap(octets);
  return decoded.ok ? (decoded.value.diagnosis?.reaction ?? 'none') : decoded.error.diagnosis.reaction;
}

describe.each(declaredMessages)('%s', (message) => {
  it('[TS38413 10.3.4] each IE without content is weighed by its criticality in the table', () => {
    for (const row of presentRows(message).filter(({ type }) => hasForm(type)))
      expect(reactionTo(withContent(message, row.id, Buffer.alloc(0))), row.name).toBe(row.criticality);
  });

  it('[TS38413 10.3.4] each IE out of its range likewise', () => {
    for (const row of presentRows(message)) {
      const content = outOfRange(row.type);
      if (content !== undefined)
        expect(reactionTo(withContent(message, row.id, content)), row.name).toBe(row.criticality);
    }
  });

  it('[TS38413 10.3] each fault counts once and has the prescribed answer', () => {
    for (const [what, octets] of faultsOf(message)) {
      const expected = reactionTo(octets);
      if (expected === 'none') continue;
      const association = readyAssociation();
      const outputs = association.receive(2, 1, octets);
      const { faults } = association;
      expect(faults[expected], what).toBe(1);
      expect(Object.values(faults).reduce((sum, count) => sum + count)).toBe(1);
      const sent = outputs.flatMap((output) => (output.kind === 'transmit' ? [decodeNgap(output.data)] : []));
      const answers = sent.map((decoded) => (decoded.ok ? decoded.value.message : 'unreadable'));
      expect(answers, what).not.toContain('unreadable');
      if (expected === 'reject' || expected === 'falselyConstructed')
        expect(answers, what).toEqual(prescribed(message, octets));
    }
  });
});

/** Every fault of clause 10.3 that can be made of a message's example. */
function* faultsOf(message: NgapPdu['message']): Generator<[string, Uint8Array]> {
  const extra = (criticality: number): Frame => ({ id: 65_001, criticality, value: Buffer.of(1) });
  for (const criticality of [0, 1, 2])
    yield [`unknown IE ${criticality}`, changed(message, (frames) => [...frames, extra(criticality)])];
  for (const row of presentRows(message)) {
    yield [`${row.name} missing`, changed(message, (frames) => frames.filter(({ id }) => id !== row.id))];
    yield [`${row.name} unreadable`, withContent(message, row.id, Buffer.alloc(0))];
    yield [
      `${row.name} twice`,
      changed(message, (frames) =>
        frames.flatMap((frame) => (frame.id === row.id ? [frame, frame] : [frame])),
      ),
    ];
  }
  yield ['reversed', changed(message, (frames) => frames.toReversed())];
}

function readyAssociation(): N2Association {
  const { ies: setup } = example('NGSetupRequest') as Extract<NgapPdu, { message: 'NGSetupRequest' }>;
  const association = new N2Association({ setup }, { random: () => 0 });
  association.connect(0);
  association.connected(0, 4);
  association.receive(1, 0, encodeNgap(example('NGSetupResponse')));
  expect(association.state).toBe('ready');
  return association;
}

/** Failure messages that can be made of what any faulty request told. */
const failures: readonly string[] = [
  'NGSetupFailure',
  'AMFConfigurationUpdateFailure',
  'InitialContextSetupFailure',
  'UEContextModificationFailure',
];

/** TS 38.413 10.3.4.2, 10.3.5 and 10.3.6, said once more: the procedure's failure, or an Error Indication. */
function prescribed(message: NgapPdu['message'], octets: Uint8Array): string[] {
  if (message === 'ErrorIndication') return [];
  const place = placeOf.get(message);
  const failure = place?.kind === 'initiating' ? place.procedure.unsuccessful : undefined;
  if (failure === undefined || !failures.includes(failure)) return ['ErrorIndication'];
  const readable = new Set(
    apart(octets)
      .frames.filter(({ value }) => value.length > 0)
      .map(({ id }) => id),
  );
  const needsIds = failure.startsWith('InitialContext') || failure.startsWith('UEContext');
  return !needsIds || (readable.has(10) && readable.has(85)) ? [failure] : ['ErrorIndication'];
}

it('the faults above are many, out of range ones among them', () => {
  const faults = declaredMessages.flatMap((message) => [...faultsOf(message)]);
  const outside = declaredMessages.flatMap((message) =>
    presentRows(message).filter(({ type }) => outOfRange(type) !== undefined),
  );
  expect(faults.filter(([, octets]) => reactionTo(octets) !== 'none').length).toBeGreaterThan(700);
  expect(outside.length).toBeGreaterThan(20);
});

it('the messages of this node count as foreign when they come from an AMF', () => {
  const association = readyAssociation();
  association.receive(2, 1, encodeNgap(example('UplinkNASTransport')));
  association.receive(3, 1, encodeNgap(example('InitialUEMessage')));
  expect(association.foreign).toBe(2);
});

/** Names, values and elements of a decoded value. */
function nodes(value: unknown): number {
  if (value instanceof Uint8Array) return 1 + value.length;
  if (typeof value === 'string') return 1 + value.length / 64;
  if (typeof value !== 'object' || value === null) return 1;
  return Object.values(value).reduce<number>((sum, inner) => sum + nodes(inner), 1);
}

describe('any octets', () => {
  const types = Object.entries({ ...ies, ...messages, ...transfers }) as [string, AsnType][];
  const claims = fc.array(fc.constantFrom(0, 1, 0x3f, 0x7f, 0x80, 0xbf, 0xc0, 0xc1, 0xc4, 0xff), {
    maxLength: 40,
  });
  const octets = fc.oneof(claims, fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 40 }));

  it.each(types)('%s: a value of bounded size or an AperError', (_, type) => {
    fc.assert(
      fc.property(octets, (list) => {
        try {
          // a bit can stand for one element, whose optional parts are then absent
          expect(nodes(decodeValue(type, new BitReader(Uint8Array.from(list))))).toBeLessThan(
            64 + list.length * 8 * 12,
          );
        } catch (error) {
          if (!(error instanceof AperError)) throw error;
        }
      }),
      { numRuns: 150 },
    );
  });

  it('a list or string that claims 64K with nothing behind it is refused at once', () => {
    const claim = (fill: (writer: BitWriter) => void) => {
      const writer = new BitWriter(16);
      fill(writer);
      writer.align();
      return new BitReader(writer.finish());
    };
    const fragments = claim((writer) => writer.bits(0xc4, 8));
    expect(() => decodeValue(ies.logicalConnectionList as AsnType, fragments)).toThrow(AperError);
    expect(() =>
      decodeValue(
        ies.nasPdu as AsnType,
        claim((writer) => writer.bits(0xc4, 8)),
      ),
    ).toThrow(AperError);
    const additions = claim((writer) => {
      writer.bits(1, 1);
      writeSmall(writer, 63);
      writeConstrained(writer, 0, 0, 255);
    });
    expect(() => decodeValue(ies.sNssai as AsnType, additions)).toThrow(AperError);
  });
});
