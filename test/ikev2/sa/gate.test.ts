import { describe, expect, it } from 'vitest';
import { NOTIFY, type Payload } from '../../../ikev2/index.ts';
import { Gate, type Verdict } from '../../../ikev2/sa/gate.ts';
import { seededRandom } from '../../support/pair.ts';

const limits = { cookiesAbove: 3, cookiesAbovePerSource: 2, most: 5, mostPerSource: 4 };
const spi = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const nonce: Payload = { type: 'Nonce', data: new Uint8Array(32).fill(4) };
const at = (address: string) => ({ address, port: 500 });
const home = at('192.0.2.1');

const gateWith = (changes: Partial<typeof limits> = {}) =>
  new Gate({ ...limits, ...changes }, seededRandom(7));

/** The cookie that the gate demands; fails when it demands none. */
function cookieOf(verdict: Verdict): Uint8Array {
  if (verdict.kind !== 'cookie') throw new Error(`no cookie but ${verdict.kind}`);
  return verdict.cookie;
}

function withCookie(data: Uint8Array): Payload[] {
  return [{ type: 'Notify', protocol: 0, spi: new Uint8Array(0), notifyType: NOTIFY.COOKIE, data }, nonce];
}

describe('cookies', () => {
  it('[RFC7296 2.6] are not asked for while few SAs are half-open', () => {
    const gate = gateWith();
    for (let id = 0; id < 3; id++) {
      expect(gate.judge(0, spi, [nonce], at(`192.0.2.${id}`)).kind).toBe('admit');
      gate.enter(id, at(`192.0.2.${id}`));
    }
    expect(gate.judge(0, spi, [nonce], home).kind).toBe('cookie');
  });

  it('[RFC7296 2.6] admit exactly the request that they were made for', () => {
    const gate = gateWith({ cookiesAbove: 0 });
    const cookie = cookieOf(gate.judge(0, spi, [nonce], home));
    expect(cookie.length).toBeLessThanOrEqual(64);
    expect(gate.judge(1, spi, withCookie(cookie), home).kind).toBe('admit');
    const other: Payload = { type: 'Nonce', data: new Uint8Array(32).fill(5) };
    const [notify] = withCookie(cookie) as [Payload];
    expect(gate.judge(1, spi, [notify, other], home).kind).toBe('cookie');
    expect(gate.judge(1, Uint8Array.from(spi).reverse(), withCookie(cookie), home).kind).toBe('cookie');
    expect(gate.judge(1, spi, withCookie(cookie), at('192.0.2.2')).kind).toBe('cookie');
    expect(gate.judge(1, spi, withCookie(cookie.subarray(1)), home).kind).toBe('cookie');
    expect(gate.judge(1, spi, withCookie(new Uint8Array(0)), home).kind).toBe('cookie');
    for (let at = 0; at < cookie.length; at++) {
      const flipped = Uint8Array.from(cookie);
      flipped[at]! ^= 1;
      expect(gate.judge(1, spi, withCookie(flipped), home).kind).toBe('cookie');
    }
  });

  it('[RFC7296 2.6] outlive one change of the secret and no second', () => {
    const gate = gateWith({ cookiesAbove: 0 });
    const old = cookieOf(gate.judge(0, spi, [nonce], home));
    const fresh = cookieOf(gate.judge(31_000, spi, [nonce], home));
    expect(fresh).not.toEqual(old);
    expect(gate.judge(59_000, spi, withCookie(old), home).kind).toBe('admit');
    expect(gate.judge(61_000, spi, withCookie(old), home).kind).toBe('cookie');
    expect(gate.judge(61_000, spi, withCookie(fresh), home).kind).toBe('admit');
  });

  it('a request without a nonce gets nothing', () => {
    expect(gateWith({ cookiesAbove: 0 }).judge(0, spi, [], home).kind).toBe('drop');
  });

  it('stay demanded for a while after the rush', () => {
    const gate = gateWith();
    for (let id = 0; id < 3; id++) gate.enter(id, at(`192.0.2.${id}`));
    expect(gate.judge(0, spi, [nonce], home).kind).toBe('cookie');
    for (let id = 0; id < 3; id++) gate.leave(id);
    expect(gate.judge(9_000, spi, [nonce], home).kind).toBe('cookie');
    expect(gate.judge(11_000, spi, [nonce], home).kind).toBe('admit');
  });
});

describe('limits', () => {
  const proven = (gate: Gate, from: { address: string; port: number }) => {
    const verdict = gate.judge(0, spi, [nonce], from);
    return verdict.kind === 'cookie' ? gate.judge(0, spi, withCookie(verdict.cookie), from) : verdict;
  };

  it('[RFC7296 2.6] one source is asked for cookies and then dropped before others are', () => {
    const gate = gateWith({ cookiesAbove: 100, most: 100 });
    for (let id = 0; id < 2; id++) gate.enter(id, home);
    expect(gate.judge(0, spi, [nonce], home).kind).toBe('cookie');
    expect(gate.judge(0, spi, [nonce], at('192.0.2.2')).kind).toBe('admit');
    expect(proven(gate, home).kind).toBe('admit');
    for (let id = 2; id < 4; id++) gate.enter(id, home);
    expect(proven(gate, home).kind).toBe('drop');
    expect(proven(gate, at('192.0.2.2')).kind).toBe('admit');
  });

  it('in all', () => {
    const gate = gateWith();
    for (let id = 0; id < 5; id++) gate.enter(id, at(`198.51.100.${id}`));
    expect(proven(gate, home).kind).toBe('drop');
    gate.leave(3);
    expect(proven(gate, home).kind).toBe('admit');
  });

  it('an IPv6 source is its /64; what never entered cannot leave', () => {
    const gate = gateWith({ cookiesAbove: 100 });
    gate.enter(1, at('2001:db8::1'));
    gate.enter(2, at('2001:db8::ffff:2'));
    expect(gate.judge(0, spi, [nonce], at('2001:db8::3')).kind).toBe('cookie');
    expect(gate.judge(0, spi, [nonce], at('2001:db8:0:1::3')).kind).toBe('admit');
    gate.leave(9);
    expect(gate.halfOpen).toBe(2);
    gate.leave(1);
    gate.leave(1);
    expect(gate.halfOpen).toBe(1);
  });
});
