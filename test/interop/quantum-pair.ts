/** A pair of our KMEs with a simulated link: the peer's key comes from one of them, ours from the other by its ID. */
import { performance } from 'node:perf_hooks';
import { KeyStore } from '#qkd';
import { type RunningKmes, startKmes } from '../../n3iwf/cli/kme.ts';
import { kmeSchema } from '../../n3iwf/cli/kme-config.ts';
import { drawnKey, type LabKey } from '../../n3iwf/cli/lab-quantum.ts';
import { randomOctets } from '../../n3iwf/io/machine.ts';
import { SqliteKeyStorage } from '../../n3iwf/io/sqlite-key-storage.ts';

/** Started for one test. */
export class KeyPair {
  private readonly kmes: RunningKmes;
  private readonly theirs: KeyStore;
  private readonly ours: KeyStore;

  private constructor(kmes: RunningKmes, theirs: KeyStore, ours: KeyStore) {
    this.kmes = kmes;
    this.theirs = theirs;
    this.ours = ours;
  }

  static async start(): Promise<KeyPair> {
    const nodes = ['peer', 'ours'].map((name) => ({ kmeId: `kme-${name}`, saeIds: [name] }));
    const links = [{ between: ['kme-peer', 'kme-ours'], initialBits: 256 * 100 }];
    const kmes = await startKmes(kmeSchema.parse({ seed: 'interop', nodes, links }));
    const clock = { wallMs: () => Date.now(), monotonicMs: () => performance.now() };
    const open = async (saeId: string) =>
      KeyStore.open({
        source: await kmes.client(saeId),
        storage: new SqliteKeyStorage(':memory:'),
        clock,
        random: randomOctets,
      });
    return new KeyPair(kmes, await open('peer'), await open('ours'));
  }

  /** A fresh key of the peer's KME. */
  async draw(): Promise<LabKey> {
    return drawnKey(await this.theirs.obtain('ours'));
  }

  /** The same key from our KME; undefined when it has none of that ID, or gave it before. */
  async find(keyId: string): Promise<Uint8Array | undefined> {
    const reply = await this.ours.fetch('peer', keyId);
    return reply.status === 'ok' ? drawnKey(reply).secret : undefined;
  }

  close(): Promise<void> {
    return this.kmes.close();
  }
}
