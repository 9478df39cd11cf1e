import {
  checkPayloads,
  type DecodedMessage,
  decodeHeader,
  decodeMessage,
  decodePayloads,
  describePayloads,
  type IkeHeader,
  IntegrityError,
  nameOf,
  openPlaintext,
  type Payload,
} from '#ikev2';
import { hexOf } from '../hex.ts';
import type { AuthChecker } from './auth-check.ts';
import type { CapturedDatagram } from './datagrams.ts';
import { type KeyTable, spiPairKey } from './key-table.ts';
import { payloadDetail } from './payload-detail.ts';

/**
 * What came of a message: `ok`; `sealed` and `fragment` where nothing is wrong but its content cannot be read alone;
 * the others are faults of the sender or of the keys.
 */
export type Verdict =
  | 'ok'
  | 'sealed'
  | 'fragment'
  | 'malformed'
  | 'badIcv'
  | 'breaksRules'
  | 'badAuth'
  | 'notIkev2';
/** Verdicts that make a capture fail. */
export const faultVerdicts: ReadonlySet<Verdict> = new Set<Verdict>([
  'malformed',
  'badIcv',
  'breaksRules',
  'badAuth',
]);

/** One IKE message of the capture. */
export interface IkeReport {
  readonly kind: 'ike';
  readonly frame: number;
  readonly timeMs: number;
  readonly from: string;
  readonly to: string;
  readonly spiInitiator: string;
  readonly spiResponder: string;
  readonly exchange: string;
  readonly direction: 'request' | 'response';
  readonly fromInitiator: boolean;
  readonly messageId: number;
  readonly length: number;
  readonly verdict: Verdict;
  /** Why the verdict is not `ok`, and what else is worth a word. */
  readonly notes: readonly string[];
  /** As in `[ SA KE No ]`; empty where nothing could be read. */
  readonly payloads: string;
  readonly details: readonly string[];
}

/** One ESP packet. */
export interface EspReport {
  readonly kind: 'esp';
  readonly frame: number;
  readonly timeMs: number;
  readonly from: string;
  readonly to: string;
  readonly spi: string;
  readonly sequence: number;
  readonly length: number;
}

/** What one packet of a capture was. */
export type Report = IkeReport | EspReport;

const ikePort = 500;
const natTraversalPort = 4500;
const markerLength = 4;
const ikeHeaderLength = 28;
/** Messages that are remembered to know repetitions: a longer capture forgets its beginning. */
const mostRemembered = 100_000;

/** Fragments of one message, by their numbers from 1. */
interface Fragments {
  readonly total: number;
  readonly parts: Map<number, Uint8Array>;
  firstPayload: number;
}

/** Reads datagrams one after the other, remembering what is needed to join fragments and to know repetitions. */
export class CaptureReader {
  private readonly keys: KeyTable['keys'];
  private readonly fragments = new Map<string, Fragments>();
  private readonly seen = new Set<string>();
  private readonly requests = new Set<string>();
  /** Pairs of ends between which a marked IKE message was seen: what else is between them is ESP. */
  private readonly natFlows = new Set<string>();
  private readonly auth: AuthChecker | undefined;

  constructor(keys: KeyTable['keys'], auth?: AuthChecker) {
    this.keys = keys;
    this.auth = auth;
  }

  /** The report of a datagram; undefined for keepalives and for what is neither IKE nor ESP. */
  read(datagram: CapturedDatagram): Report | undefined {
    if (datagram.protocol === 'esp') return this.esp(datagram, datagram.data);
    const { data } = datagram;
    const isMarked =
      data.length > markerLength && data.subarray(0, markerLength).every((octet) => octet === 0);
    if (isMarked && this.looksLikeIke(data.subarray(markerLength))) {
      this.natFlows.add(flowOf(datagram));
      return this.ike(datagram, data.subarray(markerLength));
    }
    if (this.looksLikeIke(data)) return this.ike(datagram, data);
    const ports = [datagram.from.port, datagram.to.port];
    if (ports.includes(natTraversalPort) || this.natFlows.has(flowOf(datagram)))
      return isMarked ? this.ike(datagram, data.subarray(markerLength)) : this.esp(datagram, data);
    return ports.includes(ikePort) ? this.ike(datagram, data) : undefined;
  }

  /** A header whose length is that of the datagram, with a version and an exchange that exist: not by chance. */
  private looksLikeIke(data: Uint8Array): boolean {
    const header = decodeHeader(data);
    return header.ok && header.value.length === data.length && header.value.majorVersion <= 2;
  }

