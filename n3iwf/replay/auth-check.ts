/**
 * Checks the AUTH payloads of a capture, where the keys allow: signatures by the certificates that came with them, shared
 * keys by a pre-shared key that is handed in. What an EAP method or a QKD key proves stays open, as nobody outside has it.
 */
import { X509Certificate } from 'node:crypto';
import {
  AUTH_METHOD,
  type AuthKey,
  concatOctets,
  EXCHANGE,
  ID_TYPE,
  type IkeHeader,
  intermediateLink,
  intermediateOctets,
  NOTIFY,
  type Payload,
  type PrfName,
  provesEvidence,
} from '#ikev2';
import { hexOf } from '../hex.ts';

/** What an IKE SA's keys prove with, at one moment of its set-up. */
export interface AuthKeys {
  readonly prf: PrfName;
  readonly skPi: Uint8Array;
  readonly skPr: Uint8Array;
}

/** One message whose content is known. */
export interface OpenedMessage {
  readonly header: IkeHeader;
  readonly payloads: readonly Payload[];
  /** As it was sent, without marker. */
  readonly octets: Uint8Array;
  /** The chain inside SK, whole, and the type of its first payload; left out for a message in clear. */
  readonly inner?: { readonly octets: Uint8Array; readonly firstPayload: number };
  /** Which of the SA's keys opened it, counted from 0. */
  readonly keyNumber?: number;
}

/** `open`: nothing to check, or no key for it. */
export type AuthVerdict = 'fits' | 'wrong' | 'open';

/** Who of the two. */
type Side = 'initiator' | 'responder';
/** What of an AUTH payload is checked. */
type Proof = Pick<Extract<Payload, { type: 'AUTH' }>, 'method' | 'data'>;

/** What an SA's set-up has shown so far. */
interface SetUp {
  readonly sent: Partial<Record<Side, OpenedMessage>>;
  readonly macs: Record<Side, Uint8Array>;
  readonly certificates: Partial<Record<Side, Uint8Array>>;
  readonly identities: Partial<Record<Side, Extract<Payload, { type: 'IDi' | 'IDr' }>['id']>>;
  /** Messages that are in the chains already. */
  readonly linked: Set<string>;
  intermediates: number;
  isEap: boolean;
}

const nothing = new Uint8Array(0);
const mostSetUps = 10_000;

/** Reads `ikev2_auth_keys`; a line that is none is left aside. */
export function readAuthKeys(text: string): Map<string, AuthKeys[]> {
  const keys = new Map<string, AuthKeys[]>();
  const pattern =
    /^([0-9a-f]{16}),([0-9a-f]{16}),(hmac-sha1|hmac-sha2-256|hmac-sha2-384|hmac-sha2-512),([0-9a-f]+),([0-9a-f]+)$/;
  for (const line of text.split('\n')) {
    const [, spiI, spiR, prf, skPi = '', skPr = ''] = pattern.exec(line.trim()) ?? [];
    if (spiI === undefined) continue;
    const octets = (digits: string) => Uint8Array.from(Buffer.from(digits, 'hex'));
    const spis = `${spiI} ${spiR}`;
    const row = { prf: prf as PrfName, skPi: octets(skPi), skPr: octets(skPr) };
    keys.set(spis, [...(keys.get(spis) ?? []), row]);
  }
  return keys;
}

/** One per capture. Handle: {@link note}, for each message in its order. */
export class AuthChecker {
  private readonly keys: ReadonlyMap<string, readonly AuthKeys[]>;
  private readonly preSharedKey: Uint8Array | undefined;
  private readonly setUps = new Map<string, SetUp>();

  constructor(keys: ReadonlyMap<string, readonly AuthKeys[]>, preSharedKey?: Uint8Array) {
    this.keys = keys;
    this.preSharedKey = preSharedKey;
  }

  /** Takes a message in; says of one with an AUTH payload whether it proves what it should. */
  note(message: OpenedMessage): AuthVerdict {
    const { header, payloads } = message;
    if (
      ![EXCHANGE.IKE_SA_INIT, EXCHANGE.IKE_INTERMEDIATE, EXCHANGE.IKE_AUTH].some(
        (each) => each === header.exchange,
      )
    )
      return 'open';
    const spiI = hexOf(header.spiInitiator);
    const setUp = this.setUps.get(spiI) ?? newSetUp();
    if (this.setUps.size < mostSetUps) this.setUps.set(spiI, setUp);
    const side: Side = header.initiator ? 'initiator' : 'responder';
    if (header.exchange === EXCHANGE.IKE_SA_INIT) setUp.sent[side] = message;
    const rows = this.keys.get(`${spiI} ${hexOf(header.spiResponder)}`) ?? [];
    if (header.exchange === EXCHANGE.IKE_INTERMEDIATE) link(setUp, side, message, rows);
    if (header.exchange !== EXCHANGE.IKE_AUTH) return 'open';
    for (const payload of payloads) learn(setUp, side, payload);
    const auth = payloads.find((payload) => payload.type === 'AUTH');
    return auth === undefined ? 'open' : this.judge(setUp, side, proofsOf(auth, payloads), rows);
  }

