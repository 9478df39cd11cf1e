/**
 * What each way of proving the N3IWF and of keying SAs costs, against the same with a PSK: a UE's whole IKE set-up with EAP
 * of two rounds and one rekey of its Child SA, both ends in this process, without sockets and key stores. The modes take
 * turns, so that what the machine does meanwhile falls on all of them.
 */
import { type ChildProposalConfig, type IkeEndpoint, parseEspProposal, parseIkeProposal } from '#ikev2';
import { TestAuthority } from '../../n3iwf/io/test-authority.ts';
import { certificateVerifier } from '../../n3iwf/nwu/certificate-trust.ts';
import {
  applyChildKeyPolicy,
  applyKeyPolicy,
  type KeyPolicy,
  type PpkUse,
} from '../../n3iwf/nwu/key-policy.ts';
import { type InTransit, keyId, Pair, type PairOptions, type Side, utf8 } from '../support/pair.ts';
import { CpuMeter } from './support/cpu-meter.ts';

type Proof = 'psk' | 'eap-only' | 'qkd' | 'ecdsa-p256' | 'rsa-2048';

interface Mode {
  readonly auth: Proof;
  readonly keys: PpkUse;
  readonly kem: boolean;
}

const plain = { keys: 'none', kem: false } as const;
const MODES: readonly Mode[] = [
  { auth: 'psk', ...plain },
  { auth: 'eap-only', ...plain },
  { auth: 'ecdsa-p256', ...plain },
  { auth: 'rsa-2048', ...plain },
  { auth: 'ecdsa-p256', keys: 'none', kem: true },
  { auth: 'qkd', ...plain },
  { auth: 'qkd', keys: 'rfc8784', kem: false },
  { auth: 'qkd', keys: 'rfc9867', kem: false },
  { auth: 'qkd', keys: 'qkd-ke', kem: false },
  { auth: 'qkd', keys: 'rfc9867', kem: true },
  { auth: 'ecdsa-p256', keys: 'rfc9867', kem: false },
];

/** Of one mode: medians over the runs. µs are of CPU, octets are UDP payloads both ways. */
export interface ModeResult {
  readonly auth: Proof;
  readonly keys: string;
  readonly nodeUs: number;
  readonly nodeToPsk: number;
  readonly ueUs: number;
  readonly roundTrips: number;
  readonly octets: number;
  readonly largest: number;
  readonly rekeyNodeUs: number;
  readonly rekeyRoundTrips: number;
}

/** What one phase of a handshake used; CPU in µs. */
interface Tally {
  readonly cpu: Record<Side, number>;
  readonly requests: number;
  readonly octets: number;
  readonly largest: number;
}

const RESPONSE = 0x20;

/** A pair that counts what it sends and the CPU that either engine takes. */
class CountedPair extends Pair {
  readonly #meters = { ue: new CpuMeter(), node: new CpuMeter() };
  #sent = { requests: 0, octets: 0, largest: 0 };

