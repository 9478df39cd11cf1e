import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Etsi014Client, type KeyReply, type KeyStorage, KeyStore, type LinkSimulator } from '#qkd';
import { monotonicMs, randomOctets } from '../io/machine.ts';
import { SqliteKeyStorage } from '../io/sqlite-key-storage.ts';
import type { TestAuthority } from '../io/test-authority.ts';
import { type RunningKmes, startKmes } from './kme.ts';
import { readKmeConfig } from './kme-config.ts';

/** SAE ID of the lab's N3IWF. */
export const n3iwfSae = 'sae-n3iwf';
/** SAE ID that all UEs of the lab share. */
export const ueSae = 'sae-ue';

/** Size of all keys. */
const keyBits = 256;
/** Keys that the link has given before anything begins. */
const initialKeys = 4096;
/** For an answer of a KME: all of the lab shares one thread, and a machine that is busy is no link that is lost. */
const patienceMs = 10_000;

/** How the lab's quantum part is set up. */
export interface LabQuantumOptions {
  /** Takes faults of the link by HTTP. */
  readonly faults?: boolean;
  /** Of link and keys; another one at each start without it. */
  readonly seed?: string | undefined;
  /** As many keys as the KMEs keep; with it the link gives nothing until a rate is set. */
  readonly poolKeys?: number | undefined;
}

const controlSocketIn = (folder: string): string => join(folder, 'control.sock');

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

  /** Starts both KMEs over mutual TLS on loopback and opens the stores. Where that fails nothing stays. */
  static async start(authority: TestAuthority, options: LabQuantumOptions = {}): Promise<LabQuantum> {
    const folder = mkdtempSync(join(tmpdir(), 'qn3iwf-lab-'));
    try {
      return await LabQuantum.startIn(folder, authority, options);
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  private static async startIn(
    folder: string,
    authority: TestAuthority,
    { faults = false, seed, poolKeys }: LabQuantumOptions,
  ): Promise<LabQuantum> {
    const pool =
      poolKeys === undefined
        ? { initialBits: keyBits * initialKeys }
        : { initialBits: keyBits * poolKeys, capacityBits: keyBits * poolKeys };
    const config = readKmeConfig(
      {
        nodes: [
          { kmeId: 'kme-n3iwf', saeIds: [n3iwfSae] },
          { kmeId: 'kme-ue', saeIds: [ueSae] },
        ],
        links: [{ between: ['kme-n3iwf', 'kme-ue'], ...pool }],
        ...(seed === undefined ? {} : { seed }),
        ...(faults ? { control: { port: 0 } } : {}),
        announce: [{ saeId: n3iwfSae, masterSaeId: ueSae, socket: controlSocketIn(folder) }],
      },
      'the lab',
    );
    const kmes = await startKmes(config, { authority, now: monotonicMs });
    const storages: SqliteKeyStorage[] = [];
    const open = async (sae: string) => {
      const storage = new SqliteKeyStorage(join(folder, `${sae}.db`));
      storages.push(storage);
      const clock = { wallMs: () => Date.now(), monotonicMs };
      return await KeyStore.open({
        source: await kmes.client(sae, patienceMs),
        storage,
        clock,
        random: randomOctets,
      });
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
    return this.kmes.client(n3iwfSae, patienceMs);
  }

  /** The link between the KMEs. */
  get link(): LinkSimulator {
    const [link] = this.kmes.links;
    if (link === undefined) throw new Error('the lab has no quantum link');
    return link;
  }

  /** Where the KMEs tell the N3IWF of keys that wait for it. */
  get controlSocket(): string {
    return controlSocketIn(this.folder);
  }

  /** What the link and its keys follow from. */
  get seed(): string {
    return this.kmes.seed;
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
