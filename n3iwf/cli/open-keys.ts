/** The key store of a running node, with its source, its storage and what keeps both in order. */
import { type KeyStorage, KeyStore, type Secret } from '#qkd';
import { OperatorError } from '../errors.ts';
import { monotonicMs, randomOctets } from '../io/machine.ts';
import type { Log } from '../log.ts';
import type { QkdConfig } from '../qkd-config.ts';
import { type OpenSource, openKeySource } from './key-sources.ts';
import { openCheckpointer, openKeyStorage, openRotation, readKeyPolicy } from './key-storage.ts';

/** How often the key store expires what is too old, in ms. */
const upkeepMs = 1000;

/** A command of the operator holds the store's file for less. */
const busyMs = 250;

/** What {@link openKeys} gives. */
export interface NodeKeys {
  readonly store: KeyStore;
  readonly source: OpenSource;
  /** Where the books and the audit record are. */
  readonly storage: KeyStorage;
  close(): Promise<void>;
}

/**
 * Opens the key store and looks at its source once, so that a wrong KME is known at start.
 *
 * @throws OperatorError N3IWF_E_KME, N3IWF_E_STORE or N3IWF_E_CONFIG; then nothing stays open
 */
export async function openKeys(config: QkdConfig, log: Log): Promise<NodeKeys> {
  const storage = await openKeyStorage(config.store, busyMs);
  let source: OpenSource | undefined;
  try {
    // A pruned key is spent as well.
    const isSpent = async (keyId: string): Promise<boolean> =>
      (await storage.find(keyId)) !== undefined || (await storage.wasPruned(keyId));
    source = openKeySource(config, isSpent);
    const look = await source.look();
    if (!look.reachable) throw new OperatorError('N3IWF_E_KME', `${source.name}: ${look.why}`);
    const policy = readKeyPolicy(config);
    const store = await KeyStore.open({
      source: source.source,
      storage,
      clock: { wallMs: () => Date.now(), monotonicMs },
      random: randomOctets,
      later: setImmediate,
      ...(config.pool === undefined ? {} : { pool: config.pool }),
      ...policy,
    });
    if (config.pool !== undefined) store.prefetch(config.ueSaeId);
    return kept(config, { store, source, storage, auditIdKey: policy.auditIdKey }, log);
  } catch (error) {
    await source?.close();
    await storage.close();
    throw error;
  }
}

interface KeptParts extends Omit<NodeKeys, 'close'> {
  readonly auditIdKey: Secret | undefined;
}

/** Upkeep, checkpoints and segments of the record, once a second until it is closed. */
function kept(config: QkdConfig, { store, source, storage, auditIdKey }: KeptParts, log: Log): NodeKeys {
  const checkpointer = openCheckpointer(config, storage);
  const rotation = openRotation(config, storage, () => store.now(), checkpointer);
  const failed = (what: string) => (error: Error) => log.error({ error: error.message }, what);
  const checkpoint = (atOnce: boolean): Promise<void> | undefined =>
    checkpointer?.follow(atOnce).catch(failed('no checkpoint of the audit record'));
  const upkeep = setInterval(() => {
    void store.maintain();
    // What a damaged store says is neither signed nor taken out of it.
    if (isDamaged(store)) return;
    void checkpoint(false);
    void rotation?.turn().catch(failed('the audit record stays as long as it is'));
  }, upkeepMs);
  return {
    store,
    source,
    storage,
    close: async () => {
      clearInterval(upkeep);
      store.close();
      if (!isDamaged(store)) await checkpoint(true);
      await storage.close();
      await source.close();
      auditIdKey?.wipe();
    },
  };
}

/** Damage that is final for the process, not a single row that did not open. */
function isDamaged({ trouble }: KeyStore): boolean {
  return trouble !== undefined && trouble.reason === 'storage-damaged' && !trouble.usable;
}
