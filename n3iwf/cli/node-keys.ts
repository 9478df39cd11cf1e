/** The running node's keys: the watch on their link and supply, the tamper input, and what the operator asks of them. */
import type { KeyingState, KeyStore, StorageTrouble } from '#qkd';
import type { KeySupply } from '../admin/metrics.ts';
import type { Gateway } from '../gateway.ts';
import { type IncidentNode, Incidents, incidentId, QberWatch } from '../incidents.ts';
import { randomOctets } from '../io/machine.ts';
import { watchTamper } from '../io/tamper.ts';
import type { SupplySeen } from '../keying-watch.ts';
import type { Log } from '../log.ts';
import type { GatewayShell } from '../shell.ts';
import type { OpenSource } from './key-sources.ts';
import { keyRoutes, type NodeControl } from './node-control.ts';

/** Where the source tells no count, keys are asked for as they are needed, and a refusal is seen there. */
const unknownSupply = Number.POSITIVE_INFINITY;

/** How often the KME is asked for the state of the link, ms. */
const statusMs = 1000;

/** How often the store is asked for incidents of other nodes: one row by its number, ms. */
const followMs = 1000;

/** The part of the node that the watch moves. */
export interface KeyedNode extends IncidentNode {
  /** Decides by the supply which SAs get quantum keys from now on, and rekeys those that can have one again. */
  lookAtSupply(seen: Omit<SupplySeen, 'usedKeys'>): KeyingState;
}

/** What the watch stands on. */
export interface KeyWatchParts {
  /** The SAE of the UEs, whose link is watched. */
  readonly peer: string;
  /** A file whose appearance destroys every key. */
  readonly tamperFile?: string | undefined;
  readonly store: KeyStore;
  readonly source: Pick<OpenSource, 'look'>;
  readonly node: KeyedNode;
  /** Told of each look at the link, for the metrics. */
  readonly looked?: (supply: KeySupply) => void;
  /** Where operators ask; undefined for a node without a control socket. */
  readonly control: NodeControl | undefined;
  readonly log: Log;
}

/** Starts all three. @returns what ends them */
export function watchKeys(parts: KeyWatchParts): () => void {
  const { peer, tamperFile, store, source, node, looked, control, log } = parts;
  const incidents = new Incidents({
    store,
    node,
    log,
    wallMs: Date.now,
    newId: () => incidentId(randomOctets),
  });
  const failed = (error: unknown) =>
    log.error({ error: String(error) }, 'the incident could not be written down');
  const watch = new QberWatch(incidents, peer);
  const keying: { state: KeyingState | undefined } = { state: undefined };
  const look = async (): Promise<void> => {
    const { reachable, qber, countsPerSecond, availability, storedKeys: atSource } = await source.look();
    // A source that says nothing of its link raises no alarm; that it is lost is found by whoever asks it for a key.
    // What cannot be written down is tried again; that the link is distrusted holds meanwhile.
    if (qber !== undefined) await watch.observe(Date.now(), qber).catch(failed);
    const storedKeys = reachable ? (atSource ?? unknownSupply) + store.pooled(peer) : undefined;
    const { trouble } = store;
    const state = node.lookAtSupply({ storedKeys, trusted: watch.trusted, storeUsable: !disables(trouble) });
    keying.state = state;
    looked?.({
      reachable,
      storedKeys: storedKeys === unknownSupply ? undefined : storedKeys,
      qber,
      countsPerSecond,
      availability,
      keysPerSecond: state.keysPerSecond,
      fallback: state.mode === 'fallback',
      reason: state.reason,
      needKeys: state.needKeys,
      supplyKeys: state.supplyKeys,
      distrusted: !watch.trusted,
      storeTrouble: trouble,
    });
  };
  const timer = setInterval(() => void look().catch(failed), statusMs);
  const stopFollowing = follow(incidents, log);
  const stopTamper = watchTamper(tamperFile, (reason) => void incidents.tamper(reason).catch(failed));
  control?.serve(keyRoutes({ incidents, store, keying }));
  return () => {
    clearInterval(timer);
    stopFollowing();
    stopTamper();
  };
}

/** Looks for incidents of other nodes. Apart from the look at the KME, which may take long to answer. @returns what ends it */
function follow(incidents: Incidents, log: Log): () => void {
  let following = false;
  const timer = setInterval(() => {
    if (following) return;
    following = true;
    incidents
      .followOthers()
      .catch((error: unknown) =>
        log.warn({ error: String(error) }, 'incidents of other nodes could not be read'),
      )
      .finally(() => {
        following = false;
      });
  }, followMs);
  return () => clearInterval(timer);
}

/** A command that holds the file for a moment is no reason to fall back, nor is one row of many that did not open. */
function disables(trouble: StorageTrouble | undefined): boolean {
  return trouble !== undefined && trouble.reason !== 'storage-busy' && !trouble.usable;
}

/** The gateway of a shell, which sends what each command takes. */
export function keyedNode(shell: GatewayShell): KeyedNode {
  const act = <T>(command: (gateway: Gateway) => T): T => {
    const answer: T[] = [];
    shell.act((gateway) => answer.push(command(gateway)));
    return answer[0] as T;
  };
  return {
    lookAtSupply: (seen) => act((gateway) => gateway.lookAtSupply(seen)),
    rekeySasOf: (keyIds, text) => act((gateway) => gateway.rekeySasOf(keyIds, text)),
    endAllSas: (text) => act((gateway) => gateway.endAllSas(text)),
  };
}
