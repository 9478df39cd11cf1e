import { lookup, Resolver } from 'node:dns/promises';
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

/** Error codes of an answer that says that there is no such record, as opposed to no answer. */
const noRecord: ReadonlySet<string | undefined> = new Set(['ENODATA', 'ENOTFOUND']);

/**
 * Replacement fields of a name's NAPTR records, by order and preference; empty when the answer is that there are none.
 * Rejects when no server answers, or one refuses to. Servers are those that the system names at the time of the call.
 */
export async function naptrReplacements(name: string, resolver = new Resolver()): Promise<readonly string[]> {
  try {
    const records = await resolver.resolveNaptr(name);
    const ranked = records.sort((a, b) => a.order - b.order || a.preference - b.preference);
    return ranked.map(({ replacement }) => replacement).filter((replacement) => replacement !== '');
  } catch (error) {
    if (noRecord.has((error as NodeJS.ErrnoException).code)) return [];
    throw error;
  }
}
