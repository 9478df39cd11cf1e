/** `n3iwf keys quarantine`: distrusts keys, in the running N3IWF when there is one, else in its store. */
import { KeyStore } from '#qkd';
import type { Config } from '../config.ts';
import { OperatorError } from '../errors.ts';
import { Incidents, incidentId } from '../incidents.ts';
import { askControl } from '../io/control-http.ts';
import { monotonicMs, randomOctets } from '../io/machine.ts';
import { silentLog } from '../log.ts';
import { openKeyStorage, readKeyPolicy } from './key-storage.ts';
import { readNodeConfig } from './node-config.ts';

/** Options of the command line. */
export interface QuarantineOptions {
  readonly config: string;
  /** A time as ISO 8601, or how long ago: `90s`, `10m`, `2h`, `1d`. */
  readonly since: string;
  /** The SAE at the other end of the link; all links when left out. */
  readonly link?: string;
  readonly reason?: string;
}

const units = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Ms since 1970 of a moment that has been. @throws OperatorError N3IWF_E_CONFIG for a text that is none */
export function readMoment(text: string, nowMs: number): number {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const moment =
    count === undefined ? Date.parse(text) : nowMs - Number(count) * units[unit as keyof typeof units];
  if (Number.isFinite(moment) && moment >= 0 && moment <= nowMs) return moment;
  throw new OperatorError(
    'N3IWF_E_CONFIG',
    `--since "${text}": a past time such as 2026-11-21T13:00:00Z, or how long ago, such as 10m`,
  );
}

/**
 * Prints the incident as one JSON object.
 *
 * @returns 0 when the keys are distrusted, 1 when the running node refused
 * @throws OperatorError for a configuration or a time that is unusable
 */
export async function quarantineKeys(options: QuarantineOptions): Promise<number> {
  const { config } = readNodeConfig(options.config);
  const sinceMs = readMoment(options.since, Date.now());
  const { link, reason = 'by an operator' } = options;
  const request = { sinceMs, reason, ...(link === undefined ? {} : { link }) };
  const running =
    config.control === undefined
      ? undefined
      : await askControl(config.control.path, 'POST', '/keys/quarantine', request).catch(() => undefined);
  const print = (value: unknown) => process.stdout.write(`${JSON.stringify(value)}\n`);
  if (running !== undefined) {
    print(running.body);
    return running.status === 200 ? 0 : 1;
  }
  if (config.qkd === undefined)
    throw new OperatorError('N3IWF_E_CONFIG', `${options.config}: qkd is missing, so there are no keys`);
  print(await quarantineStored(config.qkd, sinceMs, reason, link));
  return 0;
}

/**
 * Nobody answers at the control socket: what is in the store is distrusted there. SAs of a dead node need no end, and nodes
 * that share the store find the incident in it and look after theirs. Keys that
 * wait are burnt as the store opens when no key-encryption key is configured, since only the node that is gone could open
 * them.
 */
async function quarantineStored(
  config: NonNullable<Config['qkd']>,
  sinceMs: number,
  reason: string,
  link: string | undefined,
): Promise<unknown> {
  const storage = await openKeyStorage(config.store);
  try {
    const none = {
      ok: false,
      error: { kind: 'unreachable', detail: 'no KME', mayHaveBurnt: false, burntKeyIds: [] },
    } as const;
    const store = await KeyStore.open({
      source: { encKeys: async () => none, decKeys: async () => none },
      storage,
      clock: { wallMs: Date.now, monotonicMs },
      random: randomOctets,
      ...readKeyPolicy(config),
    });
    const nobody = { rekeySasOf: () => 0, endAllSas: () => 0 };
    const incidents = new Incidents({
      store,
      node: nobody,
      log: silentLog,
      wallMs: Date.now,
      newId: () => incidentId(randomOctets),
    });
    return await incidents.quarantine(sinceMs, reason, link);
  } finally {
    await storage.close();
  }
}
