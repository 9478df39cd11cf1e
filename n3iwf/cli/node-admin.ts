/** The admin port of the running node. */
import type { IkeEvent } from '#ikev2';
import type { KeyStore } from '#qkd';
import type { KeySupply } from '../admin/metrics.ts';
import { type AdminSources, adminPages } from '../admin/pages.ts';
import type { Config } from '../config.ts';
import { OperatorError } from '../errors.ts';
import type { Gateway } from '../gateway.ts';
import { type AdminApi, listenAdmin, type Refused } from '../io/admin-http.ts';
import { consolePages } from '../io/console-files.ts';
import { measureLoopDelay } from '../io/loop-delay.ts';
import { monotonicMs } from '../io/machine.ts';
import type { Log } from '../log.ts';
import { Quiet } from '../quiet.ts';
import { readNamedFile } from './configuration-file.ts';

/** Counts IKE events by their type, for the metrics. */
export class IkeEventCounts {
  readonly counts = new Map<string, number>();

  /** Counts one more. */
  note({ type }: Pick<IkeEvent, 'type'>): void {
    this.counts.set(type, (this.counts.get(type) ?? 0) + 1);
  }
}

/** Observers of the engine that count its events as well. */
export function countingObservers<T extends { observe(event: IkeEvent): void }>(
  observers: T,
  ikeEvents: IkeEventCounts,
): T {
  return {
    ...observers,
    observe: (event: IkeEvent) => {
      ikeEvents.note(event);
      observers.observe(event);
    },
  };
}

/** What the port shows. */
export interface NodeAdminParts {
  readonly admin: Pick<NonNullable<Config['admin']>, 'address' | 'port'>;
  readonly gateway: Gateway;
  readonly ikeEvents: IkeEventCounts;
  readonly store: Pick<KeyStore, 'counts'> | undefined;
  /** The KME as it was last seen; undefined where there is none. */
  readonly keySupply: () => KeySupply | undefined;
  /** What the console asks; without it there is no console. */
  readonly api?: AdminApi | undefined;
  readonly log: Log;
}

/** A token of fewer characters could be guessed. */
const leastToken = 16;

/**
 * The token that clients of the console show; undefined where none is configured.
 *
 * @throws OperatorError for a file that cannot be read or whose token is too short
 */
export function adminToken(admin: Config['admin']): string | undefined {
  if (admin?.tokenFile === undefined) return undefined;
  const token = new TextDecoder().decode(readNamedFile('admin.tokenFile', admin.tokenFile)).trim();
  if (token.length >= leastToken) return token;
  throw new OperatorError(
    'N3IWF_E_CONFIG',
    `admin.tokenFile: ${admin.tokenFile} holds ${token.length} characters; a token has ${leastToken} or more (openssl rand -hex 16)`,
  );
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
  api,
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
  if (api !== undefined) for (const [path, page] of consolePages()) pages.set(path, page);
  // Of each status one a second: whoever reaches the port must not be able to fill the disk with log.
  const quiet = new Quiet<number>(monotonicMs);
  const refused = (request: Refused) => {
    const unlogged = quiet.next(request.status);
    if (unlogged !== undefined) log.warn({ request, unlogged }, 'a request on the admin port was refused');
  };
  try {
    const listener = await listenAdmin(admin, { pages, ...(api === undefined ? {} : { api }), refused });
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
