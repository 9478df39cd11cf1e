/**
 * Whole IKE handshakes whose keys come from real stores over real HTTPS: AUTH by a QKD key and a PPK, the datagrams carried
 * by hand. What is timed is what a UE waits for, less the network.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ID_TYPE, type IkeEvent } from '#ikev2';
import { type KeyReply, KeyStore } from '#qkd';
import { type RunningKmes, startKmes } from '../../n3iwf/cli/kme.ts';
import { readKmeConfig } from '../../n3iwf/cli/kme-config.ts';
import { keyRoutes, NodeControl } from '../../n3iwf/cli/node-control.ts';
import { SqliteKeyStorage } from '../../n3iwf/io/sqlite-key-storage.ts';
import { keyId, Pair, type Side, utf8 } from './pair.ts';

const UE = 'sae-ue';
const NODE = 'sae-n3iwf';

/** What a node answers on its control socket of its keys; a test of handshakes asks for no incident. */
function announceRoutes(store: KeyStore) {
  const none = () => Promise.reject(new Error('no incident'));
  return keyRoutes({
    incidents: { quarantine: none, tamper: none },
    store,
    keying: { state: undefined },
  });
}

/** The KMEs of both ends, near each other; with a socket they tell the node there of keys for it. */
function siteConfig(socket: string | undefined) {
  return readKmeConfig(
    {
      nodes: [
        { kmeId: 'kme-ue', saeIds: [UE] },
        { kmeId: 'kme-n3iwf', saeIds: [NODE] },
      ],
      links: [{ between: ['kme-ue', 'kme-n3iwf'], profile: 'metro', initialBits: 50_000_000 }],
      ...(socket === undefined ? {} : { announce: [{ saeId: NODE, masterSaeId: UE, socket }] }),
    },
    'keyed handshakes',
  );
}

/** Longest wait for pools to fill, ms. */
const SETTLE_MS = 60_000;

/** Both ends with their stores; {@link close} leaves nothing behind. */
export class KeyedSite {
  readonly kmes: RunningKmes;
  readonly ue: KeyStore;
  readonly node: KeyStore;
  readonly #folder: string;
  readonly #storages: SqliteKeyStorage[];
  /** Where the node hears of keys, if it does. */
  readonly #control: NodeControl;
  readonly #announces: boolean;

  private constructor(
    kmes: RunningKmes,
    stores: readonly [KeyStore, KeyStore],
    folder: string,
    storages: SqliteKeyStorage[],
    control: { readonly socket: NodeControl; readonly announces: boolean },
  ) {
    this.kmes = kmes;
    [this.ue, this.node] = stores;
    this.#folder = folder;
    this.#storages = storages;
    this.#control = control.socket;
    this.#announces = control.announces;
  }

  /** `announces`: the KMEs tell the node's control socket of keys as they are laid out for it, and it fetches them ahead. */
  static async open(announces: boolean, pool: number): Promise<KeyedSite> {
    const folder = mkdtempSync(join(tmpdir(), 'keyed-'));
    const storages: SqliteKeyStorage[] = [];
    const path = announces ? join(folder, 'control.sock') : undefined;
    const kmes = await startKmes(siteConfig(path));
    const store = async (saeId: string, marks: object): Promise<KeyStore> => {
      const storage = new SqliteKeyStorage(join(folder, `${saeId}.db`));
      storages.push(storage);
      const clock = { wallMs: () => Date.now(), monotonicMs: () => performance.now() };
      const random = (length: number) => new Uint8Array(randomBytes(length));
      return await KeyStore.open({ source: await kmes.client(saeId), storage, clock, random, ...marks });
    };
    const ue = await store(UE, { pool: { low: pool, high: 2 * pool } });
    const node = await store(NODE, {});
    const socket = await NodeControl.open(path === undefined ? undefined : { path });
    socket.serve(announceRoutes(node));
    return new KeyedSite(kmes, [ue, node], folder, storages, { socket, announces });
  }

