import { z } from 'zod';
import type { Lifetimes } from '#ikev2';
import { OperatorError } from './errors.ts';
import { mostReplayWindow } from './kernel/xfrm.ts';
import { cellIdentityBits, n2ProfileNames } from './n2/profile.ts';
import { childSaPolicies } from './nwu/child-sa-policy.ts';
import { greVariants } from './nwu/gre.ts';
import { mostNasDelayMs } from './nwu/held-nas.ts';
import { keyPolicies, ppkUses } from './nwu/key-policy.ts';
import { qkdSchema } from './qkd-config.ts';
import { type InnerConfig, InnerNetwork } from './ue/inner-network.ts';
import { parseAddress } from './userplane/address.ts';

const ipv4 = z
  .string()
  .refine((text) => parseAddress(text)?.length === 4, 'must be an IPv4 address such as 192.0.2.1');
const ip = z
  .string()
  .refine((text) => parseAddress(text) !== undefined, 'must be an address such as 192.0.2.1 or 2001:db8::1');
/** A name's last label begins with a letter, so that a wrong address is not taken for a name (RFC 1123, 2.1). */
const hostName = /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)*[A-Za-z](?:[A-Za-z0-9-]*[A-Za-z0-9])?$/;
const ipv4Host = z
  .string()
  .refine(
    (text) => parseAddress(text)?.length === 4 || hostName.test(text),
    'must be an IPv4 address such as 192.0.2.1, or a host name',
  );
const host = z
  .string()
  .refine(
    (text) => parseAddress(text) !== undefined || hostName.test(text),
    'must be an address such as 192.0.2.1 or 2001:db8::1, or a host name',
  );
const minutes = z.number().min(0).max(525_600).default(0);
const port = z.number().int().min(0).max(65535);
const plmn = z.object({
  mcc: z
    .string()
    .regex(/^\d{3}$/, 'must be three digits in quotes, such as "001"')
    .describe('mobile country code, three digits in quotes'),
  mnc: z
    .string()
    .regex(/^\d{2,3}$/, 'must be two or three digits in quotes, such as "01"')
    .describe('mobile network code, two or three digits in quotes'),
});
const tac = z
  .string()
  .regex(/^[0-9a-fA-F]{6}$/, 'must be six hexadecimal digits in quotes, such as "000001"')
  .describe('tracking area code, six hexadecimal digits in quotes');
const slice = z.object({
  sst: z.number().int().min(0).max(255).describe('slice/service type'),
  sd: z
    .string()
    .regex(/^[0-9a-fA-F]{6}$/, 'must be six hexadecimal digits in quotes, such as "010203"')
    .optional()
    .describe('slice differentiator, six hexadecimal digits in quotes'),
});

/** The gNB that a profile passes the node off as. */
const gnb = z.strictObject({
  id: z.number().int().min(0).max(0xffffffff).describe('gNB ID, not that of a real gNB'),
  idBits: z.number().int().min(22).max(32).default(32).describe('bits of that ID'),
  cell: z
    .number()
    .int()
    .min(0)
    .max(0x3fff)
    .default(0)
    .describe('number of the cell that UEs are said to be in'),
});

const mtu = z.number().int().min(1280).max(65535);

