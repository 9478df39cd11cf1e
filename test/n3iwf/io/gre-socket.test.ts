import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readControls } from '../../../n3iwf/io/gre-socket.ts';

/** A control message: its header, a number, and padding to 8 octets. */
function control(level: number, type: number, value: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(24));
  view.setBigUint64(0, 20n, true);
  view.setInt32(8, level, true);
  view.setInt32(12, type, true);
  view.setUint32(16, value, true);
  return new Uint8Array(view.buffer);
}

const mark = control(1, 36, 0x4e000003);
const trafficClass = control(41, 67, 0xb9);
const other = control(0, 8, 0xffffffff);

describe('what the kernel tells with a packet of GRE', () => {
  it('is the mark of its Child SA and, of IPv6, the traffic class, in any order and beside others', () => {
    const all = [mark, trafficClass, other];
    fc.assert(
      fc.property(fc.shuffledSubarray(all, { minLength: 3 }), (messages) => {
        expect(readControls(Buffer.concat(messages))).toEqual({ mark: 0x4e000003, tos: 0xb9 });
      }),
    );
    expect(readControls(other)).toEqual({ mark: 0, tos: 0 });
    expect(readControls(new Uint8Array(0))).toEqual({ mark: 0, tos: 0 });
  });

  it('is read whatever the octets, without a loop', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (octets) => {
        expect(readControls(octets).mark).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});
