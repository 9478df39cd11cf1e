import { NumberAllocator } from './allocator.ts';

/** IPv4 text to its four octets; undefined when it is no IPv4 address. */
export function ipv4Octets(text: string): Uint8Array | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || parts.some((part) => !/^\d{1,3}$/.test(part) || Number(part) > 255))
    return undefined;
  return Uint8Array.from(parts, Number);
}

export function ipv4Text(octets: Uint8Array): string {
  return octets.join('.');
}

function toNumber(octets: Uint8Array): number {
  return octets.reduce((sum, octet) => sum * 256 + octet, 0);
}

function fromNumber(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

/** Inner IPv4 addresses of UEs: a prefix without its network, broadcast and gateway addresses. */
export class AddressPool {
  readonly netmask: Uint8Array;
  private readonly numbers: NumberAllocator;
  private readonly reservedCount: number;

  /** `prefix` as in `10.45.0.0/16` (length 8 to 30); `reserved` are addresses inside it that are never handed out. */
  constructor(prefix: string, reserved: readonly string[]) {
    const [network = '', length = ''] = prefix.split('/');
    const octets = ipv4Octets(network);
    const bits = Number(length);
    if (octets === undefined || !Number.isInteger(bits) || bits < 8 || bits > 30) {
      throw new RangeError(`"${prefix}" is no IPv4 prefix of length 8 to 30`);
    }
    const mask = (0xffffffff << (32 - bits)) >>> 0;
    const base = (toNumber(octets) & mask) >>> 0;
    this.netmask = fromNumber(mask);
    this.numbers = new NumberAllocator(base + 1, base + 2 ** (32 - bits) - 2);
    for (const text of reserved) this.numbers.take(toNumber(ipv4Octets(text) ?? new Uint8Array(4)));
    this.reservedCount = this.numbers.used;
  }

  /** A free address, or undefined when the pool is exhausted. */
  allocate(): Uint8Array | undefined {
    const value = this.numbers.allocate();
    return value === undefined ? undefined : fromNumber(value);
  }

  release(address: Uint8Array): void {
    this.numbers.release(toNumber(address));
  }

  /** Addresses handed out. */
  get used(): number {
    return this.numbers.used - this.reservedCount;
  }
}
