/** The command `n3iwf doctor`: everything that a deployment needs, looked at before the node starts. */
import { setTimeout } from 'node:timers/promises';
import { Etsi014Client, KeyStorageError } from '#qkd';
import type { Config } from '../config.ts';
import { examine } from '../doctor/checks.ts';
import { reportJson, reportText, statusOf } from '../doctor/finding.ts';
import type { Machine, Plan } from '../doctor/machine.ts';
import * as host from '../io/host-facts.ts';
import { addressesOf } from '../io/host-names.ts';
import { monotonicMs } from '../io/machine.ts';
import { withoutPassword } from '../io/postgres-key-storage.ts';
import { connectSctp } from '../io/sctp-kernel.ts';
import { etsi014Of } from '../qkd-config.ts';
import { placeOf } from './configuration-file.ts';
import { type DoctorKmeOptions, doctorKme, openKme, probeOf } from './doctor-kme.ts';
import { openKeySource } from './key-sources.ts';
import { examineKeyStorage } from './key-storage.ts';
import { readNodeConfig, withAddresses } from './node-config.ts';

/** Options of the command line; times in s. */
export interface DoctorOptions extends DoctorKmeOptions {
  /** Only the KME, check by check. */
  readonly kme?: boolean;
  readonly ues?: number;
  readonly childSas: number;
  readonly childLifetime: number;
  readonly ikeLifetime: number;
  readonly keyRate?: number;
  readonly outage: number;
  /** PEM file of the authority that UEs have. */
  readonly ueCa?: string;
}

/**
 * Makes every check and prints what was found, the worst first.
 *
 * @returns 0 when nothing needs doing, 8 with warnings, 1 when something will not work
 * @throws OperatorError for a configuration that cannot be used
 */
export async function doctor(options: DoctorOptions): Promise<number> {
  if (options.kme === true) return await doctorKme(options);
  const config = await withAddresses(readNodeConfig(options.config).config);
  const findings = await examine(config, realMachine(config, options), planOf(options));
  const lines = options.json === true ? [JSON.stringify(reportJson(findings))] : reportText(findings);
  process.stdout.once('error', () => {}); // a reader that has seen enough, such as head: the status tells the rest
  process.stdout.write(`${lines.join('\n')}\n`);
  return statusOf(findings);
}

/** What the operator means to run, for the reckoning of keys. */
function planOf(options: DoctorOptions): Plan {
  return {
    ues: options.ues,
    childSasPerUe: options.childSas,
    childSeconds: options.childLifetime,
    ikeSeconds: options.ikeLifetime,
    keysPerSecond: options.keyRate,
    outageSeconds: options.outage,
    ueAuthority: options.ueCa,
  };
}

/** A file by its path or, for `credential:NAME`, where the service manager put it. */
function readNamed(named: string): ReturnType<Machine['readFile']> {
  try {
    return host.readWhole(placeOf('a file', named));
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
}

/** This machine, the AMFs and the KME of the configuration. */
function realMachine(config: Config, options: DoctorOptions): Machine {
  const { amfs, sctp, localAddresses } = config.n2;
  return {
    wallMs: Date.now,
    monotonicMs,
    pause: (ms, signal) => setTimeout(ms, undefined, signal === undefined ? {} : { signal }).catch(() => {}),
    tryBind: host.tryBindUdp,
    sctp: host.haveSctp,
    capabilities: host.effectiveCapabilities,
    unprivilegedPort: host.lowestUnprivilegedPort,
    interfaceOf: host.interfaceOf,
    networks: host.ipv4Networks,
    readFile: readNamed,
    folder: host.folderState,
    clockKept: () => host.clockKept(),
    connectAmf: async (number) => {
      const amf = amfs[number];
      if (amf === undefined) throw new Error(`there is no AMF ${number}`);
      const from = { ...sctp, local: localAddresses, localPort: 0 };
      return await connectSctp(from, await addressesOf(amf.addresses), amf.port);
    },
    kmeStatus: () => kmeStatus(config),
    lookAtSource: () => lookAtSource(config),
    lookAtStore: () => lookAtStore(config),
    probeKme: async () => {
      const qkd = etsi014Of(config.qkd);
      if (qkd === undefined) return { findings: [], keysSpent: 0, medianMs: 0 };
      return await probeOf(qkd, options);
    },
  };
}

/** Asks the KME once, as the node would. */
async function kmeStatus(config: Config): ReturnType<Machine['kmeStatus']> {
  const qkd = etsi014Of(config.qkd);
  if (qkd === undefined) return { ok: false, reason: 'qkd.kme is missing' };
  try {
    const transport = openKme(qkd);
    try {
      const client = new Etsi014Client(transport, { keySizeBits: 256, quirks: qkd.kmeKind });
      const status = await client.status(qkd.ueSaeId);
      return status.ok ? status : { ok: false, reason: status.error.detail };
    } finally {
      transport.close();
    }
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
}

/** What is in the key store, or what is wrong with it. */
async function lookAtStore({ qkd }: Config): ReturnType<Machine['lookAtStore']> {
  if (qkd === undefined) return { ok: true, value: 'none is used' };
  try {
    return { ok: true, value: `${withoutPassword(qkd.store)} ${await examineKeyStorage(qkd.store)}` };
  } catch (error) {
    if (!(error instanceof KeyStorageError)) throw error;
    return { ok: false, fault: error.fault, reason: error.message };
  }
}

/** Which keys of a file are spent only the node's store knows: here all of them count. */
async function lookAtSource({ qkd }: Config): ReturnType<Machine['lookAtSource']> {
  if (qkd === undefined) return { name: 'qkd', reachable: false, why: 'qkd is missing' };
  try {
    const opened = openKeySource(qkd, () => false);
    const look = await opened.look();
    await opened.close();
    return { name: opened.name, ...look };
  } catch (error) {
    return { name: 'qkd', reachable: false, why: error instanceof Error ? error.message : String(error) };
  }
}
