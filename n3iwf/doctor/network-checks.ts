/** Checks of sockets, interfaces and AMFs. */
import type { Config } from '../config.ts';
import { hexOf } from '../hex.ts';
import { plmnOctets } from '../n2/plmn.ts';
import { ngSetupRequest } from '../n2/setup.ts';
import { type Finding, failure, good, skipped, warning } from './finding.ts';
import type { BindOutcome, Machine } from './machine.ts';
import { dryRunNgSetup, explainCause, type NgSetupOutcome } from './ng-setup.ts';

/** A UDP port that the node binds, by the key of the configuration that names it. */
interface UdpPlace {
  readonly key: string;
  readonly address: string;
  readonly port: number;
}

/** Every UDP port of a configuration. */
export function udpPlaces({ ike, n3 }: Config): UdpPlace[] {
  const ends = [n3.address, ...n3.moreAddresses];
  return [
    { key: 'ike.port', address: ike.address, port: ike.port },
    { key: 'ike.natTraversalPort', address: ike.address, port: ike.natTraversalPort },
    ...ends.map((address) => ({ key: 'n3.port', address, port: n3.port })),
  ];
}

/** Whose process is known by its command line, and how it is stopped. */
const knownHolders: readonly { readonly pattern: RegExp; readonly name: string; readonly stop: string }[] = [
  {
    pattern: /charon|starter|strongswan/,
    name: 'strongSwan',
    stop: 'systemctl disable --now strongswan strongswan-starter',
  },
  { pattern: /pluto|libreswan/, name: 'libreswan', stop: 'systemctl disable --now ipsec' },
  { pattern: /racoon/, name: 'racoon', stop: 'systemctl disable --now racoon' },
  {
    pattern: /open5gs-upfd|open5gs-sgwud/,
    name: "Open5GS's user plane",
    stop: 'give n3.address an address that it does not bind',
  },
  { pattern: /n3iwf/, name: 'an N3IWF', stop: 'stop it first' },
];

/** What it means that a port is free, taken, not ours to take, or at an address that is not here. */
function judgeBind({ key, address, port }: UdpPlace, outcome: BindOutcome): Finding {
  const place = `UDP ${address} port ${port} (${key})`;
  switch (outcome.kind) {
    case 'free':
      return good(`${place} is free`);
    case 'taken': {
      const { holder } = outcome;
      if (holder === undefined)
        return failure(
          `${place} is taken`,
          'find its holder as root with "ss -ulpn", or choose another port',
        );
      const known = knownHolders.find(({ pattern }) => pattern.test(holder.command));
      const who = known === undefined ? '' : `${known.name}, `;
      return failure(
        `${place} is taken by ${who}process ${holder.pid}: ${holder.command}`,
        known?.stop ?? 'stop it or choose another port',
      );
    }
    case 'denied':
      return failure(`${place}: this process may not bind so low a port`, 'give it CAP_NET_BIND_SERVICE');
    case 'noAddress':
      return failure(
        `${key}: ${address} is on no interface of this machine`,
        'name an address of this machine',
      );
    case 'other':
      return failure(`${place}: ${outcome.reason}`, 'see what the system says of it');
  }
}

/** Each UDP port is bound once and given back. */
export async function checkPorts(config: Config, machine: Machine): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const place of udpPlaces(config))
    findings.push(judgeBind(place, await machine.tryBind(place.address, place.port)));
  return findings;
}

const wildcards: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/** The sizes that the configuration counts on, against those of the interfaces. */
export function checkMtu({ ike, n3, userPlane }: Config, machine: Machine): Finding[] {
  const wanted = [
    { key: 'userPlane.nwuMtu', address: ike.address, octets: userPlane.nwuMtu },
    { key: 'userPlane.n3Mtu', address: n3.address, octets: userPlane.n3Mtu },
  ];
  return wanted.map(({ key, address, octets }) => {
    if (wildcards.has(address)) return skipped(`${key}: ${address} is on every interface`);
    const found = machine.interfaceOf(address);
    if (found === undefined) return skipped(`${key}: ${address} is on no interface`);
    const { name, mtu } = found;
    if (mtu === undefined) return skipped(`${key}: the MTU of ${name} cannot be read`);
    if (mtu >= octets) return good(`${key}: ${octets} octets fit ${name}, which has ${mtu}`);
    return failure(
      `${key}: ${octets} octets do not fit ${name} (${address}), whose MTU is ${mtu}`,
      `set ${key} to ${Math.max(1280, mtu)}, or raise the MTU of ${name}`,
    );
  });
}

