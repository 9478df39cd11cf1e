import { isDeepStrictEqual } from 'node:util';
import type { Config } from '../config.ts';
import type { Log } from '../log.ts';
import type { GatewayShell } from '../shell.ts';
import { readNodeConfig } from './node-config.ts';

type N2 = Config['n2'];

/** Keys of `n2` that the AMFs are told of while the node runs; all others take effect at the next start. */
const live: readonly (keyof N2)[] = ['name', 'tac', 'slices', 'moreTrackingAreas'];

/**
 * Reads the configuration again and carries out what can change without dropping an SA: the AMFs learn of a new name or
 * new tracking areas by RAN Configuration Update. A file that is wrong changes nothing.
 */
export function reload(path: string, running: Config, shell: Pick<GatewayShell, 'updateN2'>, log: Log): void {
  let next: Config;
  try {
    next = readNodeConfig(path).config;
  } catch (error) {
    log.error({ error: String(error) }, 'the configuration was not reloaded');
    return;
  }
  const keep = { ...next, n2: { ...next.n2, ...pick(running.n2) } };
  if (!isDeepStrictEqual(keep, running))
    log.warn({ live: live.map((key) => `n2.${key}`) }, 'other keys have changed; they need a restart');
  if (isDeepStrictEqual(pick(next.n2), pick(running.n2))) return;
  Object.assign(running.n2, pick(next.n2));
  shell.updateN2(running.n2);
  log.info({ path }, 'the AMFs are told what changed');
}

function pick(n2: N2): Partial<N2> {
  return Object.fromEntries(live.map((key) => [key, n2[key]]));
}
