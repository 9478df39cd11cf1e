import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Secret, SkipClient } from '#qkd';
import { type RunningKmes, startKmes } from '../../../n3iwf/cli/kme.ts';
import { readKmeConfig } from '../../../n3iwf/cli/kme-config.ts';
import { SkipHttpsTransport } from '../../../n3iwf/io/skip-https.ts';

const folder = mkdtempSync(join(tmpdir(), 'skip-'));
const [keyA, keyB] = [Buffer.alloc(32, 0xa), Buffer.alloc(32, 0xb)];
const opened: SkipHttpsTransport[] = [];
let kmes: RunningKmes;

const node = (kmeId: string, systemId: string) => ({
  kmeId,
  saeIds: [systemId],
  skip: { systems: [{ systemId, keyFile: join(folder, `${systemId}.psk`) }] },
});

beforeAll(async () => {
  writeFileSync(join(folder, 'sys-a.psk'), keyA);
  writeFileSync(join(folder, 'sys-b.psk'), keyB);
  writeFileSync(join(folder, 'short.psk'), 'secret');
  const links = [{ between: ['kme-a', 'kme-b'], initialBits: 25_600 }];
  kmes = await startKmes(
    readKmeConfig({ nodes: [node('kme-a', 'sys-a'), node('kme-b', 'sys-b')], links }, 'f'),
  );
});

afterAll(async () => {
  for (const transport of opened) transport.close();
  await kmes.close();
  rmSync(folder, { recursive: true });
});

function clientOf(
  site: number,
  systemId: string,
  key: Uint8Array,
  url = kmes.skipSites[site]?.url ?? '',
): SkipClient {
  const transport = new SkipHttpsTransport({ url, systemId, key: Secret.copyOf(key), timeoutMs: 500 });
  opened.push(transport);
  return new SkipClient(transport, { keySizeBits: 256 });
}

describe('SKIP over TLS-PSK', () => {
  it('gives both systems the same key, over connections that are kept open', async () => {
    const [a, b] = [clientOf(0, 'sys-a', keyA), clientOf(1, 'sys-b', keyB)];
    for (let round = 0; round < 3; round++) {
      const drawn = await a.encKeys('sys-b', 2);
      if (!drawn.ok) throw new Error(drawn.error.detail);
      const fetched = await b.decKeys(
        'sys-a',
        drawn.value.map((key) => key.keyId),
      );
      if (!fetched.ok) throw new Error(fetched.error.detail);
      expect(fetched.value.every((key, index) => key.secret.equals(drawn.value[index]!.secret))).toBe(true);
    }
    expect(await a.capabilities()).toMatchObject({ value: { localSystemId: 'sys-a', algorithm: 'QKD' } });
  });

  it.each([
    ['with a wrong key', 'sys-a', keyB],
    ['under a name that nobody knows', 'sys-x', keyA],
  ])('refuses a system %s before it asks anything', async (_, systemId, key) => {
    expect(await clientOf(0, systemId, key).encKeys('sys-b', 1)).toMatchObject({
      error: { kind: 'wrong-kme', mayHaveBurnt: false, detail: expect.stringContaining('pre-shared key') },
    });
  });

  it('gives a system of another site nothing', async () => {
    expect(await clientOf(0, 'sys-b', keyB).encKeys('sys-a', 1)).toMatchObject({
      error: { kind: 'wrong-kme' },
    });
  });
});

describe('SKIP over TLS-PSK, when something is wrong', () => {
  it('names a provider that is not there, or says nothing', async () => {
    expect(await clientOf(0, 'sys-a', keyA, 'https://127.0.0.1:1').encKeys('sys-b', 1)).toMatchObject({
      error: {
        kind: 'unreachable',
        mayHaveBurnt: false,
        detail: expect.stringContaining('https://127.0.0.1:1'),
      },
    });
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const bound = silent.address();
    const url = `https://127.0.0.1:${typeof bound === 'object' ? bound?.port : 0}`;
    expect(await clientOf(0, 'sys-a', keyA, url).encKeys('sys-b', 1)).toMatchObject({
      error: {
        kind: 'unreachable',
        mayHaveBurnt: false,
        detail: expect.stringContaining('no answer in time'),
      },
    });
    silent.close();
  });

  it('wants https, systems that are SAEs of the node, and keys that are keys', async () => {
    expect(() => clientOf(0, 'sys-a', keyA, 'http://h')).toThrow('must begin with https://');
    const foreign = { ...node('a', 'sys-a'), saeIds: ['other'] };
    expect(() => readKmeConfig({ nodes: [foreign] }, 'f')).toThrow('the SKIP system sys-a is no SAE of a');
    const short = { ...node('a', 'short') };
    await expect(startKmes(readKmeConfig({ nodes: [short] }, 'f'))).rejects.toThrow('32 octets or more');
  });
});
