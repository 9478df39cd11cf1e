import { parseDocument } from '../config.ts';
import { OperatorError } from '../errors.ts';
import { canonical, type KeyFindings } from './keys.ts';
import { type Free5gcConfig, free5gcSchema } from './schema.ts';

/** What became of a configuration of free5GC, key by key, for the operator. */
export interface Translation {
  /** Our configuration, as its file would have it; not yet checked. */
  readonly document: Record<string, unknown>;
  /** Keys that were used: theirs, ours, and the value there. */
  readonly taken: readonly { readonly key: string; readonly as: string; readonly value: unknown }[];
  /** Keys that were not, and why. */
  readonly ignored: readonly { readonly key: string; readonly why: string }[];
  /** What else should be known. */
  readonly warnings: readonly string[];
}

/** Their section `configuration`. */
type Settings = Free5gcConfig['configuration'];
/** A tracking area of theirs. */
type Area = Settings['n3iwfInformation']['supportedTAList'][number];
/** A PLMN of theirs, with its slices. */
type Plmn = Area['broadcastPlmnList'][number];

/** One key of theirs and where its value goes in ours. */
interface Row {
  readonly key: string;
  readonly as: string;
  /** The value of ours; undefined where theirs says nothing. */
  readonly value: (file: Free5gcConfig) => unknown;
}

const of =
  (pick: (settings: Settings) => unknown): Row['value'] =>
  ({ configuration }) =>
    pick(configuration);

const levels: Readonly<Record<string, string>> = { trace: 'debug', fatal: 'error', panic: 'error' };

/** Every key that is used, and where it goes. */
const rows: readonly Row[] = [
  { key: 'configuration.ikeBindAddress', as: 'ike.address', value: of((c) => c.ikeBindAddress) },
  { key: 'configuration.fqdn', as: 'ike.identity', value: of((c) => c.fqdn) },
  { key: 'configuration.certificate', as: 'ike.certificate.chain', value: of((c) => c.certificate) },
  { key: 'configuration.privateKey', as: 'ike.certificate.key', value: of((c) => c.privateKey) },
  { key: 'configuration.ueIpAddressRange', as: 'inner.pool', value: of((c) => c.ueIpAddressRange) },
  { key: 'configuration.ipSecTunnelAddress', as: 'inner.address', value: of((c) => c.ipSecTunnelAddress) },
  { key: 'configuration.nasTcpPort', as: 'inner.nasPort', value: of((c) => c.nasTcpPort) },
  { key: 'configuration.n3iwfInformation.name', as: 'n2.name', value: of((c) => c.n3iwfInformation.name) },
  {
    key: 'configuration.n3iwfInformation.globalN3IWFID.n3iwfID',
    as: 'n2.n3iwfId',
    value: of((c) => c.n3iwfInformation.globalN3IWFID.n3iwfID),
  },
  {
    key: 'configuration.n3iwfInformation.globalN3IWFID.plmnID',
    as: 'n2.plmn',
    value: of((c) => c.n3iwfInformation.globalN3IWFID.plmnID),
  },
  { key: 'configuration.n3iwfInformation.supportedTAList', as: 'n2.tac', value: of((c) => areasOf(c).tac) },
  {
    key: 'configuration.n3iwfInformation.supportedTAList',
    as: 'n2.slices',
    value: of((c) => areasOf(c).slices),
  },
  {
    key: 'configuration.n3iwfInformation.supportedTAList',
    as: 'n2.moreTrackingAreas',
    value: of((c) => areasOf(c).more),
  },
  {
    key: 'configuration.localSctpAddr',
    as: 'n2.localAddresses',
    value: of((c) => (c.localSctpAddr === undefined ? undefined : [c.localSctpAddr])),
  },
  {
    key: 'configuration.amfSCTPAddresses',
    as: 'n2.amfs',
    value: of((c) => c.amfSCTPAddresses.map(({ ip, port }) => ({ addresses: ip, port }))),
  },
  { key: 'configuration.n3iwfGtpBindAddress', as: 'n3.address', value: of((c) => c.n3iwfGtpBindAddress) },
  {
    key: 'configuration.livenessCheck',
    as: 'timers.livenessMs',
    value: of(({ livenessCheck }) => (livenessCheck.enable ? livenessCheck.transFreq : 0)),
  },
  {
    key: 'logger.level',
    as: 'log',
    value: ({ logger }) => {
      if (logger === undefined) return undefined;
      return logger.enable ? (levels[logger.level] ?? logger.level) : 'error';
    },
  },
];

/** Keys of the schema that nothing here takes. */
const unused: readonly { readonly key: string; readonly why: string }[] = [
  {
    key: 'configuration.xfrmInterfaceName',
    why: 'the user plane runs in this process, without XFRM interfaces',
  },
  {
    key: 'configuration.xfrmInterfaceID',
    why: 'the user plane runs in this process, without XFRM interfaces',
  },
  { key: 'configuration.certificateAuthority', why: 'UEs are not asked for certificates' },
  {
    key: 'configuration.livenessCheck.maxRetryTimes',
    why: 'requests are sent again with a back-off of their own',
  },
  { key: 'configuration.metrics', why: 'the keys of metrics are our own' },
  { key: 'logger.reportCaller', why: 'log lines name no callers' },
];

/**
 * AUTH by certificate as there; the last proposals are the ones that free5GC's UE offers, which has no other. It sends
 * the offer for a Child SA back whole, so that offer must leave it no choice, and its GRE is the kernel's, which looks at
 * the protocol type.
 */