  private esp(datagram: CapturedDatagram, data: Uint8Array): EspReport | undefined {
    if (data.length < 8) return undefined; // a keepalive
    const view = new DataView(data.buffer, data.byteOffset);
    const spi = view.getUint32(0).toString(16).padStart(8, '0');
    return { kind: 'esp', ...placeOf(datagram), spi, sequence: view.getUint32(4), length: data.length };
  }

  private ike(datagram: CapturedDatagram, data: Uint8Array): IkeReport | undefined {
    if (data.length < ikeHeaderLength) return undefined;
    const header = decodeHeader(data);
    if (!header.ok) return unreadable(datagram, data, 'malformed', header.error.message);
    if (header.value.majorVersion !== 2)
      return unreadable(datagram, data, 'notIkev2', `version ${header.value.majorVersion}`);
    const notes = this.remember(datagram, header.value, data);
    const content = this.withAuth(header.value, data, this.content(header.value, data));
    const { exchange, messageId } = header.value;
    return {
      kind: 'ike',
      ...placeOf(datagram),
      spiInitiator: hexOf(header.value.spiInitiator),
      spiResponder: hexOf(header.value.spiResponder),
      exchange: nameOf('exchange', exchange),
      direction: header.value.response ? 'response' : 'request',
      fromInitiator: header.value.initiator,
      messageId,
      length: data.length,
      verdict: content.verdict,
      notes: [...content.notes, ...notes],
      payloads: content.payloads === undefined ? '' : describePayloads(content.payloads),
      details: (content.payloads ?? []).flatMap(payloadDetail),
    };
  }

  /** What the message says of AUTH on top, where it can be told. */
  private withAuth(header: IkeHeader, octets: Uint8Array, content: Content): Content {
    const { payloads, inner, keyNumber } = content;
    if (this.auth === undefined || payloads === undefined || content.verdict !== 'ok') return content;
    const opened = { header, payloads, octets };
    const sealed = inner === undefined ? {} : { inner };
    const numbered = keyNumber === undefined ? {} : { keyNumber };
    const found = this.auth.note({ ...opened, ...sealed, ...numbered });
    if (found === 'open') return content;
    if (found === 'fits') return { ...content, notes: [...content.notes, 'AUTH fits'] };
    return { ...content, verdict: 'badAuth', notes: [...content.notes, 'AUTH does not fit'] };
  }

  /** Says whether the same octets were sent before, and whether a response has its request in the capture. */
  private remember(datagram: CapturedDatagram, header: IkeHeader, data: Uint8Array): string[] {
    const notes: string[] = [];
    const octets = `${flowOf(datagram)} ${hexOf(data.subarray(0, 64))} ${hexOf(data.subarray(-16))}`;
    if (this.seen.has(octets)) notes.push('sent again');
    if (this.seen.size < mostRemembered) this.seen.add(octets);
    const { spiInitiator, messageId, exchange, response, initiator } = header;
    const asked = (fromInitiator: boolean) =>
      `${hexOf(spiInitiator)} ${exchange} ${messageId} ${fromInitiator}`;
    if (!response && this.requests.size < mostRemembered) this.requests.add(asked(initiator));
    else if (response && !this.requests.has(asked(!initiator)))
      notes.push('its request is not in the capture');
    return notes;
  }

  private content(header: IkeHeader, data: Uint8Array): Content {
    const message = decodeMessage(data);
    if (!message.ok) return inClear(header, data) ?? { verdict: 'malformed', notes: [message.error.message] };
    if (message.value.encrypted === undefined) return judged(header, message.value.payloads);
    return this.encrypted(header, data, message.value);
  }