  /** Adds to every answer that the node gets of its KME. */
  delay(ms: number): void {
    const manners = this.kmes.manners.get('kme-n3iwf');
    if (manners !== undefined) manners.delayMs = ms;
  }

  /** Waits until the UE's pool is full and what was announced of it has been fetched. */
  async settle(): Promise<void> {
    this.ue.prefetch(NODE);
    const limit = performance.now() + SETTLE_MS;
    for (let calm = 0, before = -1; calm < 3; ) {
      const [{ stored }, node] = [await this.ue.counts(), await this.node.counts()];
      const settled = stored === before && stored > 0 && (!this.#announces || node.stored >= stored);
      calm = settled ? calm + 1 : 0;
      before = stored;
      if (performance.now() > limit)
        throw new Error(`pools did not fill: ${stored} at the UE, ${node.stored} at the node`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  /** One handshake with fresh keys; ms from the first datagram to the established SA of the UE. */
  async handshake(seed: number): Promise<number> {
    const auth = secretOf(await this.ue.obtain(NODE));
    const pair = new KeyedPair(this, seed, auth.secret);
    return await pair.time(auth.keyId);
  }

  async close(): Promise<void> {
    this.ue.close();
    this.node.close();
    await this.kmes.close();
    await this.#control.close();
    for (const storage of this.#storages) storage.close();
    rmSync(this.#folder, { recursive: true });
  }
}

function secretOf(reply: KeyReply): { keyId: string; secret: Uint8Array } {
  if (reply.status !== 'ok') throw new Error(`${reply.reason}: ${reply.detail}`);
  const secret = reply.secret.use((bytes) => Uint8Array.from(bytes));
  reply.secret.wipe();
  return { keyId: reply.keyId, secret };
}

/** A pair whose owners answer from the stores, when these have an answer. */
class KeyedPair extends Pair {
  readonly #site: KeyedSite;
  readonly #authKey: Uint8Array;
  #done: (() => void) | undefined;
  #failed: ((error: unknown) => void) | undefined;

  constructor(site: KeyedSite, seed: number, authKey: Uint8Array) {
    super({
      seed,
      config: { ppk: 'required', responderAuth: 'qkd', initiatorAuth: 'psk' },
      profile: { ppk: 'required', remoteAuth: 'qkd' },
    });
    this.#site = site;
    this.#authKey = authKey;
  }

  async time(authKeyId: string): Promise<number> {
    const done = new Promise<void>((resolve, reject) => {
      this.#done = resolve;
      this.#failed = reject;
    });
    const began = performance.now();
    this.connect({ expectedRemoteId: keyId(authKeyId) });
    this.run();
    await done;
    return performance.now() - began;
  }

  override answer(side: Side, event: IkeEvent): void {
    if (side === 'ue' && event.type === 'childSaEstablished') this.#done?.();
    else if (event.type === 'ikeSaClosed') this.#failed?.(new Error(`${side}: ${JSON.stringify(event)}`));
    else
      this.#answerLater(side, event).then(
        () => this.run(),
        (error) => this.#failed?.(error),
      );
  }

  async #answerLater(side: Side, event: IkeEvent): Promise<void> {
    const engine = this[side];
    if (event.type === 'ppkRequested') {
      const named = new TextDecoder().decode(event.identity?.data);
      const reply = side === 'ue' ? this.#site.ue.obtain(NODE) : this.#site.node.fetch(UE, named);
      const { keyId: id, secret } = secretOf(await reply);
      const identity = { type: 2, data: utf8(id) };
      this.take(
        side,
        engine.providePpk(this.now, event.ikeSaId, { secret, ...(side === 'ue' ? { identity } : {}) }),
      );
    } else if (event.type === 'sharedSecretRequested') {
      const own = event.localId.type === ID_TYPE.KEY_ID && side === 'node';
      const named = new TextDecoder().decode(event.localId.data);
      const qkd = side === 'ue' ? this.#authKey : secretOf(await this.#site.node.fetch(UE, named)).secret;
      this.take(
        side,
        engine.provideSharedSecret(this.now, event.ikeSaId, own || side === 'ue' ? qkd : undefined),
      );
    }
  }
}
