/** The checks of `n3iwf doctor`, as a table. What each one needs of the outside it gets through {@link Machine}. */
import { type StorageFault, takesQuantumKeys } from '#qkd';
import type { Config } from '../config.ts';
import { etsi014Of } from '../qkd-config.ts';
import { checkCertificates } from './certificates.ts';
import { type Finding, failure, good, type NamedFinding, skipped, warning } from './finding.ts';
import { judgeKeyRate, keyUseOf } from './key-rate.ts';
import type { Machine, Plan } from './machine.ts';
import { checkAmfs, checkMtu, checkPorts, checkSctp, udpPlaces } from './network-checks.ts';
import { checkAddresses, checkFiles } from './place-checks.ts';

/** One check. */
interface Check {
  readonly name: string;
  /** What it looks at, for the help and the guide. */
  readonly looksAt: string;
  run(config: Config, machine: Machine, plan: Plan): Finding[] | Promise<Finding[]>;
}

/** Every check, in the order in which they are made: what explains a later one comes first. */
export const checks: readonly Check[] = [
  { name: 'files', looksAt: 'whether this process may read and write what is named', run: checkFiles },
  { name: 'ports', looksAt: 'whether each UDP port is free, and who holds it', run: checkPorts },
  {
    name: 'addresses',
    looksAt: 'whether its own are of this machine, and those of UEs enough and of nobody else',
    run: checkAddresses,
  },
  { name: 'capabilities', looksAt: 'what this process may do', run: checkCapabilities },
  { name: 'SCTP', looksAt: 'whether the kernel has it', run: checkSctp },
  { name: 'MTU', looksAt: 'interfaces against the packet sizes of the configuration', run: checkMtu },
  { name: 'clock', looksAt: 'whether the date can be right, and something keeps it', run: checkClock },
  { name: 'certificates', looksAt: 'dates, names, private keys, the chain', run: checkCertificates },
  { name: 'AMF', looksAt: 'each AMF, by an NG Setup without UEs', run: checkAmfs },
  { name: 'key store', looksAt: 'whether it can be read, and is as it was written', run: checkStore },
  { name: 'KME', looksAt: 'its identity and whether it answers by the standard', run: checkKme },
  { name: 'key rate', looksAt: 'keys needed against keys made', run: checkKeyRate },
];

/** Makes every check. Never rejects: a check that fails by itself is a finding too. */
export async function examine(config: Config, machine: Machine, plan: Plan): Promise<NamedFinding[]> {
  const all: NamedFinding[] = [];
  for (const { name, run } of checks) {
    const findings = await Promise.resolve()
      .then(() => run(config, machine, plan))
      .catch((error: unknown) => [
        failure(`the check failed: ${error instanceof Error ? error.message : String(error)}`, 'report it'),
      ]);
    for (const finding of findings) all.push({ check: name, ...finding });
  }
  return all;
}

/** Capabilities by their numbers in linux/capability.h, and when a configuration needs them. */
const capabilities: readonly {
  readonly name: string;
  readonly bit: bigint;
  readonly why: (config: Config, machine: Machine) => string | undefined;
}[] = [
  {
    name: 'CAP_NET_BIND_SERVICE',
    bit: 10n,
    why: (config, machine) => {
      const low = udpPlaces(config).filter(({ port }) => port > 0 && port < machine.unprivilegedPort());
      return low.length === 0 ? undefined : low.map(({ key, port }) => `${key} is ${port}`).join(' and ');
    },
  },
  { name: 'CAP_NET_ADMIN', bit: 12n, why: kernelPlane },
  { name: 'CAP_NET_RAW', bit: 13n, why: (config) => kernelPlane(config) ?? bareEsp(config) },
];

/** States of IPsec and an interface are made in the kernel, and GRE goes by raw sockets. */
function kernelPlane({ userPlane }: Config): string | undefined {
  return userPlane.plane === 'kernel' ? 'userPlane.plane is kernel' : undefined;
}

/** ESP outside UDP has no socket of its own kind: it takes raw packets. */
function bareEsp({ ike }: Config): string | undefined {
  return ike.forceUdpEncapsulation
    ? undefined
    : 'ike.forceUdpEncapsulation is false, so ESP travels without UDP';
}

/** Capabilities that this configuration needs and the process lacks. */
function checkCapabilities(config: Config, machine: Machine): Finding[] {
  const effective = machine.capabilities();
  if (effective === undefined) return [skipped('this system tells no capabilities')];
  const missing = capabilities.flatMap(({ name, bit, why }) => {
    const reason = why(config, machine);
    return reason === undefined || ((effective >> bit) & 1n) === 1n ? [] : [{ name, reason }];
  });
  if (missing.length === 0) return [good('all that this configuration needs')];
  return missing.map(({ name, reason }) =>
    failure(
      `${name} is missing: ${reason}`,
      `start it with AmbientCapabilities=${name}, as the systemd unit does`,
    ),
  );
}

