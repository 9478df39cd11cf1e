import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BitReader, BitWriter } from '../../ngap/aper/bits.ts';
import { decodeValue } from '../../ngap/aper/decode.ts';
import { encodeValue } from '../../ngap/aper/encode.ts';
import type { AsnType } from '../../ngap/aper/types.ts';
import {
  decodeNgap,
  decodeTransfer,
  encodeNgap,
  encodeTransfer,
  type NgapPdu,
  type TransferName,
} from '../../ngap/index.ts';
import * as ies from '../../ngap/schema/ies.ts';
import { messages } from '../../ngap/schema/messages.ts';
import { procedures } from '../../ngap/schema/procedures.ts';
import { transfers } from '../../ngap/schema/transfers.ts';
import { arbitraryOf } from '../support/ngap-arbitrary.ts';

const runs = { numRuns: 60 };

describe('every message', () => {
  for (const [message, type] of Object.entries(messages)) {
    it(`[TS38413 9.3.5] ${message}: encode, decode, encode gives the same value and octets`, () => {
      fc.assert(
        fc.property(arbitraryOf(type as AsnType), (value) => {
          const pdu = { message, ies: value } as NgapPdu;
          const octets = encodeNgap(pdu);
          const decoded = decodeNgap(octets);
          if (!decoded.ok) throw decoded.error;
          expect(decoded.value).toEqual(pdu);
          expect(encodeNgap(decoded.value)).toEqual(octets);
        }),
        runs,
      );
    });
  }

  it.each(Object.entries(messages))(
    '%s: IEs of a later release are kept, behind those that are known',
    (message, type) => {
      const later = fc.uniqueArray(
        fc.record({
          id: fc.integer({ min: 60_000, max: 65_535 }),
          criticality: fc.constant('ignore'),
          value: fc.uint8Array({ minLength: 1, maxLength: 300 }),
        }),
        { minLength: 1, maxLength: 4, selector: ({ id }) => id },
      );
      fc.assert(
        fc.property(arbitraryOf(type as AsnType), later, (value, unknownIes) => {
          const pdu = { message, ies: { ...(value as object), unknownIes } } as unknown as NgapPdu;
          const octets = encodeNgap(pdu);
          const decoded = decodeNgap(octets);
          if (!decoded.ok) throw decoded.error;
          expect(decoded.value.ies).toEqual(pdu.ies);
          expect(encodeNgap(decoded.value)).toEqual(octets);
        }),
        { numRuns: 20 },
      );
    },
  );

  it('[TS38413 9.4.4] belongs to exactly one procedure and kind, and codes are not shared', () => {
    const named = procedures.flatMap(({ initiating, successful, unsuccessful }) =>
      [initiating, successful, unsuccessful].filter((name) => name !== undefined),
    );
    expect(named.toSorted()).toEqual(Object.keys(messages).toSorted());
    expect(new Set(procedures.map(({ code }) => code)).size).toBe(procedures.length);
  });
});

describe('every transfer', () => {
  for (const [name, type] of Object.entries(transfers)) {
    it(`[TS38413 9.3.4] ${name}: encode, decode, encode gives the same value and octets`, () => {
      fc.assert(
        fc.property(arbitraryOf(type as AsnType), (whole) => {
          const value = (whole as { ies?: unknown }).ies ?? whole;
          const octets = encodeTransfer(name as TransferName, value as never);
          const decoded = decodeTransfer(name as TransferName, octets);
          if (!decoded.ok) throw decoded.error;
          expect(decoded.value).toEqual(value);
          expect(encodeTransfer(name as TransferName, decoded.value)).toEqual(octets);
        }),
        runs,
      );
    });
  }
});

/** Every type that a table leads to, itself included. */
function* reachable(type: AsnType): Generator<AsnType> {
  yield type;
  const inner =
    type.kind === 'sequence'
      ? type.fields
      : type.kind === 'container'
        ? type.rows
        : type.kind === 'choice'
          ? type.root
          : [];
  for (const part of inner) yield* reachable(part.type);
  if (type.kind === 'sequenceOf') yield* reachable(type.element);
}

describe('the tables', () => {
  it('lead to every information element that is declared: none is without a user', () => {
    const used = new Set(
      [...Object.values(messages), ...Object.values(transfers)].flatMap((type) => [
        ...reachable(type as AsnType),
      ]),
    );
    for (const [name, type] of Object.entries(ies)) expect(used.has(type as AsnType), name).toBe(true);
    expect(used.size).toBeGreaterThan(300);
  });

  it('[TS38413 9.4.4] give each message one row an id, and no two rows the same', () => {
    for (const [name, type] of Object.entries(messages)) {
      const { rows, byId } = type as unknown as {
        rows: readonly { id: number }[];
        byId: Map<number, unknown>;
      };
      expect(byId.size, name).toBe(rows.length);
    }
  });
});

describe('every information element', () => {
  for (const [name, type] of Object.entries(ies)) {
    it(`${name} comes back from any bit offset`, () => {
      fc.assert(
        fc.property(arbitraryOf(type as AsnType), fc.integer({ min: 0, max: 7 }), (value, offset) => {
          const writer = new BitWriter(1);
          writer.bits(0, offset);
          encodeValue(type as AsnType, value, writer);
          const reader = new BitReader(writer.finish());
          reader.bits(offset);
          expect(decodeValue(type as AsnType, reader)).toEqual(value);
        }),
        runs,
      );
    });
  }
});