/** Which plane it is and its limits. */
export const userPlaneSchema = z.strictObject({
  plane: z
    .enum(['userspace', 'kernel'])
    .default('userspace')
    .describe('where ESP and NAS over TCP are: in process, or in the kernel, which needs CAP_NET_ADMIN'),
  interface: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9_.-]{0,14}$/, 'must be a name of up to 15 letters and digits')
    .default('n3iwf0')
    .describe('kernel plane: interface that is made for the inner addresses'),
  interfaceKind: z
    .enum(['auto', 'xfrm', 'dummy'])
    .default('auto')
    .describe('kernel plane: `auto` takes an XFRM interface where the kernel has them'),
  marks: z
    .number()
    .int()
    .min(1)
    .max(0xfff0_0000)
    .default(0x4e00_0000)
    .describe('kernel plane: first of a million numbers that serve as marks of packets and as reqids'),
  replayWindow: z
    .number()
    .int()
    .min(1024)
    .max(1 << 20)
    .default(1024)
    .describe('packets of the anti-replay window of each Child SA'),
  padTo: z
    .number()
    .int()
    .min(0)
    .max(65_535)
    .default(0)
    .describe(
      'octets up to which shorter packets to UEs are filled up in ESP, to hide their length; 0 never',
    ),
  nwuMtu: mtu.default(1500).describe('octets of the largest IP packet on the path to UEs'),
  n3Mtu: mtu.default(1500).describe('octets of the largest IP packet on the path to UPFs'),
  childSas: z
    .enum(childSaPolicies)
    .default('session')
    .describe(
      'what gets a Child SA of its own: each session, each flow with a guaranteed bit rate, each flow',
    ),
  dscp: z
    .record(z.string().regex(/^\d{1,3}$/, 'must be a 5QI'), z.number().int().min(0).max(63))
    .default({})
    .describe('code points of outer packets by 5QI'),
  gre: z
    .enum(greVariants)
    .default('standard')
    .describe(
      "GRE header to UEs: of the standard, or with IPv4 as protocol type, which free5GC's UE insists on",
    ),
  greOf: z
    .record(z.string(), z.enum(greVariants))
    .default({})
    .describe('the same for single UEs, by their IKE identity'),
  clampMss: z.boolean().default(true).describe('lower the TCP segment size that peers offer to what fits'),
});

const timeMs = z.number().int().min(1).max(3_600_000);
const attempts = z.number().int().min(1).max(100);

/** How N2's SCTP behaves; times in ms. */
const sctp = z.strictObject({
  streams: z.number().int().min(2).max(65535).default(16).describe('asked for each way; 0 is for no UE'),
  rtoInitialMs: timeMs.default(500).describe('wait for an answer before the first repeat'),
  rtoMinMs: timeMs.default(200).describe('the least that this wait becomes by measuring'),
  rtoMaxMs: timeMs.default(2000).describe('the most'),
  heartbeatMs: timeMs.default(5000).describe('between HEARTBEATs on an idle path'),
  associationMaxRetransmissions: attempts.default(8).describe('without answer: the association is lost'),
  pathMaxRetransmissions: attempts.default(4).describe('without answer: the path is left'),
  initAttempts: attempts.default(3).describe('INITs before an AMF counts as absent'),
  acceptSwappedPpid: z
    .boolean()
    .default(false)
    .describe('take NGAP of an AMF that sends its payload protocol identifier in the wrong octet order'),
});

