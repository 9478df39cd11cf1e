/** The admin port of the running node. */
import type { IkeEvent } from '#ikev2';
import type { KeyStore } from '#qkd';
import type { KeySupply } from '../admin/metrics.ts';
import { type AdminSources, adminPages } from '../admin/pages.ts';
import type { Config } from '../config.ts';
import { OperatorError } from '../errors.ts';
import type { Gateway } from '../gateway.ts';
import { listenAdmin } from '../io/admin-http.ts';
import { measureLoopDelay } from '../io/loop-delay.ts';
import { monotonicMs } from '../io/machine.ts';
import type { Log } from '../log.ts';

/** Counts IKE events by their type, for the metrics. */
export class IkeEventCounts {
  readonly counts = new Map<string, number>();

  /** Counts one more. */
  note({ type }: Pick<IkeEvent, 'type'>): void {
    this.counts.set(type, (this.counts.get(type) ?? 0) + 1);
  }
}

/** What the port shows. */
export interface NodeAdminParts {
  readonly admin: NonNullable<Config['admin']>;
  readonly gateway: Gateway;
  readonly ikeEvents: IkeEventCounts;
  readonly store: Pick<KeyStore, 'counts'> | undefined;
  /** The KME as it was last seen; undefined where there is none. */
  readonly keySupply: () => KeySupply | undefined;
  readonly log: Log;
}

/** An admin port that is open. */
export interface NodeAdmin {
  readonly url: string;
  /** From now on `/readyz` says no. */
  drain(): void;
  close(): Promise<void>;
}

/** Opens the port. @throws OperatorError N3IWF_E_BIND when it cannot be had */
export async function openAdmin({
  admin,
  gateway,
  ikeEvents,
  store,
  keySupply,
  log,
}: NodeAdminParts): Promise<NodeAdmin> {
  const startedMs = monotonicMs();
  const delay = measureLoopDelay();
  let draining = false;
  const sources: AdminSources = {
    gateway,
    ikeEvents: ikeEvents.counts,
    keyCounts: store === undefined ? undefined : () => store.counts(),
    keySupply,
    loopDelay: delay.read,
    uptime: () => (monotonicMs() - startedMs) / 1000,
    draining: () => draining,
  };
  const pages = new Map([...adminPages].map(([path, page]) => [path, () => page(sources)]));
  const refused = (request: object) => log.warn({ request }, 'a request on the admin port was refused');
  try {
    const listener = await listenAdmin(admin, { pages, refused });
    log.info({ url: listener.url }, 'the admin port is open');
    return {
      url: listener.url,
      drain: () => {
        draining = true;
      },
      close: async () => {
        delay.stop();
        await listener.close();
      },
    };
  } catch (error) {
    delay.stop();
    throw new OperatorError('N3IWF_E_BIND', error instanceof Error ? error.message : String(error));
  }
}
