import { describe, expect, it } from 'vitest';
import { criticalities } from '../../ngap/aper/decode.ts';
import type { ContainerType } from '../../ngap/aper/types.ts';
import { decodeNgap, encodeNgap, type NgapPdu } from '../../ngap/index.ts';
import { messages } from '../../ngap/schema/messages.ts';
import { declaredMessages, example } from '../support/ngap-examples.ts';

interface Frame {
  readonly id: number;
  readonly criticality: number;
  readonly value: Buffer;
}

/** Takes a short message apart into the octets before its IEs and the IEs. */
function apart(octets: Uint8Array): { head: Buffer; frames: Frame[] } {
  const bytes = Buffer.from(octets);
  const start = bytes[3]! < 0x80 ? 4 : 5;
  const frames: Frame[] = [];
  for (let at = start + 3; at < bytes.length; ) {
    const long = bytes[at + 3]! >= 0x80;
    const length = long ? bytes.readUInt16BE(at + 3) & 0x3fff : bytes[at + 3]!;
    const from = at + (long ? 5 : 4);
    frames.push({
      id: bytes.readUInt16BE(at),
      criticality: bytes[at + 2]! >> 6,
      value: bytes.subarray(from, from + length),
    });
    at = from + length;
  }
  return { head: bytes.subarray(0, 3), frames };
}

const counted = (octets: Buffer) => {
  if (octets.length < 128) return Buffer.concat([Buffer.of(octets.length), octets]);
  return Buffer.concat([Buffer.of(0x80 | (octets.length >> 8), octets.length & 255), octets]);
};

function together(head: Buffer, frames: readonly Frame[]): Uint8Array {
  const ies = frames.map(({ id, criticality, value }) =>
    Buffer.concat([Buffer.of(id >> 8, id & 255, criticality << 6), counted(value)]),
  );
  return Buffer.concat([head, counted(Buffer.concat([Buffer.of(0, 0, frames.length), ...ies]))]);
}

/** The message with its IEs changed. */
function changed(message: NgapPdu['message'], change: (frames: Frame[]) => Frame[]): Uint8Array {
  const { head, frames } = apart(encodeNgap(example(message)));
  return together(head, change(frames));
}

function reactionTo(octets: Uint8Array): unknown {
  const decoded = decodeNgap(octets);
  return decoded.ok ? (decoded.value.diagnosis?.reaction ?? 'none') : decoded.error.diagnosis.reaction;
}

describe.each(declaredMessages)('%s', (message) => {
  const rows = (messages[message] as ContainerType).rows;
  const present = apart(encodeNgap(example(message))).frames.map(({ id }) => id);

  it('[TS38413 10.3] the example is without fault', () => {
    expect(reactionTo(encodeNgap(example(message)))).toBe('none');
  });

  it('[TS38413 10.3.5] a mandatory IE that is absent, by its criticality', () => {
    for (const row of rows.filter(({ presence }) => presence === 'mandatory')) {
      const octets = changed(message, (frames) => frames.filter(({ id }) => id !== row.id));
      expect(reactionTo(octets), row.name).toBe(row.criticality);
    }
  });

  it('[TS38413 10.3.4.1] an IE that is not known, by the criticality it came with', () => {
    for (const [criticality, name] of criticalities.entries()) {
      const extra = { id: 65_001, criticality, value: Buffer.of(1) };
      expect(reactionTo(changed(message, (frames) => [...frames, extra]))).toBe(name);
    }
  });

  it('[TS38413 10.3.6] an IE that comes twice or out of order', () => {
    if (present.length === 0) return;
    expect(reactionTo(changed(message, (frames) => [...frames, frames[0]!]))).toBe('falselyConstructed');
    if (present.length < 2) return;
    expect(reactionTo(changed(message, (frames) => frames.toReversed()))).toBe('falselyConstructed');
  });
});

it('a missing paging DRX in NG Setup Request is told and let pass', () => {
  const decoded = decodeNgap(changed('NGSetupRequest', (frames) => frames.filter(({ id }) => id !== 21)));
  expect(decoded).toMatchObject({ ok: true, value: { diagnosis: { reaction: 'ignore' } } });
});

it('an IE that cannot be read spoils no other, and is weighed like one that is not known', () => {
  const octets = changed('UEContextReleaseCommand', (frames) =>
    frames.map((frame) => (frame.id === 15 ? { ...frame, value: Buffer.of(0xff) } : frame)),
  );
  const decoded = decodeNgap(octets);
  expect(decoded).toMatchObject({ ok: true, value: { diagnosis: { reaction: 'ignore' } } });
  if (decoded.ok) expect(decoded.value.ies).toHaveProperty('ueNgapIds');
});
