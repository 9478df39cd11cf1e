import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { runKme, startKmes } from '../../../n3iwf/cli/kme.ts';
import { type KmeConfigInput, readKmeConfig } from '../../../n3iwf/cli/kme-config.ts';
import { askControl } from '../../../n3iwf/io/control-http.ts';

const PAIR = {
  seed: 's',
  nodes: [
    { kmeId: 'a', saeIds: ['one'] },
    { kmeId: 'b', saeIds: ['two'] },
  ],
  links: [{ between: ['a', 'b'] as [string, string], initialBits: 2560 }],
} satisfies KmeConfigInput;

describe('the configuration of the KMEs', () => {
  it('fills in what is left out', () => {
    const config = readKmeConfig(PAIR, 'f.yaml');
    expect(config.nodes[0]?.listen).toEqual({ address: '127.0.0.1', port: 0 });
    expect(config.links[0]?.profile).toMatchObject({ rateBitsPerSecond: 100_000, qber: 0.02, meanOutMs: 0 });
  });

  it.each([
    [{ ...PAIR, speed: 1 }, 'speed'],
    [{ ...PAIR, nodes: [] }, 'nodes'],
    [{ ...PAIR, keySizeBits: 100 }, 'keySizeBits'],
    [{ ...PAIR, links: [{ between: ['a', 'c'] }] }, 'links: there is no KME c'],
    [{ ...PAIR, links: [{ between: ['a', 'b'], qber: 0.9 }] }, 'links.0.qber'],
    [{ ...PAIR, links: [{ between: ['a', 'b'], meanOutMs: 5 }] }, 'meanUpMs must be above 0'],
    [{ ...PAIR, nodes: [...PAIR.nodes, { kmeId: 'a', saeIds: ['x'] }] }, 'the KME a stands there twice'],
    [
      { ...PAIR, nodes: [...PAIR.nodes, { kmeId: 'c', saeIds: ['two'] }] },
      'the SAE two stands at two places',
    ],
    [{ ...PAIR, links: [{ between: ['a', 'b'], profile: 'moon' }] }, 'links.0.profile'],
    [{ ...PAIR, links: [{ between: ['a', 'b'], distanceKm: 3 }] }, 'for a link with a profile'],
    [{ seed: 's' }, 'nodes: there is none, and no ring'],
    [{ ring: { nodes: 2 } }, 'ring.nodes'],
    [{ ...PAIR, control: {} }, 'control'],
    [null, '(top)'],
  ])('refuses a wrong one and says where: %#', (document, place) => {
    expect(() => readKmeConfig(document, 'f.yaml')).toThrow(/^f\.yaml is not usable:\n {2}/);
    expect(() => readKmeConfig(document, 'f.yaml')).toThrow(place);
  });
});

describe('running KMEs and their seeds', () => {
  it('share the same keys for the same seed', async () => {
    const keyIds: string[] = [];
    for (let run = 0; run < 2; run++) {
      const kmes = await startKmes(readKmeConfig(PAIR, 'f'));
      const drawn = await (await kmes.client('one')).encKeys('two');
      if (!drawn.ok) throw new Error(drawn.error.detail);
      keyIds.push(drawn.value[0]?.keyId ?? '');
      const fetched = await (await kmes.client('two')).decKeys('one', [keyIds[run] ?? '']);
      expect(fetched.ok && drawn.value[0] && fetched.value[0]?.secret.equals(drawn.value[0].secret)).toBe(
        true,
      );
      await expect(kmes.access('three')).rejects.toThrow('no KME serves the SAE three');
      await kmes.close();
    }
    expect(keyIds[0]).toBe(keyIds[1]);
  });

  it('share other keys at each start without a seed, and say which one it was', async () => {
    const { seed: _, ...pair } = PAIR;
    const drawn: { readonly seed: string; readonly keyId: string | undefined }[] = [];
    const start = async (seed?: string) => {
      const kmes = await startKmes(readKmeConfig({ ...pair, ...(seed === undefined ? {} : { seed }) }, 'f'));
      const keys = await (await kmes.client('one')).encKeys('two');
      drawn.push({ seed: kmes.seed, keyId: keys.ok ? keys.value[0]?.keyId : undefined });
      await kmes.close();
    };
    await start();
    await start();
    expect(drawn[0]!.seed).toMatch(/^[0-9a-f]{32}$/);
    expect(drawn[1]!.seed).not.toBe(drawn[0]!.seed);
    expect(drawn[1]!.keyId).not.toBe(drawn[0]!.keyId);
    await start(drawn[0]!.seed);
    expect(drawn[2]).toEqual(drawn[0]);
  });
});

