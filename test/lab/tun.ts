import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import koffi from 'koffi';
import { EPOLLIN, readiness } from '../../n3iwf/io/readiness.ts';

const TUNSETIFF = 0x400454ca;
/** IFF_TUN | IFF_NO_PI: IP packets, nothing in front of them. */
const flags = 0x1001;
const mostOctets = 65_536;

/** A network interface whose packets come here: what the kernel of a UE sends by it, and what that kernel is to get. */
export class Tun {
  private readonly fd: number;
  private readonly buffer = Buffer.alloc(mostOctets);

  /** Makes the interface; it lives as long as this process. */
  constructor(name: string, received: (packet: Uint8Array) => void) {
    this.fd = openSync('/dev/net/tun', constants.O_RDWR | constants.O_NONBLOCK);
    const request = new Uint8Array(40);
    new TextEncoder().encodeInto(name, request);
    new DataView(request.buffer).setUint16(16, flags, true);
    const ioctl = koffi.load('libc.so.6').func('int ioctl(int, unsigned long, void *)');
    if (ioctl(this.fd, TUNSETIFF, request) < 0) throw new Error(`no interface ${name}`);
    readiness.watch(this.fd, EPOLLIN, () => this.read(received));
  }

  private read(received: (packet: Uint8Array) => void): void {
    for (let reads = 0; reads < 64; reads++) {
      try {
        const length = readSync(this.fd, this.buffer);
        received(Uint8Array.from(this.buffer.subarray(0, length)));
      } catch {
        return; // nothing more for now
      }
    }
  }

  write(packet: Uint8Array): void {
    try {
      writeSync(this.fd, packet);
    } catch {
      // the interface is down: the packet is lost, as on any network
    }
  }

  close(): void {
    readiness.forget(this.fd);
    closeSync(this.fd);
  }
}
