/** What crosses the node's outer interfaces for one UE, kept in memory as a pcap file for whoever asks: bounded in time and size. */
import { randomUUID } from 'node:crypto';
import type { SocketAddress } from '#ikev2';
import { decodeNgap, encodeNgap, type NgapPdu } from '#ngap';
import type { Gateway } from '../gateway.ts';
import { ueNamedBy } from '../n2/dispatch.ts';
import type { Wiretap } from '../shell.ts';
import type { UeContext } from '../ue/context.ts';
import { ngapFrame, udpFrame } from './frames.ts';
import { pcapHeader, pcapRecord } from './pcap-writer.ts';

/** When a trace ends by itself. */
export interface TraceLimits {
  readonly seconds: number;
  /** Of the whole file; packets that would go beyond end the trace. */
  readonly octets: number;
}

/** A piece of a trace. */
export interface TracePiece {
  /** Octets of the file from the asked-for place on. */
  readonly data: Uint8Array;
  readonly packets: number;
  /** Nothing more will come behind this piece. */
  readonly ended: boolean;
}

/** Octets that the longest trace may have: all of it is in memory. */
export const mostTraceOctets = 64 * 1024 * 1024;
const mostTraces = 4;
/** A trace that nobody fetches is forgotten so long after its end, in ms. */
const keptMs = 60_000;
const pieceOctets = 1024 * 1024;
const n2Ends = { n3iwf: '192.0.2.1', amf: '192.0.2.2' };

/** A capture of one UE, in pieces until it is fetched. */
interface Trace {
  readonly ueId: number;
  readonly endsMs: number;
  readonly octets: number;
  readonly pieces: Uint8Array[];
  size: number;
  packets: number;
  ended: boolean;
}

/** Handle: as a {@link Wiretap}, {@link start}, {@link stop}. Read: {@link read}. Costs one comparison a packet while nothing is traced. */
export class UeTraces implements Wiretap {
  private readonly traces = new Map<string, Trace>();
  private readonly wallMs: () => number;
  private gateway: Pick<Gateway, 'ues'> | undefined;
  private tsn = 1;

  constructor(wallMs: () => number = Date.now) {
    this.wallMs = wallMs;
  }

  /** The node whose UEs can be traced. */
  attach(gateway: Pick<Gateway, 'ues'>): void {
    this.gateway = gateway;
  }

  /** Begins one. @returns its ID, or undefined when there are too many */
  start(ueId: number, { seconds, octets }: TraceLimits): string | undefined {
    this.forgetOld();
    if (this.traces.size >= mostTraces) return undefined;
    const id = randomUUID();
    const head = pcapHeader();
    const endsMs = this.wallMs() + seconds * 1000;
    const limits = { endsMs, octets: Math.min(octets, mostTraceOctets) };
    this.traces.set(id, { ueId, ...limits, pieces: [head], size: head.length, packets: 0, ended: false });
    return id;
  }

  /** Ends one; what it has can still be read. */
  stop(id: string): void {
    const trace = this.traces.get(id);
    if (trace !== undefined) trace.ended = true;
  }

  /** The file from `from` on, at most a MiB of it; undefined for a trace that is not there. */
  read(id: string, from: number): TracePiece | undefined {
    const trace = this.traces.get(id);
    if (trace === undefined) return undefined;
    if (this.wallMs() >= trace.endsMs) trace.ended = true;
    const whole = Buffer.concat(trace.pieces);
    // What was read once is one piece from then on.
    trace.pieces.splice(0, trace.pieces.length, whole);
    const data = whole.subarray(Math.min(from, whole.length), from + pieceOctets);
    const ended = trace.ended && from + data.length >= trace.size;
    if (ended) this.traces.delete(id);
    return { data: Uint8Array.from(data), packets: trace.packets, ended };
  }

  /** A datagram of NWu belongs to whoever is at that address. */
  nwu(datagram: Uint8Array, from: SocketAddress, to: SocketAddress): void {
    if (this.traces.size === 0) return;
    this.eachOf(
      (ue) => isAt(ue, from) || isAt(ue, to),
      () => udpFrame(datagram, from, to),
    );
  }

  /** A datagram of N3 belongs to whose session has the tunnel. */
  n3(datagram: Uint8Array, from: SocketAddress, to: SocketAddress): void {
    if (this.traces.size === 0 || datagram.length < 8) return;
    const teid = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength).getUint32(4);
    const isOf = (ue: UeContext) =>
      [...ue.sessions.values()].some(
        ({ dlTeid, ulTunnel }) =>
          dlTeid === teid || (ulTunnel.teid === teid && ulTunnel.address === to.address),
      );
    this.eachOf(isOf, () => udpFrame(datagram, from, to));
  }

  /** A message of N2 belongs to the UE that it names; keys in it are blanked. */
  n2(data: Uint8Array, stream: number, toAmf: boolean): void {
    if (this.traces.size === 0 || this.gateway === undefined) return;
    const decoded = decodeNgap(data);
    const ueId = decoded.ok ? ueNamedBy(this.gateway.ues, decoded.value.ies) : undefined;
    if (!decoded.ok || ueId === undefined) return;
    const shown = withoutKey(data, decoded.value);
    const { n3iwf, amf } = n2Ends;
    this.eachOf(
      ({ id }) => id === ueId,
      () => ngapFrame(shown, stream, this.tsn++, toAmf ? n3iwf : amf, toAmf ? amf : n3iwf),
    );
  }

  /** Writes the frame into every trace whose UE it is of. */
  private eachOf(isOf: (ue: UeContext) => boolean, frame: () => Uint8Array): void {
    for (const trace of this.traces.values()) {
      if (trace.ended) continue;
      const ue = this.gateway?.ues.ofId(trace.ueId);
      if (ue !== undefined && isOf(ue)) this.write(trace, frame());
    }
  }

  private write(trace: Trace, frame: Uint8Array): void {
    const now = this.wallMs();
    const record = pcapRecord(frame, now);
    if (now >= trace.endsMs || trace.size + record.length > trace.octets) {
      trace.ended = true;
      return;
    }
    trace.pieces.push(record);
    trace.size += record.length;
    trace.packets++;
  }

  private forgetOld(): void {
    for (const [id, { endsMs }] of this.traces) if (this.wallMs() > endsMs + keptMs) this.traces.delete(id);
  }
}

/** The message with zeros in the place of K_N3IWF, which the AMF sends in clear. */
function withoutKey(data: Uint8Array, pdu: NgapPdu): Uint8Array {
  if (pdu.message !== 'InitialContextSetupRequest' && pdu.message !== 'UEContextModificationRequest')
    return data;
  const { securityKey } = pdu.ies;
  if (securityKey === undefined) return data;
  const zeros = { ...securityKey, bits: new Uint8Array(securityKey.bits.length) };
  return encodeNgap({ ...pdu, ies: { ...pdu.ies, securityKey: zeros } } as NgapPdu);
}

/** IKE begins on port 500, before it goes to the port that is known of the UE. */
function isAt({ remote }: UeContext, { address, port }: SocketAddress): boolean {
  return remote.address === address && (remote.port === port || port === 500);
}

/** Several taps as one. */
export function bothTaps(one: Wiretap, other: Wiretap): Wiretap {
  return {
    nwu: (...seen) => {
      one.nwu(...seen);
      other.nwu(...seen);
    },
    n3: (...seen) => {
      one.n3(...seen);
      other.n3(...seen);
    },
    n2: (...seen) => {
      one.n2(...seen);
      other.n2(...seen);
    },
  };
}
