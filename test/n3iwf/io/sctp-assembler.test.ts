import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MessageAssembler, mostMessageOctets } from '../../../n3iwf/io/sctp-assembler.ts';

const part = (data: Uint8Array, last: boolean, ppid = 60) => ({ data, stream: 3, ppid, last });

describe('messages out of parts', () => {
  it('[RFC6458 6.1.7] any division gives the message back, and the next one after it', () => {
    const cuts = fc.array(fc.uint8Array({ maxLength: 50 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(cuts, cuts, (...messages) => {
        const assembler = new MessageAssembler([60]);
        for (const parts of messages) {
          const results = parts.map((data, at) => assembler.take(part(data, at === parts.length - 1)));
          expect(results.slice(0, -1).every((result) => result === undefined)).toBe(true);
          const whole = Uint8Array.from(parts.flatMap((data) => [...data]));
          expect(results.at(-1)).toEqual({ kind: 'message', data: whole, stream: 3 });
        }
      }),
    );
  });

  it('keeps no view of the buffer that it was handed', () => {
    const buffer = Uint8Array.of(1, 2);
    const assembled = new MessageAssembler([60]).take(part(buffer, true));
    buffer.fill(9);
    expect(assembled).toMatchObject({ data: Uint8Array.of(1, 2) });
  });

  it('[TS38412 7] drops a message of another payload protocol, all parts of it', () => {
    const assembler = new MessageAssembler([60]);
    expect(assembler.take(part(Uint8Array.of(1), false, 61))).toBeUndefined();
    expect(assembler.take(part(Uint8Array.of(2), true, 61))).toEqual({
      kind: 'dropped',
      stream: 3,
      reason: "payload protocol 61 is not NGAP's",
    });
    expect(assembler.take(part(Uint8Array.of(3), true))).toMatchObject({ kind: 'message' });
  });

  it('never holds more than the longest message, however long the peer goes on', () => {
    const assembler = new MessageAssembler([60]);
    const data = new Uint8Array(65_536);
    for (let round = 0; round < 100; round++) {
      assembler.take(part(data, false));
      expect(assembler.held).toBeLessThanOrEqual(mostMessageOctets);
    }
    expect(assembler.take(part(data, true))).toMatchObject({ kind: 'dropped', reason: /longer/ });
    expect(assembler.take(part(new Uint8Array(mostMessageOctets), true))).toMatchObject({ kind: 'message' });
  });

  it('forgets what was cut off, and says whether anything was', () => {
    const assembler = new MessageAssembler([60]);
    expect(assembler.abort()).toBe(false);
    assembler.take(part(Uint8Array.of(1), false));
    expect(assembler.abort()).toBe(true);
    expect(assembler.take(part(Uint8Array.of(2), true))).toMatchObject({ data: Uint8Array.of(2) });
  });
});
