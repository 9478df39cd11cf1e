import { describe, expect, it } from 'vitest';
import { criticalities } from '../../ngap/aper/decode.ts';
import type { ContainerType } from '../../ngap/aper/types.ts';
import { decodeNgap, encodeNgap } from '../../ngap/index.ts';
import { messages } from '../../ngap/schema/messages.ts';
import { declaredMessages, example } from '../support/ngap-examples.ts';
import { apart, changed } from '../support/ngap-frames.ts';

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
