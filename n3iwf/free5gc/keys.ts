/** A tree of key names: a leaf is a scalar, an array of one shape stands for a list of such. */
type Shape = { readonly [key: string]: Shape | readonly [Shape] | true };

const plmnId = { plmnID: { mcc: true, mnc: true } } as const;

/** Every key of free5GC's N3IWF configuration, schema 1.0.5, in its spelling. */
const shape: Shape = {
  info: { version: true, description: true },
  configuration: {
    n3iwfInformation: {
      globalN3IWFID: { ...plmnId, n3iwfID: true },
      name: true,
      supportedTAList: [
        {
          tac: true,
          broadcastPlmnList: [{ ...plmnId, taiSliceSupportList: [{ snssai: { sst: true, sd: true } }] }],
        },
      ],
    },
    localSctpAddr: true,
    amfSCTPAddresses: [{ ip: true, port: true }],
    nasTcpPort: true,
    ikeBindAddress: true,
    ipSecTunnelAddress: true,
    ueIpAddressRange: true,
    xfrmInterfaceName: true,
    xfrmInterfaceID: true,
    n3iwfGtpBindAddress: true,
    fqdn: true,
    privateKey: true,
    certificateAuthority: true,
    certificate: true,
    livenessCheck: { enable: true, transFreq: true, maxRetryTimes: true },
    metrics: {
      enable: true,
      scheme: true,
      bindingIPv4: true,
      port: true,
      tls: { pem: true, key: true },
      namespace: true,
    },
  },
  logger: { enable: true, level: true, reportCaller: true },
};

/** Keys that had another name before, not only other capitals. */
const formerNames: Readonly<Record<string, string>> = { gtpbindaddress: 'n3iwfGtpBindAddress' };

/** The section that free5GC's own N3IWF passes over: keys of our configuration, laid over what is taken from it. */
export const ownSection = 'qn3iwf';

/** What `canonical` found besides the keys of the schema. */
export interface KeyFindings {
  /** Older spellings, as `path: spelling -> key`. */
  readonly older: string[];
  /** Paths of keys that the schema does not have, with the key that may have been meant. */
  readonly unknown: { readonly key: string; readonly meant: string | undefined }[];
}

type Tree = Readonly<Record<string, unknown>>;

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * The document under the key names of schema 1.0.5. Schema 1.0.4, and 1.0.5 before July 2024, wrote the same keys with
 * other capitals; YAML of Go tells them apart, so a file has one or the other, and both are read here.
 */
export function canonical(document: unknown, findings: KeyFindings): unknown {
  return renamed(document, shape, '', findings);
}

function renamed(
  value: unknown,
  at: Shape | readonly [Shape] | true,
  path: string,
  findings: KeyFindings,
): unknown {
  if (at === true) return value;
  if (isList(at)) {
    const [item] = at;
    if (!Array.isArray(value)) return value;
    return value.map((each, index) => renamed(each, item, `${path}.${index}`, findings));
  }
  if (!isTree(value)) return value;
  const result: Record<string, unknown> = {};
  for (const [given, inner] of Object.entries(value)) {
    const inside = path === '' ? given : `${path}.${given}`;
    if (inside === ownSection) continue;
    const key = keyOf(given, at);
    const next = key === undefined ? undefined : at[key];
    if (key === undefined || next === undefined) {
      findings.unknown.push({ key: inside, meant: nearest(given, at) });
      continue;
    }
    if (key !== given) findings.older.push(`${inside} -> ${key}`);
    result[key] = renamed(inner, next, path === '' ? key : `${path}.${key}`, findings);
  }
  return result;
}

function isList(at: Shape | readonly [Shape]): at is readonly [Shape] {
  return Array.isArray(at);
}

/** The key of the schema that a spelling stands for. */
function keyOf(given: string, at: Shape): string | undefined {
  if (Object.hasOwn(at, given)) return given;
  const lower = given.toLowerCase();
  const former = formerNames[lower];
  if (former !== undefined && Object.hasOwn(at, former)) return former;
  return Object.keys(at).find((key) => key.toLowerCase() === lower);
}

/** A key that differs from `given` by at most two letters, put in, left out or changed. */
function nearest(given: string, at: Shape): string | undefined {
  const tolerated = 2;
  const distances = Object.keys(at).map((key) => ({
    key,
    far: distance(given.toLowerCase(), key.toLowerCase()),
  }));
  return distances.sort((one, other) => one.far - other.far).find(({ far }) => far <= tolerated)?.key;
}

/** Edits between two words: the usual table, row by row. */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (const [at, letter] of [...one].entries()) {
    const next = [at + 1];
    for (let to = 1; to <= other.length; to++) {
      const change = (row[to - 1] ?? 0) + (letter === other[to - 1] ? 0 : 1);
      next.push(Math.min(change, (row[to] ?? 0) + 1, (next[to - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[other.length] ?? 0;
}
