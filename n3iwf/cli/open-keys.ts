/** The running node's key store with its KME behind it. */
import { Etsi014Client, type KeyStorage, KeyStore } from '#qkd';
import type { Config } from '../config.ts';
import { OperatorError } from '../errors.ts';
import { KmeHttpsTransport } from '../io/kme-https.ts';
import { monotonicMs, randomOctets } from '../io/machine.ts';
import type { Log } from '../log.ts';
import { readNamedFile } from './configuration-file.ts';
import { openCheckpointer, openKeyStorage, readKeyPolicy } from './key-storage.ts';

type QkdConfig = NonNullable<Config['qkd']>;

/** A key store that is open. */
export interface NodeKeys {
  readonly store: KeyStore;
  readonly client: Etsi014Client;
  /** Where the books and the audit record are. */
  readonly storage: KeyStorage;
  close(): Promise<void>;
}

/** How often the key store expires what is too old, in ms. */
const upkeepMs = 1000;

const text = (octets: Uint8Array) => new TextDecoder().decode(octets);

/**
 * Opens the key store and asks the KME for its status once, so that a wrong KME is known at start.
 *
 * @throws OperatorError N3IWF_E_CONFIG for files, N3IWF_E_KME for a KME that does not answer, N3IWF_E_STORE
 */
export async function openKeys(config: QkdConfig, log: Log): Promise<NodeKeys> {
  const tls = {
    certificate: text(readNamedFile('qkd.certificate', config.certificate)),
    privateKey: text(readNamedFile('qkd.key', config.key)),
    authority: text(readNamedFile('qkd.ca', config.ca)),
  };
  const transport = new KmeHttpsTransport({ url: config.kme, kmeId: config.kmeId, tls });
  const client = new Etsi014Client(transport, { keySizeBits: 256, quirks: config.kmeKind });
  const status = await client.status(config.ueSaeId);
  if (!status.ok) {
    transport.close();
    throw new OperatorError('N3IWF_E_KME', `KME ${config.kmeId} at ${config.kme}: ${status.error.detail}`);
  }
  const storage = await openKeyStorage(config.store);
  const clock = { wallMs: () => Date.now(), monotonicMs };
  const store = await KeyStore.open({
    source: client,
    storage,
    clock,
    random: randomOctets,
    later: setImmediate,
    ...readKeyPolicy(config),
  });
  const checkpointer = openCheckpointer(config, storage);
  const checkpoint = (atOnce: boolean): Promise<void> | undefined =>
    checkpointer
      ?.follow(atOnce)
      .catch((error: Error) => log.error({ error: error.message }, 'no checkpoint of the audit record'));
  const upkeep = setInterval(() => {
    void store.maintain();
    void checkpoint(false);
  }, upkeepMs);
  return {
    store,
    client,
    storage,
    close: async () => {
      clearInterval(upkeep);
      store.close();
      await checkpoint(true);
      await storage.close();
      transport.close();
    },
  };
}
