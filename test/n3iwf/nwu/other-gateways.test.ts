import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gatewayOf, OtherGateways } from '../../../n3iwf/nwu/other-gateways.ts';

const names = fc.uniqueArray(fc.constantFrom('192.0.2.2', '192.0.2.3', 'b.example.org', 'C.example.org'));

describe('the other nodes', () => {
  it('[RFC5685 3] are addresses or names', () => {
    expect(gatewayOf('192.0.2.2')).toEqual({ type: 'ipv4', name: '192.0.2.2' });
    expect(gatewayOf('n3iwf-b.example.org')).toEqual({ type: 'fqdn', name: 'n3iwf-b.example.org' });
  });

  it('get UEs in turns, each as many as another but for one', () => {
    fc.assert(
      fc.property(names, fc.integer({ min: 1, max: 30 }), (all, ues) => {
        const others = new OtherGateways(all);
        const shares = new Map<string, number>();
        for (let ue = 0; ue < ues; ue++) {
          const to = others.next('established');
          if (to !== undefined) shares.set(to.name, (shares.get(to.name) ?? 0) + 1);
        }
        const counts = all.map((name) => shares.get(name) ?? 0);
        if (all.length > 0) expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
        expect(others.counts).toEqual({ initial: 0, established: all.length === 0 ? 0 : ues });
      }),
    );
  });

  it('[RFC5685 4] never get a UE back that one of them sent', () => {
    fc.assert(
      fc.property(names, fc.constantFrom('192.0.2.2', 'B.Example.ORG'), (all, came) => {
        const others = new OtherGateways(all);
        for (let ue = 0; ue < 5; ue++) {
          const to = others.next('initial', gatewayOf(came));
          expect(to?.name.toLowerCase()).not.toBe(came.toLowerCase());
          const isOther = all.some((name) => name.toLowerCase() !== came.toLowerCase());
          expect(to !== undefined).toBe(isOther);
        }
      }),
    );
  });

  it('are others after a reload', () => {
    const others = new OtherGateways(['192.0.2.2']);
    others.replace(['192.0.2.9']);
    expect(others.next('initial')?.name).toBe('192.0.2.9');
    others.replace([]);
    expect(others.next('initial')).toBeUndefined();
    expect(others.counts.initial).toBe(1);
  });
});
