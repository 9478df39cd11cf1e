import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CP_ATTRIBUTE } from '#ikev2';
import { AddressPool } from '../../../n3iwf/ue/address-pool.ts';
import { NumberAllocator } from '../../../n3iwf/ue/allocator.ts';
import { UeContext } from '../../../n3iwf/ue/context.ts';
import { InnerNetwork } from '../../../n3iwf/ue/inner-network.ts';
import { maxRanUeNgapId, UeRegistry } from '../../../n3iwf/ue/registry.ts';
import { formatAddress } from '../../../n3iwf/userplane/address.ts';

describe('number allocator', () => {
  test('never hands a number out twice, whatever is released in between', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.nat(7), { nil: undefined }), { maxLength: 200 }), (steps) => {
        const allocator = new NumberAllocator(10, 17);
        const held = new Set<number>();
        for (const step of steps) {
          if (step === undefined) {
            const value = allocator.allocate();
            expect(value === undefined).toBe(held.size === 8);
            if (value === undefined) continue;
            expect(held.has(value)).toBe(false);
            expect(value).toBeGreaterThanOrEqual(10);
            expect(value).toBeLessThanOrEqual(17);
            held.add(value);
          } else {
            held.delete(10 + step);
            allocator.release(10 + step);
          }
          expect(allocator.used).toBe(held.size);
        }
      }),
    );
  });

  test('lets a freed number rest until the range has gone round', () => {
    const allocator = new NumberAllocator(1, 3);
    allocator.allocate();
    allocator.release(1);
    expect([allocator.allocate(), allocator.allocate(), allocator.allocate()]).toEqual([2, 3, 1]);
  });

  test('[TS38413 9.3.3.2] RAN-UE-NGAP-ID 4294967295 is outside the range', () => {
    expect(maxRanUeNgapId).toBeLessThan(4294967295);
    const registry = new UeRegistry();
    expect(registry.allocateId()).toBe(1);
  });
});

describe('address pool', () => {
  test('keeps the network, broadcast and reserved addresses back and ends when all are out', () => {
    const pool = new AddressPool('10.9.8.0/29', ['10.9.8.1']);
    const handed = Array.from({ length: 5 }, () => formatAddress(pool.allocate() ?? new Uint8Array(4)));
    expect(handed).toEqual(['10.9.8.2', '10.9.8.3', '10.9.8.4', '10.9.8.5', '10.9.8.6']);
    expect(pool.allocate()).toBeUndefined();
    pool.release(Uint8Array.of(10, 9, 8, 4));
    expect(pool.allocate()).toEqual(Uint8Array.of(10, 9, 8, 4));
    expect(pool.netmask).toEqual(Uint8Array.of(255, 255, 255, 248));
  });

  test('takes the network of any address inside it', () => {
    expect(new AddressPool('192.168.7.99/24', []).allocate()).toEqual(Uint8Array.of(192, 168, 7, 1));
  });

  test.each([
    '10.0.0.0',
    '10.0.0/8',
    '10.0.0.0/31',
    '10.0.0.0/7',
    'x/24',
    '10.0.0.0/2x',
    '10.0.0.0/',
    '2001:db8::/31',
    '2001:db8::/127',
  ])('refuses the prefix %s', (prefix) => {
    expect(() => new AddressPool(prefix, [])).toThrow(/is no IPv4 prefix/);
  });

  test.each(['10.0.0.9-10.0.0.8', '10.0.0.1-2001:db8::1', '10.0.0.1-', '-', '10.0.0.1-10.0.0.2-10.0.0.3'])(
    'refuses the range %s',
    (range) => {
      expect(() => new AddressPool(range, [])).toThrow(/is no range/);
    },
  );
});

