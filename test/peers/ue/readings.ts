/** Small readings of what a UE gets and is told. */
import type { Notify, PpkIdentity, Result, TrafficSelector } from '#ikev2';

/** Whether a datagram of the NAT traversal port is IKE, which has four zeros in front there. */
export function isMarked(datagram: Uint8Array): boolean {
  return (
    datagram.length >= 4 && datagram[0] === 0 && datagram[1] === 0 && datagram[2] === 0 && datagram[3] === 0
  );
}

/** The ID of a QKD key, which travels as text. */
export function keyIdOf(identity: PpkIdentity): string {
  return new TextDecoder().decode(identity.data);
}

/** Makes a parser of proposals throw on a keyword that it does not know: the configuration is our own. */
export function proposal<T>(parse: (text: string) => Result<T, string>) {
  return (text: string): T => {
    const parsed = parse(text);
    if (!parsed.ok) throw new Error(parsed.error);
    return parsed.value;
  };
}

/** All traffic of one family, whose addresses have `octets`. */
export function everything(octets: 4 | 16): TrafficSelector {
  const [start, end] = [new Uint8Array(octets), new Uint8Array(octets).fill(255)];
  return { protocol: 0, startPort: 0, endPort: 65535, start, end };
}

/** The SPI of the Child SA that a notify speaks of; undefined where it names none. */
export function spiOf(notify: Notify | undefined): number | undefined {
  return notify?.spi.length === 4 ? Buffer.from(notify.spi).readUInt32BE() : undefined;
}
