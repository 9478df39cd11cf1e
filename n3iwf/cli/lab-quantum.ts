import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Etsi014Client, type KeyReply, type KeyStorage, KeyStore } from '#qkd';
import { monotonicMs, randomOctets } from '../io/machine.ts';
import { SqliteKeyStorage } from '../io/sqlite-key-storage.ts';
import type { TestAuthority } from '../io/test-authority.ts';
import { type RunningKmes, startKmes } from './kme.ts';
import { readKmeConfig } from './kme-config.ts';

export const n3iwfSae = 'sae-n3iwf';
export const ueSae = 'sae-ue';

const linkBits = 256 * 4096;

/** A key as a simulated UE takes it. */
export interface LabKey {
  readonly keyId: string;
  readonly secret: Uint8Array;
}

/** Takes the key out of a store's reply. @throws Error with the store's reason when there is none */
export function drawnKey(reply: KeyReply): LabKey {
  if (reply.status !== 'ok') throw new Error(`${reply.reason}: ${reply.detail}`);
  const secret = reply.secret.use((octets) => Uint8Array.from(octets));
  reply.secret.wipe();
  return { keyId: reply.keyId, secret };
}

/** The lab's quantum part: two KMEs with a simulated link, and a key store at each end that outlives no run. */
export class LabQuantum {
  readonly n3iwf: KeyStore;
  readonly ue: KeyStore;
  private readonly kmes: RunningKmes;
  private readonly storages: readonly SqliteKeyStorage[];
  private readonly folder: string;

  private constructor(
    kmes: RunningKmes,
    folder: string,
    storages: readonly SqliteKeyStorage[],
    stores: readonly [KeyStore, KeyStore],
  ) {
    this.kmes = kmes;
    this.folder = folder;
    this.storages = storages;
    [this.n3iwf, this.ue] = stores;
  }

  /** Starts both KMEs over mutual TLS on loopback and opens the stores; with `faults` the link takes some by HTTP. */
  static async start(authority: TestAuthority, faults = false): Promise<LabQuantum> {
    const config = readKmeConfig(
      {
        nodes: [
          { kmeId: 'kme-n3iwf', saeIds: [n3iwfSae] },
          { kmeId: 'kme-ue', saeIds: [ueSae] },
        ],
        links: [{ between: ['kme-n3iwf', 'kme-ue'], initialBits: linkBits }],
        ...(faults ? { control: { port: 0 } } : {}),
      },
      'the lab',
    );
    const kmes = await startKmes(config, { authority });
    const folder = mkdtempSync(join(tmpdir(), 'qn3iwf-lab-'));
    const storages: SqliteKeyStorage[] = [];
    const open = async (sae: string) => {
      const storage = new SqliteKeyStorage(join(folder, `${sae}.db`));
      storages.push(storage);
      const clock = { wallMs: () => Date.now(), monotonicMs };
      return await KeyStore.open({ source: await kmes.client(sae), storage, clock, random: randomOctets });
    };
    return new LabQuantum(kmes, folder, storages, [await open(n3iwfSae), await open(ueSae)]);
  }

  /** A fresh key for a UE to name. Rejects with the store's reason when there is none. */
  async draw(): Promise<LabKey> {
    return drawnKey(await this.ue.obtain(n3iwfSae));
  }

  /** The key that the N3IWF named to a UE. Rejects likewise. */
  async find(keyId: string): Promise<LabKey> {
    return drawnKey(await this.ue.fetch(n3iwfSae, keyId));
  }

  /** Keys of both ends, counted at the N3IWF. */
  async counts(): Promise<{ delivered: number; used: number; burnt: number }> {
    const { delivered, used, burnt } = await this.n3iwf.counts();
    return { delivered, used, burnt };
  }

  /** A client of the N3IWF's KME, to watch it. */
  client(): Promise<Etsi014Client> {
    return this.kmes.client(n3iwfSae);
  }

  /** Where the N3IWF's books are. */
  get storage(): KeyStorage {
    const [storage] = this.storages;
    if (storage === undefined) throw new Error('the lab has no key store');
    return storage;
  }

  /** Where faults of the link can be set, if they can. */
  get faultPlace(): string | undefined {
    return this.kmes.controlPlace;
  }

  /** Takes both KMEs off the network; the stores stay. */
  stopKmes(): Promise<void> {
    this.stopped ??= this.kmes.close();
    return this.stopped;
  }

  private stopped: Promise<void> | undefined;

  async close(): Promise<void> {
    await this.stopKmes();
    for (const storage of this.storages) storage.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
