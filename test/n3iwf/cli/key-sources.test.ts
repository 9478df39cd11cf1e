/** Every source that `n3iwf run` takes, opened from a configuration against the real thing. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { encodeKeyFile, type KeyStore, Secret } from '#qkd';
import { type RunningKmes, startKmes } from '../../../n3iwf/cli/kme.ts';
import { readKmeConfig } from '../../../n3iwf/cli/kme-config.ts';
import { type NodeKeys, openKeys } from '../../../n3iwf/cli/open-keys.ts';
import { readConfig } from '../../../n3iwf/config.ts';
import { listenKeyStreams } from '../../../n3iwf/io/key-stream-socket.ts';
import { randomOctets } from '../../../n3iwf/io/machine.ts';
import { silentLog } from '../../../n3iwf/log.ts';
import type { QkdConfig } from '../../../n3iwf/qkd-config.ts';
import { FakeManager } from '../../qkd/etsi004/fake-manager.ts';

const folder = mkdtempSync(join(tmpdir(), 'key-sources-'));
const at = (name: string) => join(folder, name);
const example = parse(readFileSync(new URL('../../../deploy/n3iwf.example.yaml', import.meta.url), 'utf8'));
const common = { saeId: 'sae-n3iwf', ueSaeId: 'sae-ue' };
let kmes: RunningKmes;
let stores = 0;

beforeAll(async () => {
  writeFileSync(at('psk'), Buffer.alloc(32, 3));
  writeFileSync(at('transport.key'), Buffer.alloc(32, 4));
  const skip = { systems: [{ systemId: 'sae-n3iwf', keyFile: at('psk') }] };
  kmes = await startKmes(
    readKmeConfig(
      {
        nodes: [
          { kmeId: 'kme-ue', saeIds: ['sae-ue'] },
          { kmeId: 'kme-n3iwf', saeIds: ['sae-n3iwf'], skip },
        ],
        links: [{ between: ['kme-ue', 'kme-n3iwf'], initialBits: 256 * 100 }],
        credentialsFolder: folder,
      },
      'f',
    ),
  );
});

afterAll(async () => {
  await kmes.close();
  rmSync(folder, { recursive: true });
});

/** As `n3iwf run` reads it. */
function qkdOf(section: object): QkdConfig {
  const { qkd } = readConfig(
    { ...example, qkd: { ...common, store: at(`${++stores}.db`), ...section } },
    'test',
  );
  if (qkd === undefined) throw new Error('no qkd');
  return qkd;
}

const refusalOf = (section: object): string => {
  try {
    qkdOf(section);
    return 'accepted';
  } catch (error) {
    return String(error);
  }
};

const etsi014 = () => ({
  kme: kmes.sites[1]!.url,
  kmeId: 'kme-n3iwf',
  ca: at('authority.pem'),
  certificate: at('sae-n3iwf.pem'),
  key: at('sae-n3iwf.key'),
});

async function withKeys(section: object, act: (keys: NodeKeys) => Promise<void>): Promise<void> {
  const keys = await openKeys(qkdOf(section), silentLog);
  try {
    await act(keys);
  } finally {
    await keys.close();
  }
}

/** The key's octets, or why there is none. */
async function obtained(store: KeyStore): Promise<{ keyId: string; hex: string } | string> {
  const reply = await store.obtain('sae-ue');
  if (reply.status !== 'ok') return reply.reason;
  const hex = reply.secret.use((octets) => Buffer.from(octets).toString('hex'));
  return { keyId: reply.keyId, hex };
}

