import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KmeNetwork, LinkSimulator } from '#qkd';

/** A line a - b - c - d with `bits` on each hop, and e apart. */
function line(bits: readonly number[]): { network: KmeNetwork; hops: LinkSimulator[] } {
  const names = ['a', 'b', 'c', 'd', 'e'];
  const hops = bits.map(
    (initialBits, index) => new LinkSimulator(`hop ${index}`, { initialBits, rateBitsPerSecond: 0 }),
  );
  const network = new KmeNetwork(
    names.map((name) => ({ kmeId: name, saeIds: [`sae-${name}`] })),
    hops.map((simulator, index) => ({ between: [names[index]!, names[index + 1]!] as const, simulator })),
  );
  return { network, hops };
}

describe('keys over trusted nodes', () => {
  it('cost each hop as many bits, and reach the far end equal', () => {
    const { network, hops } = line([2560, 1280, 5120]);
    const drawn = network.draw(0, 'sae-a', ['sae-d'], 2, 256);
    if (!drawn.ok) throw new Error(drawn.error);
    expect(hops.map((hop) => hop.state().availableBits)).toEqual([2048, 768, 4608]);
    const ids = drawn.value.map((key) => key.keyId);
    const fetched = network.collect('sae-a', 'sae-d', ids);
    if (!fetched.ok) throw new Error(fetched.error);
    for (const [index, key] of fetched.value.entries())
      expect(key.secret.equals(drawn.value[index]!.secret)).toBe(true);
  });

  it('are as many as the poorest hop has', () => {
    const { network, hops } = line([2560, 512, 2560]);
    expect(network.draw(0, 'sae-a', ['sae-d'], 2, 256).ok).toBe(true);
    expect(network.draw(0, 'sae-a', ['sae-d'], 1, 256)).toEqual({ ok: false, error: 'exhausted' });
    expect(hops.map((hop) => hop.state().availableBits)).toEqual([2048, 0, 2048]);
  });

  it('are none where no path leads, nor within one node', () => {
    const { network } = line([2560]);
    expect(network.draw(0, 'sae-a', ['sae-e'], 1, 256)).toEqual({ ok: false, error: 'no-link' });
    expect(network.draw(0, 'sae-a', ['sae-x'], 1, 256)).toEqual({ ok: false, error: 'unknown-sae' });
    const both = new KmeNetwork([{ kmeId: 'a', saeIds: ['one', 'two'] }], []);
    expect(both.draw(0, 'one', ['two'], 1, 256)).toEqual({ ok: false, error: 'no-link' });
  });

  it('to several slaves over a shared hop cost it once per slave', () => {
    const { network, hops } = line([2560, 2560]);
    expect(network.draw(0, 'sae-a', ['sae-b', 'sae-c'], 1, 256).ok).toBe(true);
    expect(hops.map((hop) => hop.state().availableBits)).toEqual([2048, 2304]);
  });
});

describe('keys over trusted nodes, in any network', () => {
  it('take the shorter way around a ring', () => {
    const names = Array.from({ length: 6 }, (_, index) => `n${index}`);
    const hops = names.map(
      (_, index) => new LinkSimulator(`r${index}`, { initialBits: 2560, rateBitsPerSecond: 0 }),
    );
    const network = new KmeNetwork(
      names.map((name) => ({ kmeId: name, saeIds: [`s-${name}`] })),
      hops.map((simulator, index) => ({
        between: [names[index]!, names[(index + 1) % 6]!] as const,
        simulator,
      })),
    );
    for (let a = 0; a < 6; a++)
      for (let b = 0; b < 6; b++) {
        if (a === b) continue;
        const way = network.route(0, `s-n${a}`, `s-n${b}`);
        expect(way.ok && way.value.length, `${a} to ${b}`).toBe(Math.min((a - b + 6) % 6, (b - a + 6) % 6));
      }
  });

  it('never reach one who was not named, whatever is asked', () => {
    const saes = ['sae-a', 'sae-b', 'sae-c', 'sae-d'];
    const pair = fc.tuple(fc.constantFrom(...saes), fc.constantFrom(...saes));
    fc.assert(
      fc.property(fc.array(pair, { maxLength: 12 }), fc.array(pair, { maxLength: 30 }), (draws, asks) => {
        const { network } = line([100_000, 100_000, 100_000]);
        const owners = new Map<string, readonly [string, string]>();
        for (const [master, slave] of draws) {
          if (master === slave) continue;
          const drawn = network.draw(0, master, [slave], 1, 256);
          if (drawn.ok) owners.set(drawn.value[0]!.keyId, [master, slave]);
        }
        for (const [master, slave] of asks)
          for (const [keyId, [from, to]] of owners) {
            const mine = from === master && to === slave;
            expect(network.collect(master, slave, [keyId]).ok).toBe(mine);
            if (mine) owners.delete(keyId);
          }
        expect(network.counts().waiting).toBe(owners.size);
      }),
    );
  });
});