/** The configuration file of `n3iwf run`; every key is checked, unknown keys are errors. */
export const configSchema = z.strictObject({
  ike: z.strictObject({
    address: ipv4Host.describe('local address of NWu'),
    port: port.default(500).describe('UDP port of IKE'),
    natTraversalPort: port.default(4500).describe('UDP port of IKE and ESP in UDP'),
    identity: z.string().min(1).describe('FQDN sent as IDr'),
    auth: z
      .enum(['qkd', 'psk', 'certificate', 'eap-only'])
      .default('qkd')
      .describe('how the node proves itself to the UE'),
    ppk: z.enum(ppkUses).default('rfc9867').describe('how a QKD key enters the keys of the SAs'),
    policy: z.enum(keyPolicies).default('qkd-required').describe('what the SAs of UEs must rest on'),
    proposals: z
      .array(z.string())
      .nonempty()
      .default([
        'aes256gcm16-prfsha256-x25519-ke1_mlkem768',
        'aes256gcm16-prfsha256-x25519',
        'aes256-sha256-prfsha256-ecp256',
      ])
      .describe("of IKE SAs, in order of preference, in strongSwan's keywords"),
    espProposals: z
      .array(z.string())
      .nonempty()
      .default(['aes256gcm16', 'aes256-sha256'])
      .describe('the same of Child SAs'),
    transcriptAuth: z
      .enum(['off', 'on', 'required'])
      .default('on')
      .describe(
        'AUTH proves the whole of IKE_SA_INIT with UEs that can (draft-ietf-ipsecme-ikev2-downgrade-prevention)',
      ),
    childOffer: z
      .enum(['all', 'as-first'])
      .default('all')
      .describe('what UEs are offered for Child SAs: all, or what their first one has alone'),
    forceUdpEncapsulation: z
      .boolean()
      .default(true)
      .describe('ESP in UDP even without NAT; false with the userspace plane takes CAP_NET_RAW'),
    ikeSaMinutes: minutes.describe('IKE SAs are rekeyed after so long, deleted after a fifth more; 0 never'),
    childSaMinutes: minutes.describe('the same of Child SAs; not every UE answers a rekey'),
    cookiesAbove: z
      .number()
      .int()
      .min(0)
      .default(500)
      .describe('half-open IKE SAs from which on UEs have to send a cookie back'),
    datagramSize: z
      .number()
      .int()
      .min(0)
      .max(65_535)
      .default(1280)
      .describe('longer IKE messages go in fragments; 0 never'),
    certificate: z
      .strictObject({
        chain: z.string().describe('PEM file of the chain, leaf first; read again at each reload'),
        key: z.string().describe('PEM file of the private key of the leaf'),
      })
      .optional()
      .describe('goes with auth: certificate'),
    preSharedKeyFile: z.string().optional().describe('file of the key; goes with auth: psk'),
    redirectTo: z
      .array(ipv4Host)
      .default([])
      .describe('other nodes, to which UEs that follow REDIRECT (RFC 5685) are sent while this one ends'),
  }),
  inner: z.strictObject({
    pool: z.string().describe('IPv4 prefix or range of UEs, such as 10.45.0.0/16'),
    pool6: z.string().optional().describe('the same of IPv6, for UEs that ask for IPv6 alone'),
    address6: ip.optional().describe('inner IPv6 address of this node'),
    dns: z.array(ip).default([]).describe('name servers that UEs are told of'),
    pCscf: z.array(ip).default([]).describe('P-CSCFs that UEs are told of'),
    fixed: z
      .record(z.string(), ip)
      .default({})
      .describe('addresses set aside, by the IKE identity of the UE'),
    address: ipv4.describe('inner address of this node: NAS listener and end of GRE'),
    nasPort: port.default(20000).describe('TCP port of the NAS listener'),
  }),
  n2: z.strictObject({
    profile: z
      .enum(n2ProfileNames)
      .default('standard')
      .describe('how the node appears to AMFs; all but standard depart from 3GPP, for the lab'),
    gnb: gnb.optional().describe('goes with profile: open5gs-gnb-compat'),
    name: z.string().max(150).default('qn3iwf').describe('RAN node name'),
    n3iwfId: z.number().int().min(0).max(65535).describe('N3IWF ID, one of its own in the PLMN'),
    plmn: plmn.describe('of the node itself and of its first tracking area'),
    tac,
    slices: z.array(slice).nonempty().describe('that UEs of the first tracking area may use'),
    moreTrackingAreas: z
      .array(
        z.strictObject({
          tac,
          plmns: z
            .array(plmn.extend({ slices: z.array(slice).nonempty().describe('that UEs of it may use') }))
            .nonempty()
            .describe('PLMNs that share the area'),
        }),
      )
      .default([])
      .describe('tracking areas beside that of `tac`, each with its PLMNs and their slices'),
    localAddresses: z
      .array(ipv4Host)
      .default([])
      .describe('local SCTP addresses; two or more make the association multi-homed'),
    sctp: sctp.prefault({}).describe('how the associations behave'),
    amfs: z
      .array(
        z.strictObject({
          addresses: z.array(ipv4Host).nonempty().describe('two or more: one multi-homed AMF'),
          port: port.default(38412).describe('SCTP port'),
        }),
      )
      .nonempty()
      .describe('one entry for each AMF, with all addresses of its SCTP endpoint'),
  }),
  n3: z.strictObject({
    address: host.describe('end of GTP-U tunnels'),
    moreAddresses: z.array(ip).default([]).describe('further ones, such as one of the other family'),
    port: port.default(2152).describe('UDP port of GTP-U'),
    echoSeconds: z.number().int().min(60).default(60).describe('between echo requests to each UPF'),
    giveUpSeconds: z
      .number()
      .int()
      .nonnegative()
      .default(60)
      .describe('how long a UPF may leave them unanswered before its sessions are released; 0: for ever'),
  }),
  userPlane: z.preprocess(
    (value) => (typeof value === 'string' ? { plane: value } : value),
    userPlaneSchema.prefault({}),
  ),
  qkd: qkdSchema.optional().describe('where quantum keys come from; needed by auth: qkd and by ppk'),
  timers: z
    .strictObject({
      attachMs: z
        .number()
        .int()
        .positive()
        .default(30_000)
        .describe('that a set-up may take, from IKE_SA_INIT on'),
      sessionNasMs: z
        .number()
        .int()
        .min(0)
        .max(mostNasDelayMs)
        .default(0)
        .describe("from a session's Child SAs to its NAS message, for UEs that are not ready at once"),
      livenessMs: z.number().int().min(0).default(120_000).describe('silence before a UE is asked; 0: never'),
      drainSeconds: z
        .number()
        .min(0)
        .max(3600)
        .default(8)
        .describe('seconds that an orderly end may take: releases, Deletes, NG Reset'),
      inactivityMs: z
        .number()
        .int()
        .min(0)
        .default(0)
        .describe('without a packet, before the AMF is asked to release a UE; 0: never'),
    })
    .prefault({}),
  control: z
    .strictObject({ path: z.string().min(1).describe('path of the socket; it is for its owner alone') })
    .optional()
    .describe('Unix socket for an operator'),
  admin: z
    .strictObject({
      address: ip.default('127.0.0.1').describe('where it listens'),
      port: port.default(9464).describe('TCP port'),
      console: z.boolean().default(true).describe('serves the web console at /'),
      tokenFile: z
        .string()
        .min(1)
        .optional()
        .describe('file with the token that the console asks for; without it nothing can be done from there'),
    })
    .optional()
    .describe('HTTP with metrics, /healthz, /readyz and the console; no port is open without it'),
  traces: z
    .strictObject({
      otlp: z
        .url()
        .optional()
        .describe('collector that takes OTLP over HTTP in JSON, such as http://127.0.0.1:4318'),
      serviceName: z.string().min(1).default('n3iwf').describe('what the node is called there'),
    })
    .prefault({})
    .describe('OpenTelemetry traces of attaches; none without `otlp`'),
  log: z
    .enum(['trace', 'debug', 'info', 'warn', 'error'])
    .default('info')
    .describe('the least that is logged'),
});

