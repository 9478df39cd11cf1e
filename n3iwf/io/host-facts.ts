/** What the kernel says of this machine: who holds a UDP port, capabilities, interfaces, whether it has SCTP. */
import { createSocket } from 'node:dgram';
import { accessSync, constants, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { networkInterfaces } from 'node:os';
import type {
  BindOutcome,
  FolderState,
  InterfaceFacts,
  Network,
  PortHolder,
  Told,
} from '../doctor/machine.ts';
import { libc } from './libc.ts';
import { AF_INET } from './sctp-constants.ts';
import { openSctpSocket } from './sctp-socket.ts';

/** Where the kernel's files are; tests give folders of their own. */
export interface KernelFiles {
  readonly proc: string;
  readonly sys: string;
}

const kernelFiles: KernelFiles = { proc: '/proc', sys: '/sys' };

const outcomes: ReadonlyMap<string, 'taken' | 'denied' | 'noAddress'> = new Map([
  ['EADDRINUSE', 'taken'],
  ['EACCES', 'denied'],
  ['EPERM', 'denied'],
  ['EADDRNOTAVAIL', 'noAddress'],
]);

/** Binds a UDP port and gives it back. Never rejects. */
export function tryBindUdp(address: string, port: number): Promise<BindOutcome> {
  const socket = createSocket({ type: isIPv6(address) ? 'udp6' : 'udp4' });
  return new Promise((resolve) => {
    socket.once('error', (error: NodeJS.ErrnoException) => {
      socket.close();
      const kind = outcomes.get(error.code ?? '');
      if (kind === undefined) resolve({ kind: 'other', reason: error.message });
      else resolve(kind === 'taken' ? { kind, holder: holderOfUdp(port) } : { kind });
    });
    socket.bind({ address, port, exclusive: true }, () => socket.close(() => resolve({ kind: 'free' })));
  });
}

/** The process that holds a UDP port of any address; undefined where the system does not tell, as of other users' processes. */
export function holderOfUdp(port: number, { proc }: KernelFiles = kernelFiles): PortHolder | undefined {
  const inodes = new Set(
    ['udp', 'udp6'].flatMap((table) => udpInodes(textOf(`${proc}/net/${table}`) ?? '', port)),
  );
  if (inodes.size === 0) return undefined;
  for (const pid of listOf(proc).filter((name) => /^\d+$/.test(name))) {
    const holds = listOf(`${proc}/${pid}/fd`).some((fd) => {
      const target = linkOf(`${proc}/${pid}/fd/${fd}`);
      return inodes.has(/^socket:\[(\d+)\]$/.exec(target ?? '')?.[1] ?? '');
    });
    if (holds) return { pid: Number(pid), command: commandOf(proc, pid) };
  }
  return undefined;
}

/** Inodes of the sockets on a port in a table of the form of /proc/net/udp. */
export function udpInodes(table: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return table
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((cells) => cells[1]?.endsWith(suffix) === true)
    .flatMap((cells) => (cells[9] === undefined || cells[9] === '0' ? [] : [cells[9]]));
}

/** The command line of a process, cut to a length that a message can have. */
function commandOf(proc: string, pid: string): string {
  const line = (textOf(`${proc}/${pid}/cmdline`) ?? '').replaceAll('\0', ' ').trim();
  const shown = line === '' ? (textOf(`${proc}/${pid}/comm`) ?? '?').trim() : line;
  return shown.length > 120 ? `${shown.slice(0, 117)}...` : shown;
}

/** First IPv4 address that an interface has at present; undefined while it has none. */
export function ipv4Of(name: string): string | undefined {
  return networkInterfaces()[name]?.find(({ family }) => family === 'IPv4')?.address;
}

/** CapEff of this process; undefined where there is no such line. */
export function effectiveCapabilities({ proc }: KernelFiles = kernelFiles): bigint | undefined {
  const found = /^CapEff:\s*([0-9a-f]+)$/m.exec(textOf(`${proc}/self/status`) ?? '')?.[1];
  return found === undefined ? undefined : BigInt(`0x${found}`);
}

/** Lowest port that needs no capability; 1024 where the system does not tell. */
export function lowestUnprivilegedPort({ proc }: KernelFiles = kernelFiles): number {
  const value = Number.parseInt(textOf(`${proc}/sys/net/ipv4/ip_unprivileged_port_start`) ?? '', 10);
  return Number.isInteger(value) ? value : 1024;
}

/** The interface that has an address. */
export function interfaceOf(address: string, { sys }: KernelFiles = kernelFiles): InterfaceFacts | undefined {
  for (const [name, entries = []] of Object.entries(networkInterfaces())) {
    if (!entries.some((entry) => entry.address === address)) continue;
    const mtu = Number.parseInt(textOf(`${sys}/class/net/${name}/mtu`) ?? '', 10);
    return { name, mtu: Number.isInteger(mtu) ? mtu : undefined };
  }
  return undefined;
}

/** IPv4 networks of every interface. */
export function ipv4Networks(): Network[] {
  return Object.entries(networkInterfaces()).flatMap(([name, entries = []]) =>
    entries
      .filter(({ family }) => family === 'IPv4')
      .map(({ address, cidr }) => ({ name, address, prefixLength: Number(cidr?.split('/')[1] ?? 32) })),
  );
}

/** Whether this process may make files in a folder. */
export function folderState(path: string): FolderState {
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
    return 'writable';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'missing' : 'denied';
  }
}

/** What `adjtimex` gives when nothing keeps the clock right, TIME_ERROR of sys/timex.h. */
const timeError = 5;
/** More than `struct timex` has, of which nothing but zeros is needed: nothing is to be changed. */
const timexOctets = 256;

/** Whether the kernel says that its clock is kept; undefined where it cannot be asked. */
export function clockKept(
  ask: (timex: Uint8Array) => number = (timex) => libc().adjtimex(timex),
): boolean | undefined {
  try {
    const state = ask(new Uint8Array(timexOctets));
    return state < 0 ? undefined : state !== timeError;
  } catch {
    return undefined;
  }
}

/** Opens one SCTP socket and closes it. */
export function haveSctp(): Told<undefined> {
  try {
    libc().close(openSctpSocket({ local: [], localPort: 0 }, AF_INET));
    return { ok: true, value: undefined };
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
}

/** Reads a file whole. */
export function readWhole(path: string): Told<Uint8Array> {
  try {
    return { ok: true, value: new Uint8Array(readFileSync(path)) };
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
}

/** A file of /proc as text; undefined where it cannot be read. */
function textOf(path: string): string | undefined {
  const read = readWhole(path);
  return read.ok ? new TextDecoder().decode(read.value) : undefined;
}

/** Names in a folder; none where it cannot be read, as when its process has just ended. */
function listOf(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** Where a symbolic link leads; undefined where that cannot be read. */
function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
