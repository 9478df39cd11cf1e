/** Checks of what the configuration names on this machine beside sockets: files, folders, addresses, networks. */
import { dirname } from 'node:path';
import type { Config } from '../config.ts';
import { parseAddress } from '../userplane/address.ts';
import { type Finding, failure, good, warning } from './finding.ts';
import type { FolderState, Machine, Network, Plan } from './machine.ts';

/** Files that are read at the start, but for certificates and their keys, which have a check of their own. */
function namedFiles({ ike, qkd, admin }: Config): { readonly key: string; readonly path: string }[] {
  const { skip, keyFiles, keyEncryptionKey, audit } = qkd ?? {};
  const kek =
    keyEncryptionKey !== undefined && 'file' in keyEncryptionKey ? keyEncryptionKey.file : undefined;
  const named: readonly (readonly [string, string | undefined])[] = [
    ['ike.preSharedKeyFile', ike.preSharedKeyFile],
    ['qkd.skip.preSharedKeyFile', skip?.preSharedKeyFile],
    ['qkd.keyFiles.transportKeyFile', keyFiles?.transportKeyFile],
    ...(keyFiles?.files ?? []).map((path) => ['qkd.keyFiles.files', path] as const),
    ['qkd.keyEncryptionKey.file', kek],
    ['qkd.audit.signingKey', audit?.signingKey],
    ['admin.tokenFile', admin?.tokenFile],
  ];
  return named.flatMap(([key, path]) => (path === undefined ? [] : [{ key, path }]));
}

/** Folders that are written to, but for that of the key store, which has a check of its own. */
function writtenFolders({ qkd, control }: Config): { readonly key: string; readonly path: string }[] {
  const checkpoints = qkd?.audit?.checkpoints;
  return [
    ...(control === undefined ? [] : [{ key: 'control.path', path: dirname(control.path) }]),
    ...(checkpoints === undefined ? [] : [{ key: 'qkd.audit.checkpoints', path: checkpoints }]),
  ];
}

/** What a folder that cannot be written to means for the key that names it. */
const folderFindings: Readonly<Record<FolderState, (key: string, path: string) => Finding[]>> = {
  writable: () => [],
  missing: (key, path) => [
    warning(`${key}: there is no folder "${path}"`, 'make it, or start by the systemd unit, which does'),
  ],
  denied: (key, path) => [
    failure(`${key}: this process may not write to "${path}"`, 'give it to the user of the node'),
  ],
};

/** Every file is there for this process, and every folder takes files of it. */
export function checkFiles(config: Config, machine: Machine): Finding[] {
  const unread = namedFiles(config).flatMap(({ key, path }) => {
    const file = machine.readFile(path);
    return file.ok
      ? []
      : [failure(`${key}: "${path}" cannot be read: ${file.reason}`, 'name a readable file')];
  });
  const unwritten = writtenFolders(config).flatMap(({ key, path }) =>
    folderFindings[machine.folder(path)](key, path),
  );
  const wrong = [...unread, ...unwritten];
  return wrong.length === 0 ? [good('those that are named can be read and written')] : wrong;
}

/** Bits of an IPv4 address as a number. */
function numberOf(address: Uint8Array): number {
  return address.reduce((sum, octet) => sum * 256 + octet, 0);
}

/** First and last address of an IPv4 prefix or range as numbers; undefined for what is none. */
export function boundsOf(pool: string): readonly [first: number, last: number] | undefined {
  const [from = '', to] = pool.split(/[-/]/).map((part) => part.trim());
  const first = parseAddress(from);
  if (first?.length !== 4 || to === undefined) return undefined;
  if (pool.includes('-')) {
    const last = parseAddress(to);
    return last?.length === 4 ? [numberOf(first), numberOf(last)] : undefined;
  }
  const size = 2 ** (32 - Number(to));
  const base = Math.floor(numberOf(first) / size) * size;
  return [base, base + size - 1];
}

/** Addresses of an IPv4 pool for UEs: without those of the network itself and of its broadcast, and without ours. */
function roomOf(pool: string, own: string): number {
  const [first, last] = boundsOf(pool) ?? [0, -1];
  const at = numberOf(parseAddress(own) ?? new Uint8Array(4));
  const unused = pool.includes('/') ? 2 : 0;
  return last - first + 1 - unused - (at >= first && at <= last ? 1 : 0);
}

/** An interface of the host with a network in which addresses of UEs are, too. */
function overlapping({ inner, userPlane }: Config, networks: readonly Network[]): Network | undefined {
  const pool = boundsOf(inner.pool);
  return networks.find(({ name, address, prefixLength }) => {
    const network = boundsOf(`${address}/${prefixLength}`);
    if (name === userPlane.interface || pool === undefined || network === undefined) return false;
    return network[0] <= pool[1] && pool[0] <= network[1];
  });
}

/** Addresses of `n2.localAddresses` that no interface has: a socket that is bound there tells, as for all of 127.0.0.0/8. */
async function foreignAddresses({ n2 }: Config, machine: Machine): Promise<Finding[]> {
  const outcomes = await Promise.all(n2.localAddresses.map((address) => machine.tryBind(address, 0)));
  return n2.localAddresses
    .filter((_, at) => outcomes[at]?.kind === 'noAddress')
    .map((address) =>
      failure(
        `n2.localAddresses: ${address} is on no interface of this machine`,
        'name an address of this machine',
      ),
    );
}

/** The node's own addresses are this machine's, and those of UEs are nobody else's where the kernel routes them. */
export async function checkAddresses(config: Config, machine: Machine, plan: Plan): Promise<Finding[]> {
  const { inner, userPlane } = config;
  const wrong = await foreignAddresses(config, machine);
  const network = userPlane.plane === 'kernel' ? overlapping(config, machine.networks()) : undefined;
  if (network !== undefined)
    wrong.push(
      failure(
        `inner.pool: ${inner.pool} overlaps ${network.address}/${network.prefixLength} of ${network.name}, whose packets would go to UEs`,
        'take a prefix that no interface and no route of this machine has',
      ),
    );
  const room = roomOf(inner.pool, inner.address);
  if (plan.ues !== undefined && room < plan.ues)
    wrong.push(
      failure(`inner.pool: ${inner.pool} has ${room} addresses for ${plan.ues} UEs`, 'take a shorter prefix'),
    );
  return wrong.length === 0 ? [good('those of this machine are, and UEs have some of their own')] : wrong;
}