/** A whole configuration with its defaults filled in. */
export type Config = z.infer<typeof configSchema>;

/** A value as a message shows it. */
function display(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function valueAt(document: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined,
    document,
  );
}

/** The network inside the tunnels as the gateway takes it. */
export function innerConfigOf({ inner }: Config): InnerConfig {
  const { pool, address, pool6, address6, dns, pCscf, fixed } = inner;
  return {
    pool,
    address,
    ...(pool6 === undefined ? {} : { pool6 }),
    ...(address6 === undefined ? {} : { address6 }),
    dns,
    pCscf,
    fixed: new Map(Object.entries(fixed)),
  };
}

/** Rules that join several keys. */
function crossChecks(config: Config): string[] {
  const findings: string[] = [];
  if (config.ike.auth === 'certificate' && config.ike.certificate === undefined) {
    findings.push('ike.certificate: is missing, and ike.auth is "certificate"');
  }
  if (config.ike.auth === 'psk' && config.ike.preSharedKeyFile === undefined) {
    findings.push('ike.preSharedKeyFile: is missing, and ike.auth is "psk"');
  }
  if ((config.inner.pool6 === undefined) !== (config.inner.address6 === undefined)) {
    findings.push('inner.address6: goes with inner.pool6, and only one of them is there');
  }
  const { plane, replayWindow, padTo } = config.userPlane;
  if (plane === 'kernel' && padTo > 0)
    findings.push('userPlane.padTo: has no effect, as userPlane.plane is "kernel"');
  if (plane === 'kernel' && replayWindow > mostReplayWindow) {
    findings.push(
      `userPlane.replayWindow: the kernel has windows of up to ${mostReplayWindow}, but it is ${replayWindow}`,
    );
  }
  try {
    new InnerNetwork(innerConfigOf(config));
  } catch (error) {
    findings.push(`inner: ${error instanceof Error ? error.message : String(error)}`);
  }
  if ((config.ike.auth === 'qkd' || config.ike.ppk !== 'none') && config.qkd === undefined) {
    findings.push('qkd: is missing, and ike.auth or ike.ppk take keys from it');
  }
  const { redirectTo, address, identity } = config.ike;
  if (redirectTo.includes(address) || redirectTo.includes(identity))
    findings.push('ike.redirectTo: names this node itself');
  findings.push(...profileChecks(config.n2));
  const { rtoMinMs, rtoInitialMs, rtoMaxMs } = config.n2.sctp;
  if (rtoMinMs > rtoInitialMs || rtoInitialMs > rtoMaxMs) {
    findings.push('n2.sctp: rtoMinMs, rtoInitialMs and rtoMaxMs must not fall in this order');
  }
  return findings;
}

