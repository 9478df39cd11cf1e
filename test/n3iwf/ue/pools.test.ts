import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AddressPool, ipv4Octets, ipv4Text } from '../../../n3iwf/ue/address-pool.ts';
import { NumberAllocator } from '../../../n3iwf/ue/allocator.ts';
import { UeContext } from '../../../n3iwf/ue/context.ts';
import { maxRanUeNgapId, UeRegistry } from '../../../n3iwf/ue/registry.ts';

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
    const handed = Array.from({ length: 5 }, () => ipv4Text(pool.allocate() ?? new Uint8Array()));
    expect(handed).toEqual(['10.9.8.2', '10.9.8.3', '10.9.8.4', '10.9.8.5', '10.9.8.6']);
    expect(pool.allocate()).toBeUndefined();
    pool.release(Uint8Array.of(10, 9, 8, 4));
    expect(pool.allocate()).toEqual(Uint8Array.of(10, 9, 8, 4));
    expect(pool.netmask).toEqual(Uint8Array.of(255, 255, 255, 248));
  });

  test('takes the network of any address inside it', () => {
    expect(new AddressPool('192.168.7.99/24', []).allocate()).toEqual(Uint8Array.of(192, 168, 7, 1));
  });

  test.each(['10.0.0.0', '10.0.0/8', '10.0.0.0/31', '10.0.0.0/7', 'x/24', '10.0.0.0/2x'])(
    'refuses %s',
    (prefix) => {
      expect(() => new AddressPool(prefix, [])).toThrow(/is no IPv4 prefix/);
    },
  );

  test('reads and writes dotted text', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), (octets) => {
        expect(ipv4Octets(ipv4Text(octets))).toEqual(octets);
      }),
    );
    for (const wrong of ['', '1.2.3', '1.2.3.256', '1.2.3.-4', '1.2.3.4.5', '1.2.3.a', '1..2.3']) {
      expect(ipv4Octets(wrong)).toBeUndefined();
    }
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
