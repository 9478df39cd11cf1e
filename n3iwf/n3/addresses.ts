import { formatAddress, requireAddress } from '../userplane/address.ts';

/** One of the node's addresses on N3; the text is in canonical form. */
export interface N3Address {
  readonly text: string;
  readonly octets: Uint8Array;
}

/** The node's addresses on N3, in order of preference: never none, of either family or both. */
export class N3Addresses {
  readonly first: N3Address;
  private readonly all: readonly N3Address[];

  /** @throws RangeError for a text that is no address */
  constructor(first: string, others: readonly string[]) {
    this.first = n3Address(first);
    this.all = [this.first, ...others.map(n3Address)];
  }

  /** Ours for a tunnel to `peer`: the first of its family, or the first of all where there is none. */
  towards(peer: string): N3Address {
    const isV6 = peer.includes(':');
    return this.all.find(({ text }) => text.includes(':') === isV6) ?? this.first;
  }

  /** The one that a datagram came to; the first where its socket was bound to all. */
  named(text: string): N3Address {
    return this.all.find((address) => address.text === text) ?? this.first;
  }
}

function n3Address(text: string): N3Address {
  const octets = requireAddress(text);
  return { text: formatAddress(octets), octets };
}