/** A profile has what it needs, and nothing is set that would have no effect. */
function profileChecks({ profile, gnb }: Config['n2']): string[] {
  if (profile === 'standard')
    return gnb === undefined ? [] : ['n2.gnb: has no effect, as n2.profile is "standard"'];
  if (gnb === undefined) return [`n2.gnb: is missing, and n2.profile is "${profile}"`];
  const { id, idBits, cell } = gnb;
  return [
    ...(id < 2 ** idBits ? [] : [`n2.gnb.id: does not fit into ${idBits} bits, but it is ${id}`]),
    ...(cell < 2 ** (cellIdentityBits - idBits)
      ? []
      : [
          `n2.gnb.cell: does not fit into the ${cellIdentityBits - idBits} bits after the ID, but it is ${cell}`,
        ]),
  ];
}

/** Packets that a Child SA carries both ways before it is rekeyed, and at most: 32-bit sequence numbers end [RFC4303 3.3.3]. */
const childPackets = { softPackets: 2 ** 31, hardPackets: 2 ** 32 - 1 };

/** What the engine is told of the age of keys: a rekey begins at the configured age, what is a fifth older is deleted. */
export function lifetimesOf({ ikeSaMinutes, childSaMinutes }: Config['ike']): Lifetimes {
  const lifetime = (minutes: number) => ({ softMs: minutes * 60_000, hardMs: minutes * 72_000 });
  return {
    ...(ikeSaMinutes === 0 ? {} : { ike: lifetime(ikeSaMinutes) }),
    child: { ...childPackets, ...(childSaMinutes === 0 ? {} : lifetime(childSaMinutes)) },
  };
}

function issueText(issue: z.core.$ZodIssue, document: unknown): string {
  return `${issue.path.join('.') || '(top)'}: ${issue.message}, but it is ${display(valueAt(document, issue.path))}`;
}

function unusable(source: string, findings: readonly string[]): OperatorError {
  return new OperatorError(
    'N3IWF_E_CONFIG',
    `${source} is not usable:\n${findings.map((line) => `  ${line}`).join('\n')}`,
  );
}

/**
 * Checks a document that was read from `source` against a schema.
 *
 * @throws OperatorError N3IWF_E_CONFIG listing every wrong key with its value and the right form
 */
export function parseDocument<T>(schema: z.ZodType<T>, document: unknown, source: string): T {
  const parsed = schema.safeParse(document);
  if (parsed.success) return parsed.data;
  throw unusable(
    source,
    parsed.error.issues.map((issue) => issueText(issue, document)),
  );
}

/** Checks the configuration of `n3iwf run`, the rules that join several keys included. @throws OperatorError as above */
export function readConfig(document: unknown, source: string): Config {
  const config = parseDocument(configSchema, document, source);
  const findings = crossChecks(config);
  if (findings.length > 0) throw unusable(source, findings);
  return config;
}
