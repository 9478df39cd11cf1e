import { CP_ATTRIBUTE, type CpAttribute } from '#ikev2';
import { requireAddress } from '../userplane/address.ts';
import { AddressPool } from './address-pool.ts';

/** The network inside the tunnels; all addresses are text. */
export interface InnerConfig {
  /** IPv4 prefix or range of UEs. */
  readonly pool: string;
  /** This node's own IPv4 address: NAS listener and end of GRE. */
  readonly address: string;
  /** The same for UEs that ask for IPv6 alone. */
  readonly pool6?: string;
  readonly address6?: string;
  /** Name servers and P-CSCFs that UEs are told of when they ask, of either family. */
  readonly dns?: readonly string[];
  readonly pCscf?: readonly string[];
  /** Addresses that only the UE with this identity in IKE gets. */
  readonly fixed?: ReadonlyMap<string, string>;
}

/** What a UE gets: its address, this node's of the same family, and the answer to its configuration request. */
export interface Assignment {
  readonly inner: Uint8Array;
  readonly own: Uint8Array;
  readonly attributes: readonly CpAttribute[];
}

/** Attributes with which a UE asks for an address or for servers, by the octets of an address of the family. */
const asked = {
  4: {
    address: CP_ATTRIBUTE.INTERNAL_IP4_ADDRESS,
    dns: CP_ATTRIBUTE.INTERNAL_IP4_DNS,
    pCscf: CP_ATTRIBUTE.P_CSCF_IP4_ADDRESS,
  },
  16: {
    address: CP_ATTRIBUTE.INTERNAL_IP6_ADDRESS,
    dns: CP_ATTRIBUTE.INTERNAL_IP6_DNS,
    pCscf: CP_ATTRIBUTE.P_CSCF_IP6_ADDRESS,
  },
} as const;

type Family = keyof typeof asked;

/** The network of one family. */
interface Side {
  readonly family: Family;
  readonly pool: AddressPool;
  readonly own: Uint8Array;
}

/** Inner addresses of either family and what goes with them in the configuration payload [RFC7296 3.15.1]. */
export class InnerNetwork {
  private readonly sides: readonly Side[];
  /** Addresses that UEs have. */
  private readonly handed = new Map<string, Uint8Array>();
  private readonly servers: { readonly dns: readonly Uint8Array[]; readonly pCscf: readonly Uint8Array[] };

  /** @throws RangeError for an address or a pool that is none, or of the wrong family */
  constructor({ pool, address, pool6, address6, dns = [], pCscf = [], fixed = new Map() }: InnerConfig) {
    const sides = [side(4, pool, address, fixed)];
    if (pool6 !== undefined && address6 !== undefined) sides.push(side(16, pool6, address6, fixed));
    this.sides = sides;
    this.servers = { dns: dns.map(requireAddress), pCscf: pCscf.map(requireAddress) };
  }

  /**
   * An address for a UE: IPv4 where it asks for that and there is one, else IPv6 where it asks for it.
   *
   * @param name the UE's identity in IKE
   * @returns 'notAsked' for a request without an attribute that this node could serve, 'exhausted' when no address is left
   */
  assign(request: readonly CpAttribute[] | undefined, name: string): Assignment | 'notAsked' | 'exhausted' {
    const types = new Set(request?.map(({ type }) => type));
    const wanted = this.sides.filter(({ family }) => types.has(asked[family].address));
    for (const { family, pool, own } of wanted) {
      const inner = pool.allocate(name);
      if (inner === undefined) continue;
      this.handed.set(keyOf(inner), inner);
      const attributes = [...addressAttributes(family, pool, inner), ...this.serverAttributes(types)];
      return { inner, own, attributes };
    }
    return wanted.length === 0 ? 'notAsked' : 'exhausted';
  }

  /** Of the servers those that were asked for. */
  private serverAttributes(types: ReadonlySet<number>): CpAttribute[] {
    return (['dns', 'pCscf'] as const).flatMap((kind) =>
      this.servers[kind]
        .map((value) => ({ type: asked[value.length as Family][kind] as number, value }))
        .filter(({ type }) => types.has(type)),
    );
  }

  /** Takes a UE's address back. */
  release(inner: Uint8Array): void {
    if (this.handed.delete(keyOf(inner))) this.sideOf(inner)?.pool.release(inner);
  }

  /**
   * The network by another configuration, with the addresses that UEs have now kept for them. Those that are not in a new
   * pool stay with their UEs and go nowhere when they are given back.
   *
   * @throws RangeError as the constructor does
   */
  renewed(config: InnerConfig): InnerNetwork {
    const next = new InnerNetwork(config);
    for (const [key, inner] of this.handed) {
      next.handed.set(key, inner);
      next.sideOf(inner)?.pool.keep(inner);
    }
    return next;
  }

  /** This node's own address of the family of `inner`, where the UE finds NAS and sends GRE. */
  ownFor(inner: Uint8Array): Uint8Array | undefined {
    return this.sideOf(inner)?.own;
  }

  /** By the octets of an address. */
  private sideOf(inner: Uint8Array): Side | undefined {
    return this.sides.find(({ family }) => family === inner.length);
  }

  /** Addresses handed out, of both families. */
  get used(): number {
    return this.handed.size;
  }
}

const keyOf = (inner: Uint8Array): string => inner.join('.');

/** The pool of a family, which must fit its address. */
function side(family: Family, pool: string, address: string, fixed: ReadonlyMap<string, string>): Side {
  const own = requireAddress(address);
  const ofFamily = new Map([...fixed].filter(([, text]) => requireAddress(text).length === family));
  const made = new AddressPool(pool, [address], ofFamily);
  if (own.length !== family || made.family !== family)
    throw new RangeError(`"${pool}" with ${address} is no IPv${family === 4 ? 4 : 6} network`);
  return { family, pool: made, own };
}

/** IPv4: address and netmask. IPv6: address and prefix length in one. [RFC7296 3.15.1] */
function addressAttributes(family: Family, pool: AddressPool, inner: Uint8Array): CpAttribute[] {
  if (family === 4)
    return [
      { type: CP_ATTRIBUTE.INTERNAL_IP4_ADDRESS, value: inner },
      { type: CP_ATTRIBUTE.INTERNAL_IP4_NETMASK, value: pool.netmask },
    ];
  return [{ type: CP_ATTRIBUTE.INTERNAL_IP6_ADDRESS, value: Uint8Array.from([...inner, pool.prefixLength]) }];
}