describe('running KMEs, and who has which key', () => {
  it('serve 18 nodes and 153 pairs in one process, and no pair has the key of another', async () => {
    const names = Array.from({ length: 18 }, (_, index) => `n${index}`);
    const nodes = names.map((name) => ({ kmeId: name, saeIds: [`sae-${name}`] }));
    const links = names.flatMap((a, index) =>
      names.slice(index + 1).map((b) => ({ between: [a, b] as [string, string], initialBits: 2560 })),
    );
    expect(links).toHaveLength(153);
    const kmes = await startKmes(readKmeConfig({ nodes, links }, 'f'));
    const clients = new Map(
      await Promise.all(names.map(async (name) => [name, await kmes.client(`sae-${name}`)] as const)),
    );
    const keyIds = new Set<string>();
    for (const [index, { between }] of links.entries()) {
      const [a, b] = between;
      const third = names.find((name) => name !== a && name !== b) ?? '';
      const drawn = await clients.get(a)!.encKeys(`sae-${b}`);
      if (!drawn.ok) throw new Error(drawn.error.detail);
      const { keyId, secret } = drawn.value[0]!;
      keyIds.add(keyId);
      expect(await clients.get(third)!.decKeys(`sae-${a}`, [keyId])).toMatchObject({
        error: { kind: 'unauthorised' },
      });
      const fetched = await clients.get(b)!.decKeys(`sae-${a}`, [keyId]);
      expect(fetched.ok && fetched.value[0]?.secret.equals(secret), `pair ${index}`).toBe(true);
    }
    expect(keyIds.size).toBe(153);
    await kmes.close();
  });
});

