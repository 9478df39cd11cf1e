import { closeSync, openSync, writeSync } from 'node:fs';

const linkTypeRaw = 101;
const snapLength = 262_144;

/** The head of a pcap file: microseconds, raw IP. */
export function pcapHeader(): Uint8Array {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(snapLength, 16);
  header.writeUInt32LE(linkTypeRaw, 20);
  return header;
}

/** One IP packet of such a file; `wallMs` is the time since 1970, with fractions. */
export function pcapRecord(packet: Uint8Array, wallMs: number): Uint8Array {
  const record = Buffer.alloc(16 + packet.length);
  record.writeUInt32LE(Math.floor(wallMs / 1000), 0);
  record.writeUInt32LE(Math.floor((wallMs % 1000) * 1000), 4);
  record.writeUInt32LE(packet.length, 8);
  record.writeUInt32LE(packet.length, 12);
  record.set(packet, 16);
  return record;
}

/** Writes IP packets into a pcap file, each at once, so that a crash loses none. */
export class PcapWriter {
  private readonly fd: number;

  constructor(path: string) {
    this.fd = openSync(path, 'w');
    writeSync(this.fd, pcapHeader());
  }

  /** `wallMs` is the time since 1970, with fractions. */
  write(packet: Uint8Array, wallMs: number): void {
    writeSync(this.fd, pcapRecord(packet, wallMs));
  }

  close(): void {
    closeSync(this.fd);
  }
}
