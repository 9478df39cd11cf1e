/** What the lab's parts are told: addresses and ports of this process, subscribers, core and N3IWF. */
import { createHash } from 'node:crypto';
import { ID_TYPE, parseEspProposal, parseIkeProposal, type ResponderAuth, type Result } from '#ikev2';
import type { CoreConfig, Refusal, Subscriber, UeConfig } from '#peers';
import { takesQuantumKeys } from '#qkd';
import { parseDocument } from '../config.ts';
import { OperatorError } from '../errors.ts';
import type { TestAuthority } from '../io/test-authority.ts';
import { keyingSchema, keyingSettingsOf } from '../keying-settings.ts';
import type { KeyingSettings } from '../keying-watch.ts';
import { applyChildKeyPolicy, applyKeyPolicy } from '../nwu/key-policy.ts';
import type { ShellConfig } from '../shell.ts';
import type { GivenLabOptions, LabFault, LabOptions } from './lab-options.ts';
import { ueSae } from './lab-quantum.ts';

/** Addresses of loopback by the number of this process: eight times 256 hosts, which neighbours in number do not share. */
function hostAddress(host: number): string {
  const { pid } = process;
  const third = 8 * Math.floor(pid / 250) + (host >>> 8);
  return `127.${1 + (pid % 250)}.${third & 0xff}.${host & 0xff}`;
}

/** Each run has loopback addresses of its own, so that several can run side by side on the standard ports. */
export const address = {
  n3iwf: hostAddress(1),
  upf: hostAddress(2),
  natInside: hostAddress(3),
  natOutside: hostAddress(4),
};
const firstUeHost = 16;
/** Where a UE sits. */
export const ueAddress = (index: number): string => hostAddress(firstUeHost + index);

export const gtpuPort = 2152;
export const natTraversalPort = 4500;
/** IKE's own port where this process may bind it. */
export const ikePort = process.getuid?.() === 0 ? 500 : 10500;
const n3iwfName = 'n3iwf.5gc.mnc093.mcc208.pub.3gppnetwork.org';
const plmn = { mcc: '208', mnc: '93' };
const slice = { sst: 1, sd: '010203' };
const ikeProposals = ['aes256gcm16-prfsha256-x25519-ke1_mlkem768'];
const classicalProposals = ['aes256gcm16-prfsha256-x25519'];
/** Where SAs fall back from quantum keys, each Child SA has an ML-KEM of its own. */
const espProposalsOf = ({ linkSchedule }: LabOptions): string[] => [
  linkSchedule === undefined ? 'aes256gcm16' : 'aes256gcm16-mlkem768',
];
const labPreSharedKey = new TextEncoder().encode('lab only: every UE shares this');

/** IKE SAs live so many times as long as Child SAs. */
export const ikeLives = 4;
/** A rekey that fails is tried again after 10 to 20 s: the hard limit leaves room for one, ms. [RFC7296 2.25] */
const retryRoomMs = 25_000;

/** Lifetimes, ms, for Child SAs that are rekeyed every so many seconds. */
export function labLifetimes(rekeySeconds: number) {
  const softMs = rekeySeconds * 1000;
  return {
    child: { softMs, hardMs: softMs + retryRoomMs },
    ike: { softMs: ikeLives * softMs, hardMs: ikeLives * softMs + retryRoomMs },
  };
}

/**
 * Decides what was left open. Without a word on it SAs need quantum keys, or prefer them where a schedule takes them away;
 * a policy that uses none mixes none in. With a schedule the N3IWF rekeys SAs, the pool holds a few keys for each UE, and
 * the horizon is a lifetime.
 */
export function decided(given: GivenLabOptions): LabOptions {
  const policy = given.policy ?? (given.linkSchedule === undefined ? 'qkd-required' : 'qkd-preferred');
  const ppk = given.ppk ?? (takesQuantumKeys(policy) ? 'rfc9867' : 'none');
  const options = { ...given, policy, ppk };
  if (options.linkSchedule === undefined) return options;
  const rekeyEvery = options.rekeyEvery ?? 20;
  return {
    ...options,
    rekeyEvery,
    poolKeys: options.poolKeys ?? Math.max(40, 3 * options.ues),
    keying: { horizonSeconds: rekeyEvery, ...options.keying },
  };
}

/**
 * What cannot go together. @throws OperatorError N3IWF_E_CONFIG where a schedule takes keys away that the way of keying
 * does not draw anew for each SA, or cannot do without.
 */
export function checkLabOptions({ linkSchedule, ppk }: LabOptions): void {
  if (linkSchedule === undefined || ppk === 'rfc9867') return;
  throw new OperatorError(
    'N3IWF_E_CONFIG',
    `--link-schedule wants --ppk rfc9867, where rekeys take fresh keys and can go on without; it is ${ppk}`,
  );
}

/** What the node's policy controller takes. @throws OperatorError N3IWF_E_CONFIG for what `qkd.keying` would not take */
export function labKeying({ policy, keying }: LabOptions): KeyingSettings {
  return keyingSettingsOf(
    policy,
    keying === undefined ? undefined : parseDocument(keyingSchema, keying, '--keying'),
  );
}