/** No build of this program is older, nor will one run so long; ms since 1970. */
const plausible = { fromMs: Date.UTC(2026, 0, 1), untilMs: Date.UTC(2076, 0, 1) };

/** Certificates and the rows of the record go by the clock: it must be plausible, and something must keep it so. */
function checkClock(_config: Config, machine: Machine): Finding[] {
  const now = machine.wallMs();
  const shown = Number.isFinite(now) ? new Date(now).toISOString() : String(now);
  if (now >= plausible.fromMs && now < plausible.untilMs) {
    if (machine.clockKept() !== false) return [good(shown)];
    return [
      warning(
        `the clock says ${shown}, and the kernel that nothing keeps it: certificates and audit rows go by it`,
        'let chrony or systemd-timesyncd keep it',
      ),
    ];
  }
  return [
    failure(
      `the clock says ${shown}, which cannot be: certificates and audit rows go by it`,
      'set it, and let chrony or systemd-timesyncd keep it',
    ),
  ];
}

/** What to do about a store, by what is wrong with it. */
const storeRemedies: Readonly<Record<StorageFault, string>> = {
  full: 'make room on its disk',
  damaged:
    'stop the node, keep the file for inspection, and let it begin a new one: a copy of before holds used keys for unused',
  busy: 'end what else holds it, or wait',
  unreachable: 'see that the database server runs and lets this node in',
  failed: 'see that its folder is there and that this user may write to it',
};

/** Whether the key store can be opened, and what is in it. */
async function checkStore({ qkd }: Config, machine: Machine): Promise<Finding[]> {
  if (qkd === undefined) return [good('none is used')];
  const look = await machine.lookAtStore();
  return [look.ok ? good(look.value) : failure(look.reason, storeRemedies[look.fault])];
}

/** A source that is no KME of ETSI GS QKD 014 is asked whether it is there; it has no conformance to be probed. */
async function checkOtherSource(machine: Machine): Promise<Finding[]> {
  const { name, reachable, why, storedKeys } = await machine.lookAtSource();
  if (!reachable)
    return [failure(`${name}: ${why}`, 'see that it runs, and that the secret shared with it is the same')];
  return [good(storedKeys === undefined ? `${name} answers` : `${name}: ${storedKeys} keys`)];
}

/** Whether the KME answers, and as the standard says. */
async function checkKme({ qkd }: Config, machine: Machine): Promise<Finding[]> {
  if (qkd === undefined) return [good('none is used')];
  if (etsi014Of(qkd) === undefined) return await checkOtherSource(machine);
  const status = await machine.kmeStatus();
  if (!status.ok)
    return [
      failure(
        status.reason,
        /certificate/.test(status.reason)
          ? 'make qkd.kmeId the name in its certificate and qkd.ca its issuer, or find out who answers there'
          : 'see that it runs at qkd.kme and knows qkd.saeId and qkd.ueSaeId',
      ),
    ];
  const { findings, keysSpent, medianMs } = await machine.probeKme();
  const kme = `KME ${qkd.kmeId} at ${qkd.kme}`;
  const told = findings.flatMap(({ check, clause, verdict, detail }): Finding[] => {
    const text = `${kme}: ${check} [${clause}]: ${detail}`;
    if (verdict === 'fail')
      return [failure(text, 'it departs from ETSI GS QKD 014: set qkd.kmeKind, or ask its maker')];
    if (verdict === 'warn') return [warning(text, 'see whether qkd.kmeKind names it')];
    return [];
  });
  if (told.length > 0) return told;
  return [good(`${kme} answers by the standard, in ${Math.round(medianMs)} ms; ${keysSpent} keys spent`)];
}

/** Time over which the growth of the pool is measured, ms. */
const measureMs = 2_000;

/** Whether the link makes as many keys as the planned UEs take. Measured, where nobody says how many it makes. */
async function checkKeyRate({ ike, qkd }: Config, machine: Machine, plan: Plan): Promise<Finding[]> {
  const use = keyUseOf(takesQuantumKeys(ike.policy) ? ike.ppk : 'none', ike.auth);
  if (qkd === undefined) return [judgeKeyRate(use, plan, plan.keysPerSecond, 0)];
  if (etsi014Of(qkd) === undefined)
    return [skipped('the source of keys tells no rate: give --key-rate with a KME')];
  const before = await machine.kmeStatus();
  if (!before.ok) return [skipped('the KME tells nothing of its pool')];
  const { storedKeyCount, maxKeyCount } = before.value;
  if (plan.keysPerSecond !== undefined) return [judgeKeyRate(use, plan, plan.keysPerSecond, storedKeyCount)];
  const began = machine.monotonicMs();
  await machine.pause(measureMs);
  const after = await machine.kmeStatus();
  if (!after.ok) return [skipped('the KME stopped answering')];
  const seconds = (machine.monotonicMs() - began) / 1000;
  const pool = after.value.storedKeyCount;
  const rate = pool >= maxKeyCount ? undefined : Math.max(0, (pool - storedKeyCount) / seconds);
  return [judgeKeyRate(use, plan, rate, pool)];
}