/** SCTP sockets can be had. */
export function checkSctp(_config: Config, machine: Machine): Finding[] {
  const sctp = machine.sctp();
  if (sctp.ok) return [good('SCTP sockets can be opened')];
  return [
    failure(
      `no SCTP socket: ${sctp.reason}`,
      'a line "sctp" in a file of /etc/modules-load.d loads it at each boot',
    ),
  ];
}

/** True when an N3IWF runs on this machine with the ports of this configuration. */
async function nodeRuns(config: Config, machine: Machine): Promise<boolean> {
  const outcome = await machine.tryBind(config.ike.address, config.ike.port);
  return outcome.kind === 'taken' && /n3iwf/.test(outcome.holder?.command ?? '');
}

/** Reaches each AMF and does NG Setup, without UEs; not beside a running node, whose UEs the AMF would forget. */
export async function checkAmfs(config: Config, machine: Machine): Promise<Finding[]> {
  if (!machine.sctp().ok) return [skipped('no AMF can be asked without SCTP')];
  if (await nodeRuns(config, machine))
    return [skipped('a node runs here, whose UEs the AMF would forget at another NG Setup')];
  const setup = ngSetupRequest(config.n2);
  const ports = { now: () => machine.monotonicMs(), pause: machine.pause };
  const asked = config.n2.amfs.map(async ({ addresses, port }, number) => {
    const outcome = await dryRunNgSetup(setup, () => machine.connectAmf(number), ports);
    return judgeSetup(`AMF ${addresses.join(', ')} port ${port}`, outcome, config);
  });
  return (await Promise.all(asked)).flat();
}

/** What it means that an AMF accepted, refused or was not reached; an accepting one may still lack a PLMN or slice. */
function judgeSetup(amf: string, outcome: NgSetupOutcome, { n2 }: Config): Finding[] {
  if (outcome.kind === 'unreachable')
    return [
      failure(
        `${amf} cannot be reached: ${outcome.reason}`,
        'see that it listens there, that a route leads to it and that a firewall lets SCTP through',
      ),
    ];
  if (outcome.kind === 'refused') {
    const { words, remedy } = explainCause(outcome.cause);
    const { mcc, mnc } = n2.plmn;
    const asked = `PLMN ${mcc}/${mnc}, TAC ${n2.tac}`;
    const why = words === '' ? '' : `, ${words}`;
    return [failure(`${amf}: ${outcome.reason} for ${asked}${why}`, remedy)];
  }
  const { amfName, plmnSupportList } = outcome.amf;
  const own = hexOf(plmnOctets(n2.plmn));
  const served = plmnSupportList.find(({ plmnIdentity }) => hexOf(plmnIdentity) === own);
  if (served === undefined)
    return [
      warning(
        `${amf} accepted, but does not list PLMN ${n2.plmn.mcc}/${n2.plmn.mnc}`,
        'make n2.plmn that of the AMF',
      ),
    ];
  const slices = new Set(
    served.sliceSupportList.map(
      ({ sNssai }) => `${hexOf(sNssai.sst)}${sNssai.sd === undefined ? '' : hexOf(sNssai.sd)}`,
    ),
  );
  const missing = n2.slices.filter(
    ({ sst, sd = '' }) => !slices.has(`${hexOf(Uint8Array.of(sst))}${sd.toLowerCase()}`),
  );
  if (missing.length > 0)
    return [
      warning(
        `${amf} accepted, but has no slice ${missing.map(({ sst, sd }) => (sd === undefined ? `${sst}` : `${sst}-${sd}`)).join(', ')}`,
        'make n2.slices those of the AMF',
      ),
    ];
  return [good(`${amf}: ${amfName} accepted NG Setup`)];
}
