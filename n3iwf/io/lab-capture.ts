import { performance } from 'node:perf_hooks';
import type { IkeEvent } from '#ikev2';
import { ngapFrame, udpFrame } from './frames.ts';
import { PcapWriter } from './pcap-writer.ts';
import type { UdpAddress } from './udp.ts';
import { WiresharkKeys } from './wireshark-keys.ts';

export interface CaptureOptions {
  readonly pcap?: string;
  readonly keylog?: string;
}

/** Ports as they should read in a capture, where a lab without privileges had to use others. */
const shownPorts = new Map([[10500, 500]]);
const n2Ends = { n3iwf: '192.0.2.1', amf: '192.0.2.2' };

/** Records what crosses the node's outer interfaces, and the keys to read it. Without options it does nothing. */
export class LabCapture {
  private readonly pcap: PcapWriter | undefined;
  private readonly keys: WiresharkKeys | undefined;
  private tsn = 1;

  constructor({ pcap, keylog }: CaptureOptions) {
    this.pcap = pcap === undefined ? undefined : new PcapWriter(pcap);
    this.keys = keylog === undefined ? undefined : new WiresharkKeys(keylog);
  }

  nwu(datagram: Uint8Array, from: UdpAddress, to: UdpAddress): void {
    this.pcap?.write(udpFrame(datagram, shown(from), shown(to)), wallMs());
  }

  /** N2 of the lab runs in memory: the frames get documentation addresses. */
  n2(data: Uint8Array, stream: number, toAmf: boolean): void {
    const { n3iwf, amf } = n2Ends;
    const frame = ngapFrame(data, stream, this.tsn++, toAmf ? n3iwf : amf, toAmf ? amf : n3iwf);
    this.pcap?.write(frame, wallMs());
  }

  ikeEvent(event: IkeEvent): void {
    if (event.type === 'ikeKeysDerived') this.keys?.ike(event);
    else if (event.type === 'childSaEstablished') this.keys?.child(event.child);
  }

  close(): void {
    this.pcap?.close();
  }
}

function shown({ address, port }: UdpAddress): UdpAddress {
  return { address, port: shownPorts.get(port) ?? port };
}

function wallMs(): number {
  return performance.timeOrigin + performance.now();
}