/** The UE of a number. It goes on without a quantum key where the policy lets the network do so. */
export function ueConfig(index: number, options: LabOptions): UeConfig {
  const { imsi, k, opc } = subscriberOf(index);
  const { auth, ppk, policy, sameSpi, fault } = options;
  return {
    imsi,
    k,
    opc,
    imeisv: `35609204079301${String(index % 100).padStart(2, '0')}`,
    plmn,
    slice,
    dnn: 'internet',
    auth,
    ppk,
    ppkOptional: policy === 'qkd-preferred',
    n3iwfName,
    preSharedKey: labPreSharedKey,
    // A network that takes no ML-KEM refuses a UE that has nothing else to offer.
    ikeProposals: policy === 'classical' ? classicalProposals : ikeProposals,
    espProposals: espProposalsOf(options),
    wrongResStar: fault === 'wrong-res',
    ...(sameSpi === true ? { spi: Uint8Array.of(0, 0, 0, 0, 0, 6, 0xf7, 8) } : {}),
  };
}

/** Subscriber number `index`: its keys follow from the number, so that every run has the same ones. */
function subscriberOf(index: number): Subscriber {
  const derive = (what: string) =>
    Uint8Array.from(createHash('sha256').update(`lab ${what} ${index}`).digest().subarray(0, 16));
  const imsi = `${plmn.mcc}${plmn.mnc}${String(index + 1).padStart(10, '0')}`;
  return { imsi, k: derive('K'), opc: derive('OPc'), sqn: 32 * (index + 1) };
}

/** Faults that the core makes. */
const refusals: Partial<Record<LabFault, Refusal>> = {
  'ng-setup': 'ngSetup',
  registration: 'registration',
  'pdu-session': 'pduSession',
};

/** Flows of 5QI 9, 8 and 1 in turns, the last with a guaranteed bit rate. */
function labFlow(index: number) {
  const qfi = index + 1;
  return qfi % 3 === 0 ? { qfi, fiveQi: 1, guaranteed: true } : { qfi, fiveQi: 10 - (qfi % 3) };
}

/** The simulated core. */
export function coreConfig({ ues, flows, fault }: LabOptions): CoreConfig {
  const others = Array.from({ length: flows - 1 }, (_, index) => labFlow(index + 1));
  const refuse = fault === undefined ? undefined : refusals[fault];
  return {
    ...(refuse === undefined ? {} : { refuse }),
    plmn,
    amfName: 'lab-amf',
    amfRegionId: 0xca,
    amfSetId: 1016,
    amfPointer: 0,
    slices: [slice],
    flows: [labFlow(0), ...others],
    subscribers: Array.from({ length: ues }, (_, index) => subscriberOf(index)),
    ciphering: 0, // NAS in captures stays readable; IKE and ESP protect it on the way
    sessionPrefix: [10, 60, 0],
    dnn: 'internet',
  };
}

/** The N3IWF on this process's addresses. */
export async function shellConfig(options: LabOptions, authority: TestAuthority): Promise<ShellConfig> {
  return {
    gateway: await gatewayConfig(options, authority),
    address: address.n3iwf,
    ikePort,
    natTraversalPort,
    n3Address: address.n3iwf,
    n3Port: gtpuPort,
    n2: { name: 'qn3iwf-lab', n3iwfId: 135, plmn, tac: '000001', slices: [slice] },
  };
}

async function gatewayConfig(options: LabOptions, authority: TestAuthority): Promise<ShellConfig['gateway']> {
  const issued =
    options.auth === 'certificate'
      ? await authority.issue({ commonName: n3iwfName, dnsNames: [n3iwfName] })
      : undefined;
  return {
    ike: {
      ikePort,
      natTraversalPort,
      ...applyKeyPolicy(
        options.policy,
        options.ppk,
        ikeProposals.map((text) => must(parseIkeProposal(text))),
      ),
      childProposals: applyChildKeyPolicy(
        options.policy,
        options.ppk,
        espProposalsOf(options).map((text) => must(parseEspProposal(text))),
      ),
      localId: { type: ID_TYPE.FQDN, data: new TextEncoder().encode(n3iwfName) },
      responderAuth: options.auth satisfies ResponderAuth,
      initiatorAuth: 'eap',
      transcriptAuth: 'on',
      announceAuthMethods: true,
      ...(issued === undefined
        ? {}
        : { certificate: { chain: issued.chain, privateKey: issued.privateKey } }),
      forceUdpEncapsulation: options.bareEsp !== true,
      exposeKeys: options.keylog !== undefined,
      ...(options.rekeyEvery === undefined ? {} : { lifetimes: labLifetimes(options.rekeyEvery) }),
    },
    identity: {
      innerAddress: '10.45.0.1',
      nasPort: 20000,
      n3Address: address.n3iwf,
      ueSaeId: ueSae,
      preSharedKey: () => labPreSharedKey,
    },
    innerPool: '10.45.0.0/16',
    sessions: { childSas: options.childSas, dscp: new Map([[1, 46]]) },
    keying: labKeying(options),
    userPlane: { nwuMtu: 1500, n3Mtu: 1500, clampMss: true },
  };
}

function must<T>(parsed: Result<T, string>): T {
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}
