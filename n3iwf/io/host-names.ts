import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';

/** Looks a host name up by the system's resolver, for the addresses of one family. Rejects when it has none. */
export type HostLookup = (name: string) => Promise<readonly string[]>;

/** IPv4 addresses of a name, the first one first. */
export const lookupIpv4: HostLookup = async (name) => {
  const found = await lookup(name, { family: 4, all: true });
  return found.map(({ address }) => address);
};

/** `host` itself when it is an address, else the first address that its name has. Rejects when it has none. */
export async function addressOf(host: string, look: HostLookup = lookupIpv4): Promise<string> {
  if (isIP(host) !== 0) return host;
  const [first] = await look(host);
  if (first === undefined) throw new Error(`${host} has no IPv4 address`);
  return first;
}

/** The addresses of several hosts, each with all that its name has. Rejects when none has any. */
export async function addressesOf(
  hosts: readonly string[],
  look: HostLookup = lookupIpv4,
): Promise<string[]> {
  const found = await Promise.allSettled(
    hosts.map(async (host) => (isIP(host) === 0 ? await look(host) : [host])),
  );
  const addresses = found.flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value : []));
  if (addresses.length === 0) throw new Error(`no address is known for ${hosts.join(', ')}`);
  return [...new Set(addresses)];
}