describe('addresses of a pool', () => {
  test('a range hands out its ends too, and crosses octets', () => {
    const pool = new AddressPool('10.9.8.254-10.9.9.1', ['10.9.8.255', '192.0.2.1']);
    const handed = Array.from({ length: 3 }, () => formatAddress(pool.allocate() ?? new Uint8Array(4)));
    expect(handed).toEqual(['10.9.8.254', '10.9.9.0', '10.9.9.1']);
    expect(pool.allocate()).toBeUndefined();
    expect(pool.netmask).toEqual(Uint8Array.of(255, 255, 255, 255));
  });

  test('an IPv6 prefix hands out hosts of it, distinct and inside', () => {
    const pool = new AddressPool('2001:db8:45::/64', ['2001:db8:45::1']);
    expect([pool.family, pool.prefixLength]).toEqual([16, 64]);
    const handed = Array.from({ length: 300 }, () => formatAddress(pool.allocate() ?? new Uint8Array(16)));
    expect(new Set(handed).size).toBe(300);
    expect(handed.slice(0, 2)).toEqual(['2001:db8:45::2', '2001:db8:45::3']);
    expect(handed.at(-1)).toBe('2001:db8:45::12d');
    pool.release(Uint8Array.of(10, 0, 0, 1));
    expect(pool.used).toBe(300);
  });

  test('an address set aside goes to its UE alone, and again when it comes back', () => {
    const pool = new AddressPool('10.9.8.0/29', ['10.9.8.1'], new Map([['car-7', '10.9.8.2']]));
    expect(formatAddress(pool.allocate('other') ?? new Uint8Array(4))).toBe('10.9.8.3');
    const own = pool.allocate('car-7') ?? new Uint8Array(4);
    expect(formatAddress(own)).toBe('10.9.8.2');
    expect(formatAddress(pool.allocate('car-7') ?? new Uint8Array(4))).toBe('10.9.8.4');
    expect(pool.used).toBe(3);
    pool.release(own);
    expect(pool.used).toBe(2);
    expect(pool.allocate('car-7')).toEqual(own);
    expect(() => new AddressPool('10.9.8.0/29', [], new Map([['x', '10.9.9.1']]))).toThrow(/of x is not in/);
  });

  test('what is released comes back, whatever was done in between', () => {
    const pools = fc.constantFrom('10.9.8.0/29', '10.9.8.254-10.9.9.3', '2001:db8::/125', '::ffff-::1:4');
    fc.assert(
      fc.property(pools, fc.array(fc.nat(9), { maxLength: 60 }), (text, steps) => {
        const pool = new AddressPool(text, []);
        const held: Uint8Array[] = [];
        for (const step of steps) {
          const given = step < 6 ? pool.allocate() : undefined;
          if (given !== undefined) {
            expect(held.map(formatAddress)).not.toContain(formatAddress(given));
            held.push(given);
          } else if (step < 6) expect(held).toHaveLength(6);
          else for (const gone of held.splice(step - 6, 1)) pool.release(gone);
          expect(pool.used).toBe(held.length);
        }
      }),
    );
  });
});

describe('the network inside the tunnels', () => {
  const ask = (...types: number[]) => types.map((type) => ({ type, value: new Uint8Array(0) }));
  const { INTERNAL_IP4_ADDRESS, INTERNAL_IP4_DNS, INTERNAL_IP6_ADDRESS, INTERNAL_IP6_DNS } = CP_ATTRIBUTE;
  const network = new InnerNetwork({
    pool: '10.9.8.0/30',
    address: '10.9.8.1',
    pool6: '2001:db8::/64',
    address6: '2001:db8::1',
    dns: ['192.0.2.53', '2001:db8::53'],
    pCscf: ['2001:db8::5060'],
    fixed: new Map([['ue-1', '2001:db8::7']]),
  });
  const texts = (assigned: ReturnType<InnerNetwork['assign']>) => {
    if (typeof assigned === 'string') return assigned;
    const { inner, own, attributes } = assigned;
    return [
      ...[inner, own].map(formatAddress),
      ...attributes.map(({ type, value }) => `${type} ${Buffer.from(value).toString('hex')}`),
    ];
  };

  test('[RFC7296 3.15.1] answers what is asked for: IPv4 first, IPv6 when IPv4 is out, with the servers of both', () => {
    const both = ask(INTERNAL_IP6_ADDRESS, INTERNAL_IP4_ADDRESS, INTERNAL_IP4_DNS);
    const first = network.assign(both, 'ue-9');
    expect(texts(first)).toEqual(['10.9.8.2', '10.9.8.1', '1 0a090802', '2 fffffffc', '3 c0000235']);
    const second = network.assign(both, 'ue-9');
    const prefix = '20010db8000000000000000000';
    expect(texts(second)).toEqual(['2001:db8::2', '2001:db8::1', `8 ${prefix}00000240`, '3 c0000235']);
    const servers = ask(INTERNAL_IP6_ADDRESS, INTERNAL_IP6_DNS, CP_ATTRIBUTE.P_CSCF_IP6_ADDRESS);
    expect(texts(network.assign(servers, 'ue-1'))).toEqual([
      '2001:db8::7',
      '2001:db8::1',
      `8 ${prefix}00000740`,
      `10 ${prefix}000053`,
      `21 ${prefix}005060`,
    ]);
    expect(network.used).toBe(3);
    for (const assigned of [first, second]) if (typeof assigned !== 'string') network.release(assigned.inner);
    expect(network.used).toBe(1);
  });

  test('[TS24502 7.3.4] tells a request for nothing from a pool with nothing left', () => {
    const small = new InnerNetwork({ pool: '10.9.8.0/30', address: '10.9.8.1' });
    expect(small.assign(undefined, '')).toBe('notAsked');
    expect(small.assign(ask(INTERNAL_IP6_ADDRESS), '')).toBe('notAsked');
    expect(small.assign(ask(INTERNAL_IP4_ADDRESS), '')).toMatchObject({ own: Uint8Array.of(10, 9, 8, 1) });
    expect(small.assign(ask(INTERNAL_IP4_ADDRESS, INTERNAL_IP6_ADDRESS), '')).toBe('exhausted');
    expect(small.ownFor(new Uint8Array(16))).toBeUndefined();
    small.release(new Uint8Array(16));
  });

  test.each([
    { pool: '2001:db8::/64', address: '2001:db8::1' },
    { pool: '10.9.8.0/24', address: '2001:db8::1' },
    { pool: '10.9.8.0/24', address: '10.9.8.1', pool6: '10.9.9.0/24', address6: '2001:db8::1' },
  ])('refuses networks of mixed families: %o', (config) => {
    expect(() => new InnerNetwork(config)).toThrow(RangeError);
  });
});

