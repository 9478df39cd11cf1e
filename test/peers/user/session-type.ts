import type { UserPacketType } from '../../../n3iwf/userplane/plane.ts';

/** Numbers of the types in NAS [TS24501 9.11.4.11]; NGAP has the names. */
const numbers = { ipv4: 1, ipv6: 2, ipv4v6: 3, unstructured: 4, ethernet: 5 } as const satisfies Record<
  UserPacketType,
  number
>;

export const sessionTypes = Object.keys(numbers) as UserPacketType[];

export function sessionTypeNumber(type: UserPacketType): number {
  return numbers[type];
}

/** IPv4 for a request that names no type, or one that is not known. */
export function sessionTypeOf(number: number | undefined): UserPacketType {
  return sessionTypes.find((type) => numbers[type] === number) ?? 'ipv4';
}

export function hasIpv4(type: UserPacketType): boolean {
  return type === 'ipv4' || type === 'ipv4v6';
}

export function hasIpv6(type: UserPacketType): boolean {
  return type === 'ipv6' || type === 'ipv4v6';
}

/** What the network gives to a session of IP: an address of IPv4, an interface identifier of 8 octets, or both. */
export interface SessionAddress {
  readonly ipv4?: Uint8Array;
  readonly interfaceId?: Uint8Array;
}

/** PDU address, without its length: the type, then identifier and address [TS24501 9.11.4.10]. */
export function encodePduAddress(type: UserPacketType, { ipv4, interfaceId }: SessionAddress): Uint8Array {
  return Uint8Array.of(numbers[type], ...(interfaceId ?? []), ...(ipv4 ?? []));
}

/** Reads a PDU address; what is too short gives nothing. */
export function decodePduAddress(octets: Uint8Array): SessionAddress {
  const type = sessionTypeOf((octets[0] ?? 0) & 0x07);
  const interfaceId = hasIpv6(type) ? octets.slice(1, 9) : undefined;
  const ipv4 = hasIpv4(type) ? octets.slice(hasIpv6(type) ? 9 : 1).slice(0, 4) : undefined;
  return {
    ...(interfaceId?.length === 8 ? { interfaceId } : {}),
    ...(ipv4?.length === 4 ? { ipv4 } : {}),
  };
}
