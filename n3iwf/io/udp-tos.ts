import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { requireAddress } from '../userplane/address.ts';
import { libc } from './libc.ts';
import type { UdpAddress } from './udp.ts';

/** Level and option by the octets of an address: IP_TOS of IPPROTO_IP, IPV6_TCLASS of IPPROTO_IPV6. */
const options: Readonly<Record<number, readonly [level: number, option: number]>> = {
  4: [0, 1],
  16: [41, 67],
};

/**
 * Sets the type of service of what a UDP socket sends, for which Node has no call. The kernel's tables tell which
 * descriptor is bound to `local`; where they cannot be read, packets go out unmarked.
 */
export class TosOfSocket {
  private readonly fd: number | undefined;
  private readonly option: readonly [level: number, option: number];
  private readonly value = new Uint8Array(4);
  private current = 0;

  constructor(local: UdpAddress) {
    this.option = options[requireAddress(local.address).length] ?? [0, 1];
    this.fd = descriptorOf(local);
  }

  /** From now on; calls that change nothing cost nothing. */
  set(tos: number): void {
    if (tos === this.current || this.fd === undefined) return;
    this.current = tos;
    new DataView(this.value.buffer).setInt32(0, tos, isLittleEndian);
    const [level, option] = this.option;
    libc().setsockopt(this.fd, level, option, this.value, this.value.length);
  }

  /** As the kernel has it; undefined where the socket was not found. */
  get(): number | undefined {
    if (this.fd === undefined) return undefined;
    const [value, length] = [new Uint8Array(4), new Uint8Array(4)];
    new DataView(length.buffer).setInt32(0, 4, isLittleEndian);
    const [level, option] = this.option;
    libc().getsockopt(this.fd, level, option, value, length);
    return new DataView(value.buffer).getInt32(0, isLittleEndian);
  }
}

const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** This process's descriptor of the socket bound to `local`; undefined where the kernel's tables cannot be read. */
export function descriptorOf({ address, port }: UdpAddress): number | undefined {
  const octets = requireAddress(address);
  const table = octets.length === 4 ? '/proc/net/udp' : '/proc/net/udp6';
  try {
    const inode = inodeOf(readFileSync(table, 'utf8'), `${hexOf(octets)}:${hex(port, 4)}`);
    if (inode === undefined) return undefined;
    const name = readdirSync('/proc/self/fd').find((fd) => targetOf(fd) === `socket:[${inode}]`);
    return name === undefined ? undefined : Number(name);
  } catch {
    return undefined;
  }
}

function inodeOf(table: string, local: string): string | undefined {
  const rows = table.split('\n').map((line) => line.trim().split(/\s+/));
  return rows.find((cells) => cells[1] === local)?.[9];
}

/** A descriptor may be closed while the list is gone through. */
function targetOf(fd: string): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return undefined;
  }
}

/** As the kernel prints addresses: words of 32 bits in the machine's own order. */
function hexOf(octets: Uint8Array): string {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  const words = Array.from({ length: octets.length / 4 }, (_, i) => view.getUint32(4 * i, isLittleEndian));
  return words.map((word) => hex(word, 8)).join('');
}

function hex(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, '0');
}
