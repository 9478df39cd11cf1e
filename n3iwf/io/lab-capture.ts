import { closeSync, openSync, writeSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import type { IkeEvent } from '#ikev2';
import { encodeEntry, type RecordEntry } from '../replay/engine-record.ts';
import { ngapFrame, udpFrame } from './frames.ts';
import { PcapWriter } from './pcap-writer.ts';
import type { UdpAddress } from './udp.ts';
import { WiresharkKeys } from './wireshark-keys.ts';

/** What to record, each a path: packets, keys in the form of Wireshark, the inputs of the IKE engine. */
export interface CaptureOptions {
  readonly pcap?: string;
  readonly keylog?: string;
  /** File for everything that the IKE engine is given, to replay it: keys in clear. */
  readonly record?: string;
}

/** Ports as they should read in a capture, where a lab without privileges had to use others. */
const shownPorts = new Map([[10500, 500]]);
const n2Ends = { n3iwf: '192.0.2.1', amf: '192.0.2.2' };

/** Records what crosses the node's outer interfaces, and the keys to read it. Without options it does nothing. */
export class LabCapture {
  private readonly pcap: PcapWriter | undefined;
  private readonly keys: WiresharkKeys | undefined;
  private readonly record: number | undefined;
  private tsn = 1;

  constructor({ pcap, keylog, record }: CaptureOptions) {
    this.record = record === undefined ? undefined : openSync(record, 'w', 0o600);
    this.pcap = pcap === undefined ? undefined : new PcapWriter(pcap);
    this.keys = keylog === undefined ? undefined : new WiresharkKeys(keylog);
  }

  /** A datagram between UE and node, with the ports that Wireshark knows. */
  nwu(datagram: Uint8Array, from: UdpAddress, to: UdpAddress): void {
    this.pcap?.write(udpFrame(datagram, shown(from), shown(to)), wallMs());
  }

  /** A datagram between node and UPF. */
  n3(datagram: Uint8Array, from: UdpAddress, to: UdpAddress): void {
    this.pcap?.write(udpFrame(datagram, from, to), wallMs());
  }

  /** N2 of the lab runs in memory: the frames get documentation addresses. */
  n2(data: Uint8Array, stream: number, toAmf: boolean): void {
    const { n3iwf, amf } = n2Ends;
    const frame = ngapFrame(data, stream, this.tsn++, toAmf ? n3iwf : amf, toAmf ? amf : n3iwf);
    this.pcap?.write(frame, wallMs());
  }

  /** Takes the keys out of the events that have them. */
  ikeEvent(event: IkeEvent): void {
    if (event.type === 'ikeKeysDerived') this.keys?.ike(event);
    else if (event.type === 'childSaEstablished') this.keys?.child(event.child);
  }

  /** What the node's composition needs to let this see: every IKE event, and with `record` the engine's inputs. */
  observers(): { observe(event: IkeEvent): void; recordIke?(entry: RecordEntry): void } {
    const observe = (event: IkeEvent) => this.ikeEvent(event);
    const { record } = this;
    if (record === undefined) return { observe };
    return { observe, recordIke: (entry) => void writeSync(record, `${encodeEntry(entry)}\n`) };
  }

  close(): void {
    if (this.record !== undefined) closeSync(this.record);
    this.pcap?.close();
  }
}

/** The address with the port that a capture should show. */
function shown({ address, port }: UdpAddress): UdpAddress {
  return { address, port: shownPorts.get(port) ?? port };
}

/** Wall clock with fractions of a ms, as time stamps want it. */
function wallMs(): number {
  return performance.timeOrigin + performance.now();
}