describe('running KMEs, as a network', () => {
  it('serve all 153 pairs of a ring of 18 in less than 30 s from cold, and no pair has the key of another', async () => {
    const began = performance.now();
    const kmes = await startKmes(readKmeConfig({ ring: {} }, 'f'));
    const saeIds = Array.from({ length: 18 }, (_, index) => `sae-${index + 1}`);
    const clients = await Promise.all(saeIds.map((saeId) => kmes.client(saeId)));
    const pairs = saeIds.flatMap((_, a) => saeIds.slice(a + 1).map((__, b) => [a, a + 1 + b] as const));
    expect(pairs).toHaveLength(153);
    const drawn = new Map<string, readonly [number, number]>();
    for (const pair of pairs) {
      const [a, b] = pair;
      // Cold: the links begin empty, so the first pairs wait for the first bits.
      for (;;) {
        const got = await clients[a]!.encKeys(saeIds[b]!);
        if (got.ok) {
          const { keyId, secret } = got.value[0]!;
          drawn.set(keyId, pair);
          const fetched = await clients[b]!.decKeys(saeIds[a]!, [keyId]);
          expect(fetched.ok && fetched.value[0]?.secret.equals(secret)).toBe(true);
          break;
        }
        expect(got.error.kind).toBe('unavailable');
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
    const coldMs = performance.now() - began;
    expect(coldMs).toBeLessThan(30_000);
    expect(drawn.size).toBe(153);
    // Keys that wait for their slave: everyone else asks for them, by every name of a master.
    const waiting = await clients[0]!.encKeys('sae-2');
    if (!waiting.ok) throw new Error(waiting.error.detail);
    const keyId = waiting.value[0]!.keyId;
    for (const [index, client] of clients.entries())
      for (const master of saeIds)
        if (index !== 1 || master !== 'sae-1')
          expect((await client.decKeys(master, [keyId])).ok, `${saeIds[index]} as slave of ${master}`).toBe(
            false,
          );
    expect((await clients[1]!.decKeys('sae-1', [keyId])).ok).toBe(true);
    await kmes.close();
  });

  it('write the credentials of their SAEs, keys for their owner only', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kme-'));
    const kmes = await startKmes(readKmeConfig({ ...PAIR, credentialsFolder: join(folder, 'pem') }, 'f'));
    await kmes.close();
    expect(readdirSync(join(folder, 'pem')).sort()).toEqual([
      'authority.pem',
      'one.key',
      'one.pem',
      'two.key',
      'two.pem',
    ]);
    expect(statSync(join(folder, 'pem', 'one.key')).mode & 0o777).toBe(0o600);
    rmSync(folder, { recursive: true });
  });
});

describe('running KMEs, from start to end', () => {
  it('leave nothing open when an address is busy', async () => {
    const first = await startKmes(readKmeConfig(PAIR, 'f'));
    const port = Number(new URL(first.sites[0]?.url ?? '').port);
    const nodes = (PAIR.nodes as KmeConfigInput['nodes'] & object).with(1, {
      kmeId: 'b',
      saeIds: ['two'],
      listen: { address: '127.0.0.1', port },
    });
    await expect(startKmes(readKmeConfig({ ...PAIR, nodes }, 'f'))).rejects.toMatchObject({
      code: 'N3IWF_E_BIND',
      message: expect.stringContaining(`KME b cannot listen on 127.0.0.1:${port}`),
    });
    await first.close();
  });

  it('cut every link at SIGUSR2 and join them at the next, as a command', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kme-'));
    const file = join(folder, 'kme.yaml');
    const socket = join(folder, 'kme.sock');
    writeFileSync(file, JSON.stringify({ ...PAIR, control: { path: socket } }));
    const status = runKme(file);
    const isUp = async () => {
      const { body } = await askControl(socket, 'GET', '/links');
      return (body as Record<string, { up: boolean }>)['a:b']?.up;
    };
    await vi.waitFor(async () => expect(await isUp()).toBe(true), { timeout: 5000, interval: 20 });
    await vi.waitFor(() => expect(process.listenerCount('SIGUSR2')).toBeGreaterThan(0));
    process.emit('SIGUSR2');
    expect(await isUp()).toBe(false);
    process.emit('SIGUSR2');
    expect(await isUp()).toBe(true);
    await vi.waitFor(() => expect(process.listenerCount('SIGTERM')).toBeGreaterThan(0));
    process.emit('SIGTERM');
    expect(await status).toBe(0);
    expect(process.listenerCount('SIGUSR2')).toBe(0);
    rmSync(folder, { recursive: true });
  });
});

describe('running KMEs as a command', () => {
  it.each([
    ['of the file', { ...PAIR, seed: 'words' }, {}, /follow from the seed words, and who knows it/, true],
    ['of the command', { ...PAIR, seed: 'words' }, { seed: 'others' }, /the seed others,/, true],
    ['made for the run', { ...PAIR, seed: undefined }, {}, /the seed [0-9a-f]{32},/, false],
  ])('tell the seed %s, and warn of one that is set', async (_, document, options, said, warns) => {
    const folder = mkdtempSync(join(tmpdir(), 'kme-'));
    const file = join(folder, 'kme.yaml');
    writeFileSync(file, JSON.stringify(document));
    const lines: string[] = [];
    const log = vi.spyOn(console, 'log').mockImplementation((line) => void lines.push(line));
    const status = runKme(file, options);
    const stop = setInterval(() => process.listenerCount('SIGTERM') > 0 && process.emit('SIGTERM'), 20);
    expect(await status).toBe(0);
    clearInterval(stop);
    log.mockRestore();
    expect(lines[0]).toMatch(said);
    expect(lines.some((line) => line.startsWith('warning: the seed is set'))).toBe(warns);
    rmSync(folder, { recursive: true });
  });

  it('run as a command until they are told to stop', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kme-'));
    const file = join(folder, 'kme.yaml');
    writeFileSync(file, JSON.stringify(PAIR));
    const status = runKme(file);
    const stop = setInterval(() => process.listenerCount('SIGTERM') > 0 && process.emit('SIGTERM'), 20);
    expect(await status).toBe(0);
    clearInterval(stop);
    await expect(runKme(join(folder, 'absent.yaml'))).rejects.toThrow('absent.yaml');
    writeFileSync(file, 'nodes: [');
    await expect(runKme(file)).rejects.toMatchObject({ code: 'N3IWF_E_CONFIG' });
    rmSync(folder, { recursive: true });
  });
});
