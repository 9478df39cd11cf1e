import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeMessage } from '../../../n3iwf/kernel/netlink.ts';
import { type Marks, prefixesOf, removeOurs } from '../../../n3iwf/kernel/ours.ts';
import {
  inboundPolicy,
  outboundPolicy,
  outboundState,
  refusals,
  wide,
} from '../../../n3iwf/kernel/states.ts';
import type { XfrmRequest } from '../../../n3iwf/kernel/xfrm.ts';
import { encodeXfrm } from '../../../n3iwf/kernel/xfrm.ts';
import { formatAddress, requireAddress } from '../../../n3iwf/userplane/address.ts';
import { FakeKernel } from './fake-kernel.ts';

const base = 0x4e000000;
const own = requireAddress('10.45.0.1');
const inner = requireAddress('10.45.0.2');
const pools = prefixesOf('10.45.0.0/24');
const marks: Marks = { markBase: base, local: requireAddress('192.0.2.1'), own: [own], pools };
const options = { window: 1024, limits: {}, ifId: 0, nasPort: 20_000 };

/** Requests of a node at `local` that crashed. */
function leftBy(local: string, number = base + 7, isSignalling = false): XfrmRequest[] {
  const keys = { encr: new Uint8Array(36), integ: new Uint8Array(0) };
  const sa = {
    child: {
      id: 1,
      ikeSaId: 1,
      spiIn: 1,
      spiOut: number,
      suite: { encr: 'aes256-gcm16', integ: 'none', esn: false },
      suiteName: '',
      keysIn: keys,
      keysOut: keys,
      trafficSelectorsLocal: [],
      trafficSelectorsRemote: [],
      udpEncapsulation: true,
      local: { address: local, port: 4500 },
      remote: { address: '203.0.113.7', port: 4500 },
    },
    number,
    isSignalling,
    inner,
    own,
    remote: { address: '203.0.113.7', port: 4500 },
  } as const;
  return [outboundState(sa, options), outboundPolicy(sa, options)];
}

function put(kernel: FakeKernel, requests: readonly XfrmRequest[]): void {
  for (const request of requests) {
    const { type, fixed, attributes } = encodeXfrm(request);
    kernel.exchange([encodeMessage({ type, flags: 0, sequence: 0 }, fixed, attributes)]);
  }
}

describe('what a run that crashed has left', () => {
  it('is found and taken away: states with and without a mark, policies of every kind', () => {
    const kernel = new FakeKernel();
    put(kernel, [...leftBy('192.0.2.1'), ...leftBy('192.0.2.1', base + 8, true)]);
    put(kernel, [inboundPolicy(inner, own, marks.local, options), ...refusals(own, pools)]);
    expect([kernel.states.size, kernel.policies.size]).toEqual([2, 6]);
    expect(removeOurs(kernel, marks)).toEqual({ states: 2, policies: 6 });
    expect([kernel.states.size, kernel.policies.size]).toEqual([0, 0]);
    const deletions = kernel.asked.filter((name) => name.startsWith('del'));
    expect(deletions.indexOf('delSa')).toBe(6); // policies first: no packet asks for a state that is gone
  });

  it('with an XFRM interface goes as well', () => {
    const kernel = new FakeKernel();
    put(kernel, [inboundPolicy(inner, own, marks.local, { ...options, ifId: 9 })]);
    removeOurs(kernel, marks);
    expect(kernel.policies.size).toBe(0);
  });

  it('another node’s states, and whatever others put there, stay', () => {
    const kernel = new FakeKernel();
    const [foreignState] = leftBy('192.0.2.99');
    const [small, policy] = leftBy('192.0.2.1', 5);
    const others = [
      foreignState,
      small,
      { ...policy, body: { ...policy?.body, priority: 100 } },
      {
        name: 'updPolicy',
        body: {
          sel: { family: 2, daddr: wide(requireAddress('10.46.0.1')), prefixlenD: 32 },
          priority: 0x7e33,
        },
      },
    ] as XfrmRequest[];
    put(kernel, others);
    expect(removeOurs(kernel, marks)).toEqual({ states: 0, policies: 0 });
    expect([kernel.states.size, kernel.policies.size]).toEqual([2, 2]);
  });
});

describe('prefixes of a pool', () => {
  it.each([
    ['10.45.0.0/16', ['10.45.0.0/16']],
    ['2001:db8::/64', ['2001:db8::/64']],
    ['10.45.0.10-10.45.0.10', ['10.45.0.10/32']],
    ['10.45.0.0-10.45.0.255', ['10.45.0.0/24']],
    ['10.45.0.1-10.45.0.6', ['10.45.0.1/32', '10.45.0.2/31', '10.45.0.4/31', '10.45.0.6/32']],
    ['2001:db8::-2001:db8::2', ['2001:db8::/127', '2001:db8::2/128']],
  ])('%s', (pool, expected) => {
    expect(prefixesOf(pool).map(([address, length]) => `${formatAddress(address)}/${length}`)).toEqual(
      expected,
    );
  });

  it('cover a range, all of it and nothing else, without overlap', () => {
    const text = (value: number) => [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff).join('.');
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff0000 }), fc.nat(5000), (first, count) => {
        const last = first + count;
        let next = first;
        for (const [address, length] of prefixesOf(`${text(first)}-${text(last)}`)) {
          expect(Buffer.from(address).readUInt32BE()).toBe(next);
          next += 2 ** (32 - length);
        }
        expect(next).toBe(last + 1);
      }),
    );
  });
});