describe('UE registry', () => {
  const make = (registry: UeRegistry, ikeSaId: number) => {
    const ue = new UeContext(registry.allocateId() ?? 0, ikeSaId, { address: '192.0.2.1', port: 500 }, 7, 0);
    registry.add(ue);
    return ue;
  };

  test('finds a UE by each of its numbers and forgets all of them at once', () => {
    const registry = new UeRegistry();
    const one = make(registry, 11);
    const two = make(registry, 12);
    expect(registry.ofId(one.id)).toBe(one);
    expect(registry.ofIkeSa(12)).toBe(two);
    registry.remove(one);
    registry.remove(one);
    expect([registry.ofId(one.id), registry.ofIkeSa(11), registry.size]).toEqual([undefined, undefined, 1]);
    expect([...registry]).toEqual([two]);
  });

  test('follows a rekeyed IKE SA', () => {
    const registry = new UeRegistry();
    const ue = make(registry, 11);
    registry.moveIkeSa(ue, 99);
    expect([registry.ofIkeSa(11), registry.ofIkeSa(99)]).toEqual([undefined, ue]);
  });
});

describe('another inner network', () => {
  const ask = [{ type: CP_ATTRIBUTE.INTERNAL_IP4_ADDRESS, value: new Uint8Array(0) }];
  const given = (network: InnerNetwork, name = '') => {
    const assigned = network.assign(ask, name);
    return typeof assigned === 'string' ? assigned : assigned.inner.join('.');
  };
  const octets = (text: string) => Uint8Array.from(text.split('.').map(Number));

  test('keeps what UEs have, and gives none of it to others', () => {
    const old = new InnerNetwork({ pool: '10.9.8.0/29', address: '10.9.8.1' });
    const held = [given(old), given(old)];
    const next = old.renewed({
      pool: '10.9.8.0/29',
      address: '10.9.8.1',
      fixed: new Map([['car', held[1]!]]),
    });
    expect(next.used).toBe(2);
    const others = [given(next), given(next), given(next), given(next, 'car')];
    expect(others).not.toContain(held[0]);
    expect(others).not.toContain(held[1]);
    expect(others[3]).toBe('exhausted');
    next.release(octets(held[1]!));
    expect(given(next, 'car')).toBe(held[1]);
  });

  test('takes addresses back that are none of its own', () => {
    const old = new InnerNetwork({ pool: '10.9.8.0/29', address: '10.9.8.1' });
    const held = given(old);
    const next = old.renewed({ pool: '10.7.6.0/30', address: '10.7.6.1' });
    expect(next.used).toBe(1);
    next.release(octets(held));
    next.release(octets(held));
    expect(next.used).toBe(0);
    expect([given(next), given(next)]).toEqual(['10.7.6.2', 'exhausted']);
  });
});