  private judge(setUp: SetUp, side: Side, proofs: readonly Proof[], rows: readonly AuthKeys[]): AuthVerdict {
    const key = this.keyFor(setUp, side, proofs[0]?.method);
    const identity = setUp.identities[side];
    const nonce = nonceOf(setUp.sent[side === 'initiator' ? 'responder' : 'initiator']);
    const message = provedMessage(setUp, side);
    if (key === undefined || identity === undefined || nonce === undefined || message === undefined)
      return 'open';
    if (rows.length === 0) return 'open';
    const intermediate = intAuth(setUp);
    // With an optional PPK the last keys may not be those of this proof.
    const fits = rows.some(({ prf, skPi, skPr }) => {
      const skP = side === 'initiator' ? skPi : skPr;
      const evidence = { prf, skP, message, nonce, identity, intermediate };
      return proofs.some((proof) => provesEvidence(proof, evidence, key));
    });
    return fits ? 'fits' : 'wrong';
  }

  private keyFor(setUp: SetUp, side: Side, method: number | undefined): AuthKey | undefined {
    if (method === AUTH_METHOD.SHARED_KEY) {
      const isOthers = setUp.isEap || setUp.identities.responder?.type === ID_TYPE.KEY_ID;
      return this.preSharedKey === undefined || isOthers ? undefined : { secret: this.preSharedKey };
    }
    const certificate = setUp.certificates[side];
    try {
      return certificate === undefined
        ? undefined
        : { publicKey: new X509Certificate(certificate).publicKey };
    } catch {
      return undefined;
    }
  }
}

/** AUTH, and what its sender added for a peer that lacks its PPK. [RFC8784 3] */
function proofsOf(auth: Extract<Payload, { type: 'AUTH' }>, payloads: readonly Payload[]): Proof[] {
  const without = payloads.find(
    (payload) => payload.type === 'Notify' && payload.notifyType === NOTIFY.NO_PPK_AUTH,
  );
  return without?.type === 'Notify' ? [auth, { method: auth.method, data: without.data }] : [auth];
}

/** Nothing was seen yet. */
function newSetUp(): SetUp {
  return {
    sent: {},
    macs: { initiator: nothing, responder: nothing },
    certificates: {},
    identities: {},
    linked: new Set(),
    intermediates: 0,
    isEap: false,
  };
}

/** A repeated message adds nothing: each side's chain grows once for each exchange. [RFC9242 3.3.2] */
function link(setUp: SetUp, side: Side, message: OpenedMessage, rows: readonly AuthKeys[]): void {
  const { header, inner, keyNumber = 0 } = message;
  const row = rows[keyNumber];
  const name = `${side} ${header.messageId}`;
  if (inner === undefined || row === undefined || setUp.linked.has(name)) return;
  setUp.linked.add(name);
  const skP = side === 'initiator' ? row.skPi : row.skPr;
  const octets = intermediateOctets(header, inner.firstPayload, inner.octets);
  setUp.macs[side] = intermediateLink(row.prf, skP, setUp.macs[side], octets);
  if (side === 'responder') setUp.intermediates++;
}

/** Takes from a payload what AUTH will need. */
function learn(setUp: SetUp, side: Side, payload: Payload): void {
  if (payload.type === 'EAP') setUp.isEap = true;
  // The initiator's wish for an identity of the responder is no identity of its own.
  if (payload.type === (side === 'initiator' ? 'IDi' : 'IDr')) setUp.identities[side] = payload.id;
  if (payload.type === 'CERT') setUp.certificates[side] ??= payload.data;
}

/** IntAuth_i | IntAuth_r | message ID of the first IKE_AUTH. [RFC9242 3.3.2] */
function intAuth({ macs, intermediates }: SetUp): Uint8Array | undefined {
  if (intermediates === 0) return undefined;
  const messageId = new Uint8Array(4);
  new DataView(messageId.buffer).setUint32(0, intermediates + 1);
  return concatOctets(macs.initiator, macs.responder, messageId);
}

/** Its own first message, or both where both announced that they prove the full transcript. */
function provedMessage({ sent }: SetUp, side: Side): Uint8Array | undefined {
  const [own, other] = [sent[side], sent[side === 'initiator' ? 'responder' : 'initiator']];
  if (own === undefined || other === undefined) return undefined;
  const isFull = [own, other].every(({ payloads }) =>
    payloads.some(
      (payload) =>
        payload.type === 'Notify' && payload.notifyType === NOTIFY.IKE_SA_INIT_FULL_TRANSCRIPT_AUTH,
    ),
  );
  return isFull ? concatOctets(new Uint8Array(8), other.octets, own.octets) : own.octets;
}

/** The nonce of an IKE_SA_INIT message. */
function nonceOf(message: OpenedMessage | undefined): Uint8Array | undefined {
  return message?.payloads.find((payload) => payload.type === 'Nonce')?.data;
}