const given = {
  ike: {
    auth: 'certificate',
    ppk: 'none',
    policy: 'qkd-preferred',
    proposals: [
      'aes256gcm16-prfsha256-x25519',
      'aes256-sha256-prfsha256-ecp256',
      'aes256-sha1-prfsha1-modp2048',
    ],
    espProposals: ['aes256gcm16', 'aes256-sha256', 'aes256-sha1'],
    childOffer: 'as-first',
  },
  userPlane: { gre: 'free5gc' },
};

const versions = { current: '1.0.5', former: '1.0.4' } as const;

/** True for a document in the form of free5GC's N3IWF configuration, of whichever version. */
export function isFree5gc(document: unknown): boolean {
  return at(document, 'info') !== undefined || at(document, 'configuration') !== undefined;
}

/**
 * Our configuration out of free5GC's.
 *
 * @param plain the file with every scalar as text
 * @param overlay keys of our configuration that go over what is taken
 * @throws OperatorError N3IWF_E_CONFIG that names every wrong or missing key, and the version where it is not known
 */
export function translate(plain: unknown, overlay: unknown, source: string): Translation {
  const findings: KeyFindings = { older: [], unknown: [] };
  const named = canonical(plain, findings);
  const version = String(at(named, 'info.version') ?? 'missing');
  if (version !== versions.current && version !== versions.former) throw unknownVersion(version, source);
  const file = parseDocument(free5gcSchema, named, source);
  const document: Record<string, unknown> = structuredClone(given);
  const taken = rows.flatMap(({ key, as, value }) => {
    const ours = value(file);
    if (ours === undefined) return [];
    put(document, as, ours);
    return [{ key, as, value: ours }];
  });
  return {
    document: merged(document, overlay),
    taken,
    ignored: [
      ...unused.filter(({ key }) => at(named, key) !== undefined),
      ...findings.unknown.map(({ key, meant }) => ({
        key,
        why: meant === undefined ? 'no such key in the schema' : `no such key in the schema; ${meant} is one`,
      })),
    ],
    warnings: warningsOf(version, findings),
  };
}

/** What an operator should know of a file that is taken as it is. */
function warningsOf(version: string, { older }: KeyFindings): string[] {
  const warnings = ["the suites of free5GC's UE are on: SHA-1 and MODP-2048 last, after better ones"];
  if (version === versions.former) {
    warnings.push(`info.version: ${version} is an older schema; ${versions.current} is the one to write`);
  }
  if (older.length > 0) warnings.push(`keys in their older spelling: ${older.join(', ')}`);
  return warnings;
}

/** A schema that we do not know might mean other things by the same keys. */
function unknownVersion(version: string, source: string): OperatorError {
  return new OperatorError(
    'N3IWF_E_CONFIG',
    `${source} is not usable:\n  info.version: must be ${versions.current} (or ${versions.former}), but it is ${version}`,
  );
}

/** The first tracking area goes first, as some AMFs take the first one for all UEs. */
function areasOf({ n3iwfInformation }: Settings) {
  const { plmnID } = n3iwfInformation.globalN3IWFID;
  const isHome = (plmn: Plmn) => plmn.plmnID.mcc === plmnID.mcc && plmn.plmnID.mnc === plmnID.mnc;
  const [first, ...others] = n3iwfInformation.supportedTAList;
  const home = first.broadcastPlmnList.find(isHome);
  const visited = first.broadcastPlmnList.filter((plmn) => plmn !== home);
  const rest: Pick<Area, 'tac' | 'broadcastPlmnList'>[] = [...others];
  if (visited[0] !== undefined)
    rest.unshift({ tac: first.tac, broadcastPlmnList: [visited[0], ...visited.slice(1)] });
  return {
    tac: first.tac,
    slices: slicesOf(home ?? first.broadcastPlmnList[0]),
    more: rest.map(({ tac, broadcastPlmnList }) => ({
      tac,
      plmns: broadcastPlmnList.map((plmn) => ({ ...plmn.plmnID, slices: slicesOf(plmn) })),
    })),
  };
}

/** Slices in our form. */
function slicesOf({ taiSliceSupportList }: Plmn) {
  return taiSliceSupportList.map(({ snssai: { sst, sd } }) => ({ sst, ...(sd === undefined ? {} : { sd }) }));
}

/** The value at a path of keys joined by dots. */
function at(document: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>(
      (value, key) =>
        typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined,
      document,
    );
}

/** Sets the value at a path, making sections on the way. */
function put(document: Record<string, unknown>, path: string, value: unknown): void {
  const keys = path.split('.');
  const last = keys.pop() ?? '';
  let section = document;
  for (const key of keys) {
    const inner = (section[key] ?? {}) as Record<string, unknown>;
    section[key] = inner;
    section = inner;
  }
  section[last] = value;
}

/** `overlay` over `base`: sections are joined key by key, null takes a key away, anything else takes its place. */
function merged(base: Record<string, unknown>, overlay: unknown): Record<string, unknown> {
  if (typeof overlay !== 'object' || overlay === null || Array.isArray(overlay)) return base;
  const result = { ...base };
  for (const [key, value] of Object.entries(overlay)) {
    const below = result[key];
    const both = [below, value].every(
      (each) => typeof each === 'object' && each !== null && !Array.isArray(each),
    );
    if (value === null) delete result[key];
    else result[key] = both ? merged(below as Record<string, unknown>, value) : value;
  }
  return result;
}
