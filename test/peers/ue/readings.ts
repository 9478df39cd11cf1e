/** Small readings of what a UE gets and is told. */
import type { PpkIdentity, Result } from '#ikev2';

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