  private encrypted(header: IkeHeader, data: Uint8Array, message: DecodedMessage): Content {
    const { fragment, innerFirstPayload = 0 } = message.encrypted ?? {};
    const part = fragment === undefined ? '' : `fragment ${fragment.number} of ${fragment.total}, `;
    const pairs = this.keys.get(spiPairKey(hexOf(header.spiInitiator), hexOf(header.spiResponder))) ?? [];
    const tried = pairs.map((pair) =>
      openPlaintext(data, message, header.initiator ? pair.initiator : pair.responder),
    );
    const keyNumber = tried.findIndex((each) => each.ok);
    const opened = tried[Math.max(0, keyNumber)];
    if (opened === undefined) return { verdict: 'sealed', notes: [`${part}no keys`] };
    if (!opened.ok) {
      const verdict = opened.error instanceof IntegrityError ? 'badIcv' : 'malformed';
      return { verdict, notes: [`${part}${opened.error.message}`] };
    }
    const whole =
      fragment === undefined
        ? { inner: opened.value, firstPayload: innerFirstPayload }
        : this.join(header, { ...fragment, inner: opened.value, firstPayload: innerFirstPayload });
    if (whole === undefined) return { verdict: 'fragment', notes: [part.slice(0, -2)] };
    const payloads = decodePayloads(whole.inner, 0, whole.inner.length, whole.firstPayload);
    const { inner, firstPayload } = whole;
    return payloads.ok
      ? { ...judged(header, payloads.value), inner: { octets: inner, firstPayload }, keyNumber }
      : { verdict: 'malformed', notes: [payloads.error.message] };
  }

  /** Keeps a fragment; gives the message when all of it is there [RFC7383 2.6]. */
  private join(
    header: IkeHeader,
    piece: { number: number; total: number; inner: Uint8Array; firstPayload: number },
  ): { inner: Uint8Array; firstPayload: number } | undefined {
    const { spiInitiator, spiResponder, messageId, initiator, response } = header;
    const key = [hexOf(spiInitiator), hexOf(spiResponder), messageId, initiator, response].join(' ');
    const known = this.fragments.get(key);
    const fragments: Fragments =
      known?.total === piece.total ? known : { total: piece.total, parts: new Map(), firstPayload: 0 };
    this.fragments.set(key, fragments);
    fragments.parts.set(piece.number, piece.inner);
    if (piece.number === 1) fragments.firstPayload = piece.firstPayload;
    if (fragments.parts.size < fragments.total) return undefined;
    this.fragments.delete(key);
    const parts = [...fragments.parts].sort(([one], [other]) => one - other).map(([, octets]) => octets);
    return { inner: Buffer.concat(parts), firstPayload: fragments.firstPayload };
  }
}

/** What was found inside one message. */
interface Content {
  readonly verdict: Verdict;
  readonly notes: readonly string[];
  readonly payloads?: readonly Payload[];
  readonly inner?: { readonly octets: Uint8Array; readonly firstPayload: number };
  readonly keyNumber?: number;
}

/** Where there is no SA the answer is a notify in clear: it must be there, and must not be believed [RFC7296 1.5]. */
function inClear(header: IkeHeader, data: Uint8Array): Content | undefined {
  const payloads = decodePayloads(data, ikeHeaderLength, data.length, header.nextPayload);
  if (!payloads.ok || payloads.value.length === 0) return undefined;
  if (!header.response || payloads.value.some(({ type }) => type !== 'Notify')) return undefined;
  return { verdict: 'ok', notes: ['in clear, where there is no SA'], payloads: payloads.value };
}

/** Readable payloads, held against the table of what may stand in such a message. */
function judged({ exchange, response }: IkeHeader, payloads: readonly Payload[]): Content {
  const checked = checkPayloads(exchange, response ? 'response' : 'request', payloads);
  return checked.ok
    ? { verdict: 'ok', notes: [], payloads }
    : { verdict: 'breaksRules', notes: [checked.error.message], payloads };
}

/** A message of which no more than its header counts. */
function unreadable(datagram: CapturedDatagram, data: Uint8Array, verdict: Verdict, note: string): IkeReport {
  return {
    kind: 'ike',
    ...placeOf(datagram),
    spiInitiator: hexOf(data.subarray(0, 8)),
    spiResponder: hexOf(data.subarray(8, 16)),
    exchange: nameOf('exchange', data[18] ?? 0),
    direction: 'request',
    fromInitiator: true,
    messageId: 0,
    length: data.length,
    verdict,
    notes: [note],
    payloads: '',
    details: [],
  };
}

/** Where and when a message was seen, as text. */
function placeOf({ frame, timeMs, from, to }: CapturedDatagram) {
  const text = ({ address, port }: CapturedDatagram['from']) =>
    port === 0 ? address : address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  return { frame, timeMs, from: text(from), to: text(to) };
}

/** The same text for both directions between two ends. */
function flowOf({ from, to }: CapturedDatagram): string {
  const ends = [`${from.address} ${from.port}`, `${to.address} ${to.port}`].sort();
  return ends.join(' ');
}
