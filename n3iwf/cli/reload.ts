/** SIGHUP: the configuration read again, and what may change in a running node changed, without an SA dropped. */
import { isDeepStrictEqual } from 'node:util';
import { type Config, innerConfigOf } from '../config.ts';
import type { GatewayChange } from '../gateway.ts';
import { keyingSettingsOf } from '../keying-settings.ts';
import { type LiveKey, liveKeyOf, liveKeys } from '../live-keys.ts';
import type { Log } from '../log.ts';
import { readNodeConfig } from './node-config.ts';
import { endpointConfig, sessionPolicyOf } from './shell-config.ts';

/** The parts of a running node that take changes. */
export interface ReloadedNode {
  /** AMFs are told a new name or new tracking areas. */
  updateN2(n2: Config['n2']): void;
  /** Exactly these AMFs are to be connected. */
  setAmfs(amfs: Config['n2']['amfs']): void;
  /** @throws RangeError for an inner network that is none */
  reconfigure(change: GatewayChange): void;
  setLogLevel(level: Config['log']): void;
  /**
   * Reads the certificates towards the KME again; what is returned begins to use them and says whether they are others.
   *
   * @throws OperatorError for files that cannot be used; nothing has changed
   */
  renewKeySource(qkd: NonNullable<Config['qkd']>): () => boolean;
}

/** Paths of the values that differ; lists and what is on one side only count as one. */
export function changedKeys(one: unknown, other: unknown, path = ''): string[] {
  if (isDeepStrictEqual(one, other)) return [];
  if (!isSection(one) || !isSection(other)) return [path];
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...names].flatMap((name) =>
    changedKeys(one[name], other[name], path === '' ? name : `${path}.${name}`),
  );
}

function isSection(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `running` with the values that `next` has for live keys. */
function merged(running: Config, next: Config): Config {
  const result = structuredClone(running) as Config & Record<string, unknown>;
  for (const key of Object.keys(liveKeys)) {
    const words = key.split('.');
    const last = words.pop() ?? '';
    const into = words.reduce<unknown>(
      (section, word) => (isSection(section) ? section[word] : undefined),
      result,
    );
    const from = words.reduce<unknown>(
      (section, word) => (isSection(section) ? section[word] : undefined),
      next,
    );
    if (!isSection(into) || !isSection(from)) continue;
    // another kind of source has no such files: it takes a restart, and until then the old one needs its own
    if (from[last] === undefined && key.startsWith('qkd.') && key !== 'qkd.keying') continue;
    if (from[last] === undefined) delete into[last];
    else into[last] = from[last];
  }
  return result;
}

/**
 * Reads file, environment and certificates again and carries out what may change. `running` becomes what the node runs by
 * from then on. A configuration with a fault changes nothing and is told in the log.
 *
 * @returns false when nothing was done for a fault
 */
export function reload(path: string, running: Config, node: ReloadedNode, log: Log): boolean {
  try {
    const next = readNodeConfig(path).config;
    const changed = changedKeys(running, next);
    const goal = merged(running, next);
    const renewed = apply(goal, running, node);
    Object.assign(running, goal);
    const needRestart = changed.filter((key) => liveKeyOf(key) === undefined);
    const live = changed.filter((key) => liveKeyOf(key) !== undefined);
    log.info({ changed: live }, 'the configuration is reloaded');
    if (renewed) log.info({ kme: goal.qkd?.kmeId }, 'new certificates are used towards the KME');
    if (needRestart.length > 0)
      log.warn(
        { keys: needRestart },
        'these keys have changed, too, and need a restart; the node goes by the old values',
      );
    return true;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    log.error({ error: reason }, 'the configuration was not reloaded');
    return false;
  }
}

/** What AMFs are told by RAN Configuration Update. */
const toldToAmfs: readonly LiveKey[] = ['n2.name', 'n2.tac', 'n2.slices', 'n2.moreTrackingAreas'];

/** Whatever can fail comes first, so that all of it is done or nothing. True when the KME sees other certificates from now on. */
function apply(goal: Config, running: Config, node: ReloadedNode): boolean {
  const changed = new Set(changedKeys(running, goal).map(liveKeyOf));
  const did = (...keys: readonly LiveKey[]) => keys.some((key) => changed.has(key));
  // The engine goes by files, too, which may have changed under the same names.
  const ike = endpointConfig(goal);
  const renew = goal.qkd === undefined ? undefined : node.renewKeySource(goal.qkd);
  const isInner = did('inner.pool', 'inner.pool6', 'inner.dns', 'inner.pCscf', 'inner.fixed');
  node.reconfigure({
    ike,
    sessions: sessionPolicyOf(goal),
    redirectTo: goal.ike.redirectTo,
    ...(isInner ? { inner: innerConfigOf(goal) } : {}),
    ...(did('ike.policy', 'qkd.keying')
      ? { keying: keyingSettingsOf(goal.ike.policy, goal.qkd?.keying) }
      : {}),
  });
  if (did(...toldToAmfs)) node.updateN2(goal.n2);
  if (did('n2.amfs')) node.setAmfs(goal.n2.amfs);
  if (did('log')) node.setLogLevel(goal.log);
  return renew?.() ?? false;
}
