import { generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import {
  AUTH_METHOD,
  type AuthorizeAnswer,
  createCipher,
  decodeMessage,
  decodePayloads,
  describePayloads,
  type EncrName,
  type EndpointConfig,
  type EndpointPorts,
  EXCHANGE,
  IkeEndpoint,
  type IntegName,
  type Output,
  openPlaintext,
  PAYLOAD,
  type Payload,
} from '#ikev2';
import { hexOf } from '../hex.ts';
import type { CapturedDatagram } from './datagrams.ts';
import { isEngineInput, type Outcome, outputsOf, type RecordEntry } from './engine-record.ts';
import type { ReadingCipher } from './reading-cipher.ts';

/** How a replay went: messages compared, and the first one where the engine did something else. */
export interface EngineReplay {
  readonly inputs: number;
  readonly compared: number;
  readonly difference?: string;
}

/** The initiator's datagrams and the responder's answers as a capture has them, by the initiator's address. */
export interface CapturedSides {
  readonly toResponder: ReadonlyMap<string, Uint8Array[]>;
  readonly fromResponder: ReadonlyMap<string, Uint8Array[]>;
}

/** The replay cannot go on as the record does. */
class Difference extends Error {}

const markerLength = 4;

/** Splits IKE datagrams of a capture by direction; the responder is whoever is reached first at its address. */
export function sidesOf(datagrams: Iterable<CapturedDatagram>): CapturedSides {
  const toResponder = new Map<string, Uint8Array[]>();
  const fromResponder = new Map<string, Uint8Array[]>();
  const responders = new Set<string>();
  for (const { from, to, protocol, data } of datagrams) {
    const message = protocol === 'udp' ? ikeOf(data) : undefined;
    if (message === undefined) continue;
    if (!responders.has(from.address)) responders.add(to.address);
    const isToResponder = responders.has(to.address);
    const side = isToResponder ? toResponder : fromResponder;
    const initiator = isToResponder ? from.address : to.address;
    side.set(initiator, [...(side.get(initiator) ?? []), message]);
  }
  return { toResponder, fromResponder };
}

/**
 * The IKE message of a UDP payload, without its marker; undefined for ESP and everything else. An SPI may begin with as
 * many zeros as the marker has, so the length decides.
 */
function ikeOf(data: Uint8Array): Uint8Array | undefined {
  if (isIke(data)) return data;
  const isMarked = data.subarray(0, markerLength).every((octet) => octet === 0);
  const message = data.subarray(markerLength);
  return isMarked && isIke(message) ? message : undefined;
}

/** A header of version 2 whose length is that of the datagram. */
function isIke(message: Uint8Array): boolean {
  return message.length >= 28 && message[17] === 0x20 && lengthOf(message) === message.length;
}

/** Length field of an IKE header. */
function lengthOf(message: Uint8Array): number {
  return new DataView(message.buffer, message.byteOffset).getUint32(24);
}

/**
 * Gives an engine again what a recorded one was given, and compares what it sends. With `captured`, what the initiators
 * sent is taken from there instead of from the record, and so is what the responder answered.
 */
export function replayEngine(entries: readonly RecordEntry[], captured?: CapturedSides): EngineReplay {
  const replay = new Replay(entries, captured);
  try {
    replay.run();
    return { inputs: replay.inputs, compared: replay.compared };
  } catch (error) {
    if (!(error instanceof Difference)) throw error;
    return { inputs: replay.inputs, compared: replay.compared, difference: error.message };
  }
}

/** One engine that is given a record again. It ends by a {@link Difference}, or having compared all. */
class Replay {
  inputs = 0;
  compared = 0;
  private readonly entries: readonly RecordEntry[];
  private readonly captured: CapturedSides | undefined;
  private readonly ciphers = new Map<string, { initiator: ReadingCipher; responder: ReadingCipher }>();
  private at = 0;
  private noted: Difference | undefined;
  /** The engine signs: fragments of its IKE_AUTH cannot be compared one by one, as the signature is another. */
  private signs = false;

  constructor(entries: readonly RecordEntry[], captured: CapturedSides | undefined) {
    this.entries = entries;
    this.captured = captured;
  }

  /** Goes through the record, entry by entry. */
  run(): void {
    const first = this.entries[this.at++];
    if (first?.kind !== 'config') throw new Difference('the record does not begin with a configuration');
    this.signs = first.config.certificate !== undefined;
    const engine = new IkeEndpoint(withThrowawayKey(first.config), this.ports(new Set(first.ports)));
    while (this.at < this.entries.length) {
      const entry = this.entries[this.at++];
      if (entry?.kind === 'input') this.input(engine, entry.method, entry.args);
      else throw new Difference(`the engine did not ask for entry ${this.at} of the record, ${entry?.kind}`);
    }
  }

  private input(engine: IkeEndpoint, method: string, recorded: readonly unknown[]): void {
    if (!isEngineInput(method)) throw new Difference(`the engine has no input "${method}"`);
    this.inputs++;
    const args = method === 'receive' ? this.withCaptured(recorded) : recorded;
    const call = engine[method] as (...args: unknown[]) => Outcome;
    const outputs = outputsOf(call.apply(engine, [...args]));
    for (const output of outputs) {
      if (output.kind === 'event' && output.event.type === 'ikeKeysDerived') this.learn(output.event);
    }
    if (this.noted !== undefined) throw this.noted;
    this.compare(method, outputs);
  }

  /** The same arguments with the next captured datagram of that initiator, where there is one. */
  private withCaptured(args: readonly unknown[]): readonly unknown[] {
    const [now, datagram, local, remote] = args as Parameters<IkeEndpoint['receive']>;
    const message = this.captured?.toResponder.get(remote.address)?.shift();
    if (message === undefined) return args;
    const marker = ikeOf(datagram)?.length === datagram.length ? 0 : markerLength;
    return [now, Buffer.concat([new Uint8Array(marker), message]), local, remote];
  }

  private compare(method: string, outputs: readonly Output[]): void {
    const sent = outputs.flatMap((output) => (output.kind === 'transmit' ? [output] : []));
    const next = this.entries[this.at];
    const recorded = next?.kind === 'sent' ? next.data : [];
    if (next?.kind === 'sent') this.at++;
    if (recorded.length !== sent.length)
      throw new Difference(`${method}: ${sent.length} messages instead of ${recorded.length}`);
    sent.forEach(({ data, remote }, index) => {
      this.compared++;
      const message = ikeOf(data);
      if (message === undefined) {
        this.same(data, recorded[index] ?? data); // a keepalive of NAT traversal
        return;
      }
      const expected =
        this.captured?.fromResponder.get(remote.address)?.shift() ?? ikeOf(recorded[index] ?? data);
      if (expected !== undefined) this.same(message, expected);
    });
  }

  /** Equal octets, or equal payloads but for a signature: it has randomness of its own and another key. */
  private same(message: Uint8Array, expected: Uint8Array): void {
    if (Buffer.compare(message, expected) === 0) return;
    const ours = this.open(message);
    const theirs = this.open(expected);
    const place = `message ${this.compared}`;
    if (this.signs && isFragmentOfAuth(message) && isFragmentOfAuth(expected)) return;
    if (ours === undefined || theirs === undefined)
      throw new Difference(`${place}: ${hexOf(message)} instead of ${hexOf(expected)}`);
    const names = describePayloads(ours);
    if (names !== describePayloads(theirs))
      throw new Difference(`${place}: ${names} instead of ${describePayloads(theirs)}`);
    ours.forEach((payload, index) => {
      const other = theirs[index];
      if (isSignature(payload) && other?.type === 'AUTH') return;
      if (textOf(payload) !== textOf(other))
        throw new Difference(`${place}: in ${names}, ${textOf(payload)} instead of ${textOf(other)}`);
    });
  }

  private open(message: Uint8Array): readonly Payload[] | undefined {
    const decoded = decodeMessage(message);
    if (!decoded.ok) return undefined;
    const { header, encrypted, payloads } = decoded.value;
    if (encrypted === undefined) return payloads;
    const pair = this.ciphers.get(hexOf(header.spiInitiator) + hexOf(header.spiResponder));
    const cipher = header.initiator ? pair?.initiator : pair?.responder;
    const opened = cipher === undefined ? undefined : openPlaintext(message, decoded.value, cipher);
    if (opened?.ok !== true || encrypted.fragment !== undefined) return undefined;
    const inner = decodePayloads(opened.value, 0, opened.value.length, encrypted.innerFirstPayload);
    return inner.ok ? inner.value : undefined;
  }

  private learn(event: {
    spiInitiator: Uint8Array;
    spiResponder: Uint8Array;
    skEi: Uint8Array;
    skEr: Uint8Array;
    skAi: Uint8Array;
    skAr: Uint8Array;
    encr: string;
    integ: string;
  }): void {
    const suite = { encr: event.encr as EncrName, integ: event.integ as IntegName };
    this.ciphers.set(hexOf(event.spiInitiator) + hexOf(event.spiResponder), {
      initiator: createCipher(suite, event.skEi, event.skAi),
      responder: createCipher(suite, event.skEr, event.skAr),
    });
  }

  /** A difference inside a port: the engine takes the exception for a fault of its SA, so it is kept as well. */
  private note(text: string): Difference {
    this.noted ??= new Difference(text);
    return this.noted;
  }

  /** The ports that the recorded engine had, answered from the record. */
  private ports(had: ReadonlySet<string>): EndpointPorts {
    const answer = (port: string): unknown => {
      const entry = this.entries[this.at];
      if (entry?.kind !== 'answer' || entry.port !== port)
        throw this.note(`the engine asks ${port}, the record has ${entry?.kind ?? 'ended'}`);
      this.at++;
      return entry.value;
    };
    return {
      random: (length) => {
        const entry = this.entries[this.at];
        if (entry?.kind !== 'random' || entry.octets.length !== length)
          throw this.note(`the engine draws ${length} octets, the record has ${entry?.kind ?? 'ended'}`);
        this.at++;
        return Uint8Array.from(entry.octets);
      },
      authorize: () => answer('authorize') as AuthorizeAnswer,
      ...Object.fromEntries(
        [...had].filter((port) => port !== 'random').map((port) => [port, () => answer(port)]),
      ),
    };
  }
}

/** The record has no private key, so the engine signs with one made for the occasion. */
function withThrowawayKey(config: EndpointConfig): EndpointConfig {
  const exposed = { ...config, exposeKeys: true };
  if (config.certificate === undefined) return exposed;
  return {
    ...exposed,
    certificate: { ...config.certificate, privateKey: keyLike(config.certificate.chain[0]) },
  };
}

/** A private key of the kind and size of the one in a certificate, so that signatures are as long. */
function keyLike(certificate: Uint8Array | undefined): KeyObject {
  const { asymmetricKeyType, asymmetricKeyDetails = {} } = new X509Certificate(
    certificate ?? new Uint8Array(0),
  ).publicKey;
  if (asymmetricKeyType === 'ec') {
    const { namedCurve = 'prime256v1' } = asymmetricKeyDetails;
    return generateKeyPairSync('ec', { namedCurve }).privateKey;
  }
  return generateKeyPairSync('rsa', { modulusLength: asymmetricKeyDetails.modulusLength ?? 2048 }).privateKey;
}

/** Signatures differ from run to run; shared-key MICs do not. */
function isSignature(payload: Payload): boolean {
  return payload.type === 'AUTH' && payload.method !== AUTH_METHOD.SHARED_KEY;
}

/** A fragment of IKE_AUTH. */
function isFragmentOfAuth(message: Uint8Array): boolean {
  return message[16] === PAYLOAD.SKF && message[18] === EXCHANGE.IKE_AUTH;
}

/** A payload as text, to compare and to show. */
function textOf(payload: Payload | undefined): string {
  return JSON.stringify(payload, (_, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
  );
}
