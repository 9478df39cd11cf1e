import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { leastRoom, messageRoom } from '../../../ikev2/sa/path-mtu.ts';
import {
  type Fragment,
  MOST_FRAGMENTS,
  MOST_OCTETS,
  type Opened,
  PATIENCE,
  Reassembly,
} from '../../../ikev2/sa/reassembly.ts';

const fragment = (number: number, total: number, messageId = 1): Fragment => ({
  messageId,
  number,
  total,
  firstPayload: number === 1 ? 36 : 0,
  datagram: Uint8Array.of(messageId, number, total),
});
const octets = (number: number) => () => Uint8Array.of(number, number);
const never = () => {
  throw new Error('a useless fragment is decrypted');
};

/** Adds all in their order; gives what the last brought. */
function addAll(reassembly: Reassembly, fragments: readonly Fragment[]): Opened | undefined {
  let opened: Opened | undefined;
  for (const each of fragments) opened = reassembly.add(0, each, octets(each.number));
  return opened;
}

describe('reassembly', () => {
  it('[RFC7383 2.6] gives the message once all fragments are there, in whatever order', () => {
    const total = 5;
    const all = Array.from({ length: total }, (_, i) => fragment(i + 1, total));
    fc.assert(
      fc.property(fc.shuffledSubarray(all, { minLength: total }), (shuffled) => {
        const reassembly = new Reassembly();
        expect(addAll(reassembly, shuffled.slice(0, -1))).toBeUndefined();
        expect(addAll(reassembly, shuffled.slice(-1))).toEqual({
          firstPayload: 36,
          inner: Uint8Array.of(1, 1, 2, 2, 3, 3, 4, 4, 5, 5),
          datagram: Uint8Array.of(1, 1, total),
        });
        expect(reassembly.deadline).toBeUndefined();
      }),
    );
  });

  it('[RFC7383 2.6] what repeats is not even decrypted, and the first to come counts', () => {
    const reassembly = new Reassembly();
    reassembly.add(0, fragment(1, 2), octets(1));
    expect(reassembly.add(0, fragment(1, 2), never)).toBeUndefined();
    expect(reassembly.add(0, fragment(2, 2), octets(9))?.inner).toEqual(Uint8Array.of(1, 1, 9, 9));
  });

  it('[RFC7383 2.6] what is not authentic leaves everything as it was', () => {
    const reassembly = new Reassembly();
    reassembly.add(0, fragment(1, 2), octets(1));
    for (const forged of [fragment(2, 2), fragment(1, 9), fragment(2, 9), fragment(1, 2, 7)])
      expect(reassembly.add(0, forged, () => undefined)).toBeUndefined();
    expect(reassembly.add(0, fragment(2, 2), octets(2))?.inner).toEqual(Uint8Array.of(1, 1, 2, 2));
  });

  it('[RFC7383 2.6] more fragments are a new division, fewer a late one of the old', () => {
    const reassembly = new Reassembly();
    reassembly.add(0, fragment(1, 2), octets(1));
    reassembly.add(0, fragment(1, 3), octets(1));
    expect(reassembly.add(0, fragment(2, 2), never)).toBeUndefined();
    reassembly.add(0, fragment(2, 3), octets(2));
    expect(reassembly.add(0, fragment(3, 3), octets(3))?.inner).toEqual(Uint8Array.of(1, 1, 2, 2, 3, 3));
  });
});

describe('reassembly within bounds', () => {
  it('another message takes the place of an incomplete one', () => {
    const reassembly = new Reassembly();
    reassembly.add(0, fragment(1, 2), octets(1));
    reassembly.add(0, fragment(1, 2, 2), octets(1));
    expect(reassembly.add(0, fragment(2, 2, 2), octets(2))?.inner).toHaveLength(4);
  });

  it('too many fragments, or octets in them, are dropped', () => {
    const reassembly = new Reassembly();
    expect(reassembly.add(0, fragment(1, MOST_FRAGMENTS + 1), never)).toBeUndefined();
    expect(reassembly.deadline).toBeUndefined();
    const half = () => new Uint8Array(MOST_OCTETS / 2 + 1);
    reassembly.add(0, fragment(1, 2), half);
    expect(reassembly.add(0, fragment(2, 2), half)).toBeUndefined();
    expect(reassembly.deadline).toBeUndefined();
  });

  it('a message that never ends is given up', () => {
    const reassembly = new Reassembly();
    reassembly.add(5, fragment(1, 2), octets(1));
    expect(reassembly.deadline).toBe(5 + PATIENCE);
    expect(reassembly.add(5 + PATIENCE, fragment(2, 2), octets(2))).toBeUndefined();
    expect(reassembly.add(5 + PATIENCE, fragment(1, 2), octets(1))?.inner).toHaveLength(4);
  });
});

describe('room for a message', () => {
  it('[RFC7383 2.5.1] is what IP, UDP and the marker leave', () => {
    expect(messageRoom(1280, '192.0.2.1')).toBe(1280 - 20 - 8 - 4);
    expect(messageRoom(1280, '2001:db8::1')).toBe(1280 - 40 - 8 - 4);
    expect(leastRoom('192.0.2.1')).toBe(576 - 32);
    expect(leastRoom('2001:db8::1')).toBe(1280 - 52);
  });
});