describe('the source of a running node', () => {
  it.each([
    ['a KME of ETSI GS QKD 014', () => etsi014(), 99],
    [
      'a SKIP provider',
      () => ({ skip: { url: kmes.skipSites[0]!.url, preSharedKeyFile: at('psk') } }),
      undefined,
    ],
  ])('may be %s', async (_, section, left) => {
    await withKeys(section(), async ({ store, source }) => {
      const key = await obtained(store);
      if (typeof key === 'string') throw new Error(key);
      const other = await (await kmes.client('sae-ue')).decKeys('sae-n3iwf', [key.keyId]);
      expect(other.ok && other.value[0]!.secret.use((octets) => Buffer.from(octets).toString('hex'))).toBe(
        key.hex,
      );
      const look = await source.look();
      expect(look.reachable).toBe(true);
      if (left === undefined) expect(look.storedKeys).toBeUndefined();
      else expect(look.storedKeys).toBeGreaterThan(50);
    });
  });

  it('may be streams of ETSI GS QKD 004 at a Unix socket', async () => {
    const manager = new FakeManager();
    const listener = await listenKeyStreams(at('streams.sock'), manager.at('sae-n3iwf'));
    await withKeys({ etsi004: { socket: at('streams.sock') } }, async ({ store }) => {
      const key = await obtained(store);
      expect(key).toMatchObject({ hex: expect.stringMatching(/^[0-9a-f]{64}$/) });
    });
    await listener.close();
    await expect(openKeys(qkdOf({ etsi004: { socket: at('streams.sock') } }), silentLog)).rejects.toThrow(
      /N3IWF_E_KME|key manager/,
    );
  });
});

describe('the source of a running node, in files or asked ahead', () => {
  it('may be files, one for each direction, whose keys are given once over all restarts', async () => {
    const sealed = (masterSaeId: string, slaveSaeId: string, first: number): string => {
      const keys = [0, 1].map((index) => ({
        keyId: `0a782fb5-3434-48fe-aa4d-14f41d46cf${(first + index).toString(16)}`,
        secret: Secret.own(new Uint8Array(32).fill(first + index)),
      }));
      const file = encodeKeyFile(
        { masterSaeId, slaveSaeId, keys },
        Secret.own(new Uint8Array(32).fill(4)),
        randomOctets,
      );
      writeFileSync(at(`${masterSaeId}.keys`), file);
      return at(`${masterSaeId}.keys`);
    };
    const files = [sealed('sae-ue', 'sae-n3iwf', 0x80), sealed('sae-n3iwf', 'sae-ue', 0x90)];
    const section = { keyFiles: { files, transportKeyFile: at('transport.key') }, store: at('files.db') };
    await withKeys(section, async ({ store, source }) => {
      expect(await source.look()).toEqual({ reachable: true, storedKeys: 4 });
      expect(await obtained(store)).toMatchObject({ hex: '90'.repeat(32) });
      expect(await store.fetch('sae-ue', '0a782fb5-3434-48fe-aa4d-14f41d46cf80')).toMatchObject({
        status: 'ok',
      });
    });
    await withKeys(section, async ({ store, source }) => {
      expect(await source.look()).toEqual({ reachable: true, storedKeys: 2 });
      expect(await obtained(store)).toMatchObject({ hex: '91'.repeat(32) });
      expect(await obtained(store)).toBe('unavailable');
      const again = await store.fetch('sae-ue', '0a782fb5-3434-48fe-aa4d-14f41d46cf80');
      expect(again).toMatchObject({ status: 'refused', reason: 'already-used' });
    });
  });

  it('is asked ahead of need where the configuration says so', async () => {
    await withKeys({ ...etsi014(), pool: { low: 4, high: 8 } }, async ({ store }) => {
      for (let tries = 0; tries < 100 && store.pooled('sae-ue') < 8; tries++)
        await new Promise((resolve) => setTimeout(resolve, 20));
      expect(store.pooled('sae-ue')).toBe(8);
      expect(typeof (await obtained(store))).toBe('object');
      expect(store.pooled('sae-ue')).toBe(7);
    });
  });
});

