import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import { provisionKeys } from '../../../n3iwf/cli/keys-provision.ts';
import { type RunningKmes, startKmes } from '../../../n3iwf/cli/kme.ts';
import { readKmeConfig } from '../../../n3iwf/cli/kme-config.ts';
import { runCli } from '../../../n3iwf/cli/program.ts';
import { openUeKeys, type UeKeysConfig, ueKeysSchema } from '../../../n3iwf/cli/ue-keys.ts';

const folder = mkdtempSync(join(tmpdir(), 'ue-keys-'));
const at = (name: string) => join(folder, name);
const NODE = 'sae-n3iwf';
let kmes: RunningKmes;

beforeAll(async () => {
  writeFileSync(at('psk'), Buffer.alloc(32, 3));
  writeFileSync(at('transport.key'), Buffer.alloc(32, 4));
  writeFileSync(at('short.key'), 'short');
  const skip = { systems: [{ systemId: 'sae-ue', keyFile: at('psk') }] };
  kmes = await startKmes(
    readKmeConfig(
      {
        maxKeyPerRequest: 4,
        nodes: [
          { kmeId: 'kme-ue', saeIds: ['sae-ue'], skip },
          { kmeId: 'kme-n3iwf', saeIds: [NODE] },
        ],
        links: [{ between: ['kme-ue', 'kme-n3iwf'], rateBitsPerSecond: 0, initialBits: 256 * 20 }],
        credentialsFolder: folder,
      },
      'f',
    ),
  );
  vi.spyOn(console, 'log').mockImplementation(() => {});
  vi.spyOn(console, 'error').mockImplementation(() => {});
});

afterAll(async () => {
  vi.restoreAllMocks();
  await kmes.close();
  rmSync(folder, { recursive: true });
});

/** Draws once and sees that the N3IWF's end has the same key. */
async function drawnAndFetched(config: UeKeysConfig): Promise<string> {
  const keys = await openUeKeys(config);
  try {
    const { keyId, secret } = await keys.draw();
    const fetched = await (await kmes.client(NODE)).decKeys('sae-ue', [keyId]);
    expect(fetched.ok && fetched.value[0]!.secret.use((bytes) => Buffer.compare(bytes, secret))).toBe(0);
    return keyId;
  } finally {
    keys.close();
  }
}

const access = () => ({
  kme: kmes.sites[0]!.url,
  kmeId: 'kme-ue',
  n3iwfSaeId: NODE,
  ca: at('authority.pem'),
  certificate: at('sae-ue.pem'),
  key: at('sae-ue.key'),
});

function provisionFile(more: object = {}): string {
  const file = at('provision.yaml');
  writeFileSync(
    file,
    stringify({ ...access(), saeId: 'sae-ue', transportKeyFile: at('transport.key'), ...more }),
  );
  return file;
}

describe("a UE's keys", () => {
  it('come from a KME', async () => {
    await drawnAndFetched(ueKeysSchema.parse(access()));
  });

  it('come from a SKIP key provider', async () => {
    const skip = {
      skip: kmes.skipSites[0]!.url,
      systemId: 'sae-ue',
      preSharedKeyFile: at('psk'),
      n3iwfSaeId: NODE,
    };
    await drawnAndFetched(ueKeysSchema.parse(skip));
  });

  it('come from a file that was filled at a dock, each once, also over restarts', async () => {
    const out = at('ue.keys');
    const status = await runCli(['keys', 'provision', '-c', provisionFile(), '--out', out, '--number', '6']);
    expect(status).toBe(0);
    expect(statSync(out).mode & 0o777).toBe(0o600);
    const file = {
      keyFile: out,
      transportKeyFile: at('transport.key'),
      store: at('ue.db'),
      n3iwfSaeId: NODE,
    };
    const used = new Set<string>();
    for (let life = 0; life < 6; life++) used.add(await drawnAndFetched(ueKeysSchema.parse(file)));
    expect(used.size).toBe(6);
    const empty = await openUeKeys(ueKeysSchema.parse(file));
    await expect(empty.draw()).rejects.toThrow('the file is used up');
    empty.close();
    writeFileSync(at('other.key'), Buffer.alloc(32, 5));
    await expect(openUeKeys({ ...file, transportKeyFile: at('other.key') })).rejects.toThrow(
      'the transport key is another',
    );
    await expect(openUeKeys({ ...file, transportKeyFile: at('short.key') })).rejects.toThrow('32 octets');
  });

  it('are not drawn for a file that is there already, and fewer than wanted are told', async () => {
    const before = await (await kmes.client('sae-ue')).status(NODE);
    writeFileSync(at('there.keys'), 'x');
    await expect(
      provisionKeys({ config: provisionFile(), out: at('there.keys'), number: 1 }),
    ).rejects.toThrow('is there already');
    const after = await (await kmes.client('sae-ue')).status(NODE);
    expect(after.ok && before.ok && after.value.storedKeyCount === before.value.storedKeyCount).toBe(true);
    expect(readFileSync(at('there.keys'), 'utf8')).toBe('x');
    expect(await provisionKeys({ config: provisionFile(), out: at('few.keys'), number: 1000 })).toBe(1);
    await expect(provisionKeys({ config: provisionFile(), out: at('none.keys'), number: 1 })).rejects.toThrow(
      'no key',
    );
  });

  it('are configured in one of three ways', () => {
    expect(ueKeysSchema.safeParse({ kme: 'https://h', skip: 'https://h' }).success).toBe(false);
    expect(ueKeysSchema.safeParse({ ...access(), more: 1 }).success).toBe(false);
  });
});
