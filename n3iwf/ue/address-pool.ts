import { parseAddress } from '../userplane/address.ts';
import { NumberAllocator } from './allocator.ts';

/** Addresses of a pool at most: an IPv6 prefix has more than can ever be in use. */
const mostAddresses = 2 ** 32;
/** Prefix lengths of pools by the octets of their addresses: shorter ones are mistakes, longer ones have no host. */
const prefixLengths: Readonly<Record<number, readonly [least: number, most: number]>> = {
  4: [8, 30],
  16: [32, 126],
};

/** Addresses from `firstOffset` to `lastOffset` behind `base`. */
interface Range {
  /** The address that offsets count from. */
  readonly base: Uint8Array;
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly prefixLength: number;
}

/**
 * Inner addresses of UEs, IPv4 or IPv6: a prefix, as in `10.45.0.0/16`, without its network and broadcast addresses, or
 * a range, as in `10.45.1.10-10.45.1.99`. Some may be set aside for UEs by name.
 */
export class AddressPool {
  /** Octets of an address: 4 or 16. */
  readonly family: number;
  readonly prefixLength: number;
  private readonly base: Uint8Array;
  private readonly numbers: NumberAllocator;
  private readonly reservedCount: number;
  /** Addresses set aside, as offsets, by the name of the UE. */
  private readonly fixed = new Map<string, number>();
  private readonly fixedInUse = new Set<number>();

  /**
   * @param reserved addresses that nobody gets; those outside the pool do no harm
   * @param fixed addresses that only the UE of that name gets
   * @throws RangeError for a text that is no pool, and for a set-aside address outside of it
   */
  constructor(pool: string, reserved: readonly string[], fixed: ReadonlyMap<string, string> = new Map()) {
    const { base, firstOffset, lastOffset, prefixLength } = pool.includes('-')
      ? rangeOf(pool)
      : prefixOf(pool);
    this.base = base;
    this.family = base.length;
    this.prefixLength = prefixLength;
    this.numbers = new NumberAllocator(firstOffset, lastOffset);
    for (const text of reserved) this.numbers.take(this.offsetOf(parseAddress(text)) ?? -1);
    for (const [name, text] of fixed) {
      const offset = this.offsetOf(parseAddress(text));
      if (offset === undefined || offset < firstOffset || offset > lastOffset)
        throw new RangeError(`"${text}" of ${name} is not in the pool ${pool}`);
      this.numbers.take(offset);
      this.fixed.set(name, offset);
    }
    this.reservedCount = this.numbers.used;
  }

  /** The mask of an IPv4 prefix; that of a single host where the pool is a range. */
  get netmask(): Uint8Array {
    return Uint8Array.from(
      { length: 4 },
      (_, i) => 256 - 2 ** (8 - Math.max(0, Math.min(8, this.prefixLength - 8 * i))),
    );
  }

  /**
   * A free address, or undefined when the pool is exhausted. The UE of a name that has one set aside gets that; while it
   * is still in use by an older connection of the same UE, any other.
   */
  allocate(name?: string): Uint8Array | undefined {
    const own = name === undefined ? undefined : this.fixed.get(name);
    if (own !== undefined && !this.fixedInUse.has(own)) {
      this.fixedInUse.add(own);
      return this.addressOf(own);
    }
    const offset = this.numbers.allocate();
    return offset === undefined ? undefined : this.addressOf(offset);
  }

  /** Marks an address as handed out that a pool before this one gave; one that is not of this pool does no harm. */
  keep(address: Uint8Array): void {
    const offset = this.offsetOf(address);
    if (offset === undefined) return;
    if ([...this.fixed.values()].includes(offset)) this.fixedInUse.add(offset);
    else this.numbers.take(offset);
  }

  /** Takes an address back that {@link allocate} gave. */
  release(address: Uint8Array): void {
    const offset = this.offsetOf(address);
    if (offset !== undefined && !this.fixedInUse.delete(offset)) this.numbers.release(offset);
  }

  /** Addresses handed out. */
  get used(): number {
    return this.numbers.used - this.reservedCount + this.fixedInUse.size;
  }

  /** `base` plus `offset`, carried from octet to octet. */
  private addressOf(offset: number): Uint8Array {
    const address = Uint8Array.from(this.base);
    for (let at = address.length - 1, rest = offset; at >= 0 && rest > 0; at--) {
      const sum = (address[at] ?? 0) + (rest % 256);
      address[at] = sum;
      rest = Math.floor(rest / 256) + (sum >>> 8);
    }
    return address;
  }

  /** How far `address` lies behind the base; undefined for another family, one before it, or one too far away. */
  private offsetOf(address: Uint8Array | undefined): number | undefined {
    return address === undefined ? undefined : distance(this.base, address);
  }
}

/** As an offset; undefined where it is none that a pool can have. */
function distance(from: Uint8Array, to: Uint8Array): number | undefined {
  if (from.length !== to.length) return undefined;
  const offset = toBigInt(to) - toBigInt(from);
  return offset >= 0n && offset < BigInt(mostAddresses) ? Number(offset) : undefined;
}

/** Network order. */
function toBigInt(octets: Uint8Array): bigint {
  return octets.reduce((sum, octet) => sum * 256n + BigInt(octet), 0n);
}

/** `first-last`, both of the same family. */
function rangeOf(pool: string): Range {
  const [base, last] = pool.split('-').map((text) => parseAddress(text.trim()));
  const lastOffset = base === undefined || last === undefined ? undefined : distance(base, last);
  if (base === undefined || lastOffset === undefined || pool.split('-').length !== 2)
    throw new RangeError(`"${pool}" is no range of addresses`);
  return { base, firstOffset: 0, lastOffset, prefixLength: base.length * 8 };
}

/** `network/length`, without the addresses at both ends. */
function prefixOf(pool: string): Range {
  const [network = '', length = ''] = pool.split('/');
  const octets = parseAddress(network);
  const [least, most] = prefixLengths[octets?.length ?? 0] ?? [0, 0];
  const prefixLength = /^\d+$/.test(length) ? Number(length) : Number.NaN;
  if (octets === undefined || !(prefixLength >= least && prefixLength <= most))
    throw new RangeError(
      `"${pool}" is no IPv4 prefix of length 8 to 30, nor an IPv6 prefix of length 32 to 126`,
    );
  const base = octets.map(
    (octet, i) => octet & (0xff << (8 - Math.max(0, Math.min(8, prefixLength - 8 * i)))),
  );
  const size = Math.min(2 ** (octets.length * 8 - prefixLength), mostAddresses);
  return { base, firstOffset: 1, lastOffset: size - 2, prefixLength };
}