describe('the source of a running node, when it is wrong', () => {
  it.each([
    ['none', {}, /qkd\.kme: is missing: one of/],
    [
      'two',
      { kme: 'https://127.0.0.1', kmeId: 'k', ca: 'a', certificate: 'c', key: 'k', etsi004: { socket: 's' } },
      /qkd\.etsi004: stands beside qkd\.kme/,
    ],
    ['half a KME', { kme: 'https://127.0.0.1' }, /qkd\.kmeId: is missing, and qkd\.kme needs it/],
    [
      'a pool without room',
      { etsi004: { socket: 's' }, pool: { low: 5, high: 5 } },
      /qkd\.pool: low must be below high/,
    ],
    [
      'an unknown class',
      { etsi004: { socket: 's' }, keying: { rules: [{ class: 'x' }] } },
      /qkd\.keying: a rule names the unknown class x/,
    ],
  ])('is told to be wrong with %s', (_, section, message) => {
    expect(refusalOf(section)).toMatch(message);
  });

  it('that does not answer leaves nothing open', async () => {
    const section = { skip: { url: 'https://127.0.0.1:9', preSharedKeyFile: at('psk') } };
    await expect(openKeys(qkdOf(section), silentLog)).rejects.toThrow(
      /key provider at https:\/\/127\.0\.0\.1:9/,
    );
  });
});

describe('a KME that is far away', () => {
  const delayMs = 1500;
  const delay = (ms: number): void => {
    for (const manners of kmes.manners.values()) manners.delayMs = ms;
  };
  const timed = async (act: () => Promise<{ readonly status: string }>): Promise<number> => {
    const began = performance.now();
    expect((await act()).status).toBe('ok');
    return performance.now() - began;
  };

  it('is not waited for by keys that were announced, nor by those of the pool', {
    timeout: 30_000,
  }, async () => {
    await withKeys({ ...etsi014(), pool: { low: 2, high: 4 } }, async ({ store }) => {
      const drawn = await (await kmes.client('sae-ue')).encKeys('sae-n3iwf', 2);
      const [announced = '', unheard = ''] = drawn.ok ? drawn.value.map(({ keyId }) => keyId) : [];
      expect(await store.announce('sae-ue', [announced])).toBe(1);
      for (let tries = 0; tries < 200 && store.pooled('sae-ue') < 4; tries++)
        await new Promise((resolve) => setTimeout(resolve, 20));
      delay(delayMs);
      try {
        expect(await timed(() => store.fetch('sae-ue', announced))).toBeLessThan(delayMs / 2);
        expect(await timed(() => store.obtain('sae-ue'))).toBeLessThan(delayMs / 2);
        expect(await timed(() => store.fetch('sae-ue', unheard))).toBeGreaterThanOrEqual(delayMs - 50);
      } finally {
        delay(0);
      }
    });
  });
});

describe('certificates towards the KME', () => {
  it('are read again from their files, which have to fit', async () => {
    const copies = { certificate: at('renewed.pem'), key: at('renewed.key') };
    const copyOf = (name: string) => {
      writeFileSync(copies.certificate, readFileSync(at(`${name}.pem`)));
      writeFileSync(copies.key, readFileSync(at(`${name}.key`)));
    };
    copyOf('sae-n3iwf');
    const config = { ...etsi014(), ...copies };
    await withKeys(config, async ({ source }) => {
      const { renewal } = source;
      expect(renewal?.(qkdOf(config))()).toBe(false);
      writeFileSync(copies.key, readFileSync(at('sae-ue.key')));
      expect(() => renewal?.(qkdOf(config))).toThrow(/qkd\.ca, qkd\.certificate, qkd\.key: .*mismatch/);
      expect(() => renewal?.(qkdOf({ ...config, key: at('none') }))).toThrow(/qkd\.key: .*readable file/);
      expect(await source.look()).toMatchObject({ reachable: true });
      // a certificate of another SAE shows that it is the new one that the KME sees: it refuses this pair
      copyOf('sae-ue');
      expect(renewal?.(qkdOf(config))()).toBe(true);
      expect(await source.look()).toMatchObject({ reachable: false });
    });
  });
});