  constructor(options: PairOptions) {
    super({ ...options, network: (packet) => this.#count(packet) });
    this.#meters.ue.attach(this.ue, ENTRY_POINTS);
    this.#meters.node.attach(this.node, ENTRY_POINTS);
  }

  /** What was used since it was asked last. */
  tally(): Tally {
    const { ue, node } = this.#meters;
    const tally = { cpu: { ue: ue.spent, node: node.spent }, ...this.#sent };
    ue.spent = 0;
    node.spent = 0;
    this.#sent = { requests: 0, octets: 0, largest: 0 };
    return tally;
  }

  #count(packet: InTransit): InTransit[] {
    const { data, from } = packet;
    const flags = data[from.port === 4500 ? 23 : 19] ?? 0;
    if ((flags & RESPONSE) === 0) this.#sent.requests++;
    this.#sent.octets += data.length;
    this.#sent.largest = Math.max(this.#sent.largest, data.length);
    return [packet];
  }
}

const ENTRY_POINTS = [
  'connect',
  'receive',
  'sendEap',
  'setMsk',
  'provideSharedSecret',
  'providePpk',
  'rekeyChildSa',
] as const satisfies (keyof IkeEndpoint)[];

const esp: ChildProposalConfig = parsed(parseEspProposal('aes256gcm16'));

function parsed<T>(result: { ok: true; value: T } | { ok: false; error: string }): T {
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

/** Keys by names that both ends know. */
function keysByName(): NonNullable<PairOptions['ppks']> {
  let drawn = 0;
  return (_side, asked) => {
    const name = `5f2b9d0e-8a43-4a7b-9d7e-${String(drawn + 1).padStart(12, '0')}`;
    if (asked === undefined) drawn++;
    return { secret: new Uint8Array(32).fill(11), identity: asked ?? { type: 2, data: utf8(name) } };
  };
}

const QKD_KEY = keyId('0f0e0d0c-0b0a-4908-8706-050403020100');

function policyOf({ keys, kem }: Mode): KeyPolicy {
  if (keys === 'none') return kem ? 'pqc-only' : 'classical';
  return kem ? 'hybrid-always' : 'qkd-required';
}

/** The options of the product's own policies, with a certificate of a real authority where one is wanted. */
async function optionsOf(mode: Mode, authority: TestAuthority): Promise<PairOptions> {
  const words = `aes256gcm16-prfsha256-x25519${mode.kem ? '-ke1_mlkem768' : ''}`;
  const policy = policyOf(mode);
  const keyed = {
    ...applyKeyPolicy(policy, mode.keys, [parsed(parseIkeProposal(words))]),
    childProposals: applyChildKeyPolicy(policy, mode.keys, [esp]),
    datagramSize: 0,
    timers: { liveness: 0 },
  };
  const isCertificate = mode.auth === 'ecdsa-p256' || mode.auth === 'rsa-2048';
  const auth = isCertificate ? 'certificate' : mode.auth;
  const name = 'n3iwf.example';
  const certificate = isCertificate
    ? await authority.issue({ commonName: name, dnsNames: [name], key: mode.auth })
    : undefined;
  const admitChildSa = <T>(asked: T) => asked;
  return {
    config: {
      ...keyed,
      responderAuth: auth,
      initiatorAuth: 'eap',
      ...(certificate === undefined ? {} : { certificate }),
    },
    ueConfig: keyed,
    profile: {
      ...keyed,
      remoteAuth: auth,
      localAuth: 'eap',
      ...(auth === 'qkd' ? { expectedRemoteId: QKD_KEY } : {}),
    },
    ppks: keysByName(),
    nodePorts: { admitChildSa },
    uePorts: { admitChildSa, verifyCertificate: certificateVerifier([authority.pem], Date.now) },
  };
}

/** Set-up and rekey of one UE. */
function handshake(options: PairOptions, seed: number): { setUp: Tally; rekey: Tally } {
  const pair = new CountedPair({ ...options, seed });
  pair.attach();
  const [child] = pair.events('ue', 'childSaEstablished');
  if (child === undefined)
    throw new Error(`no Child SA: ${JSON.stringify(pair.events('ue', 'ikeSaClosed'))}`);
  const setUp = pair.tally();
  pair.take('ue', pair.ue.rekeyChildSa(pair.now, pair.ueSa, child.child.id));
  pair.run();
  if (pair.events('node', 'childSaDeleted').length !== 1) throw new Error('the Child SA was not rekeyed');
  return { setUp, rekey: pair.tally() };
}

const median = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

/** Runs every mode `runs` times in turns, `count` handshakes each, after one turn to warm up. */
export async function run(options: { runs?: number; count?: number } = {}): Promise<ModeResult[]> {
  const { runs = 15, count = 50 } = options;
  const authority = await TestAuthority.create();
  const modes = await Promise.all(
    MODES.map(async (mode) => ({ mode, options: await optionsOf(mode, authority), runs: [] as Sums[] })),
  );
  let seed = 1;
  for (let turn = 0; turn <= runs; turn++) {
    for (const each of modes) {
      const sums = sumOf(Array.from({ length: count }, () => handshake(each.options, seed++)));
      if (turn > 0) each.runs.push(sums);
    }
  }
  const base = median(modes[0]?.runs.map(({ nodeUs }) => nodeUs) ?? []);
  return modes.map(({ mode, runs: all }) => resultOf(mode, all, base));
}

/** Of one run; µs are means. */
type Sums = Omit<ModeResult, 'auth' | 'keys' | 'nodeToPsk'>;

function sumOf(done: readonly { setUp: Tally; rekey: Tally }[]): Sums {
  const mean = (of: (each: { setUp: Tally; rekey: Tally }) => number) =>
    done.reduce((sum, each) => sum + of(each), 0) / done.length;
  return {
    nodeUs: mean(({ setUp }) => setUp.cpu.node),
    ueUs: mean(({ setUp }) => setUp.cpu.ue),
    roundTrips: mean(({ setUp }) => setUp.requests),
    octets: mean(({ setUp }) => setUp.octets),
    largest: Math.max(...done.map(({ setUp }) => setUp.largest)),
    rekeyNodeUs: mean(({ rekey }) => rekey.cpu.node),
    rekeyRoundTrips: mean(({ rekey }) => rekey.requests),
  };
}

function resultOf({ auth, keys, kem }: Mode, runs: readonly Sums[], base: number): ModeResult {
  const of = (name: keyof Sums) => Math.round(median(runs.map((each) => each[name])));
  const nodeUs = of('nodeUs');
  return {
    auth,
    keys: [kem ? 'mlkem768' : '', keys === 'none' ? '' : keys].filter(Boolean).join(' + ') || '—',
    nodeUs,
    nodeToPsk: Math.round((100 * nodeUs) / base) / 100,
    ueUs: of('ueUs'),
    roundTrips: of('roundTrips'),
    octets: of('octets'),
    largest: of('largest'),
    rekeyNodeUs: of('rekeyNodeUs'),
    rekeyRoundTrips: of('rekeyRoundTrips'),
  };
}
