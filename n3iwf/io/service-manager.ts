/** What a service is to tell systemd by sd_notify(3): datagrams of `NAME=value` lines to the socket in NOTIFY_SOCKET. */
import { endianness } from 'node:os';
import { libc } from './libc.ts';
import { monotonicMs } from './machine.ts';

/** The manager that started this process, or nobody. */
export interface ServiceManager {
  /** The node serves. */
  ready(status: string): void;
  /** A line for `systemctl status`. */
  status(text: string): void;
  /** The configuration is read anew; {@link ServiceManager.ready} ends that. */
  reloading(): void;
  /** The end has begun. */
  stopping(status: string): void;
  /** Ends the signs of life. */
  close(): void;
}

const unixFamily = 1;
/** SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK: a manager that is slow must not stop the node. */
const datagramSocket = 2 | 0o2004000;
const noSignal = 0x4000;

/** `struct sockaddr_un`; a name that begins with `@` is of the abstract namespace. */
export function unixAddress(path: string): Uint8Array<ArrayBuffer> {
  const name = new TextEncoder().encode(path);
  const isAbstract = path.startsWith('@');
  const address = new Uint8Array(2 + name.length + (isAbstract ? 0 : 1));
  new DataView(address.buffer).setUint16(0, unixFamily, endianness() === 'LE');
  address.set(name, 2);
  if (isAbstract) address[2] = 0;
  return address;
}

/** Sends one datagram. @returns false when it could not be sent */
function sendTo(fd: number, address: Uint8Array, text: string): boolean {
  const octets = new TextEncoder().encode(text);
  return libc().sendto(fd, octets, octets.length, noSignal, address, address.length) === octets.length;
}

/** Half of the time after which the manager takes silence for a stall, in ms; undefined when it does not watch us. */
export function watchdogMs(environment: Readonly<Record<string, string | undefined>>): number | undefined {
  const { WATCHDOG_USEC, WATCHDOG_PID } = environment;
  const micros = Number(WATCHDOG_USEC);
  if (WATCHDOG_USEC === undefined || !(micros > 0)) return undefined;
  if (WATCHDOG_PID !== undefined && Number(WATCHDOG_PID) !== process.pid) return undefined;
  return Math.max(1, Math.floor(micros / 2000));
}

const nobody: ServiceManager = {
  ready: () => {},
  status: () => {},
  reloading: () => {},
  stopping: () => {},
  close: () => {},
};

/**
 * The manager by the environment; one that hears nothing where there is none. Signs of life come from the event loop: a
 * node that stalls stops sending them.
 */
export function serviceManager(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): ServiceManager {
  const path = environment.NOTIFY_SOCKET;
  if (path === undefined || path === '') return nobody;
  const fd = libc().socket(unixFamily, datagramSocket, 0);
  if (fd < 0) return nobody;
  const address = unixAddress(path);
  const tell = (...lines: readonly string[]) => void sendTo(fd, address, lines.join('\n'));
  const oneLine = (text: string) => `STATUS=${text.replaceAll('\n', ' ')}`;
  const everyMs = watchdogMs(environment);
  const signs = everyMs === undefined ? undefined : setInterval(() => tell('WATCHDOG=1'), everyMs);
  return {
    ready: (status) => tell('READY=1', oneLine(status)),
    status: (text) => tell(oneLine(text)),
    reloading: () => tell('RELOADING=1', `MONOTONIC_USEC=${Math.floor(monotonicMs() * 1000)}`),
    stopping: (status) => tell('STOPPING=1', oneLine(status)),
    close: () => {
      clearInterval(signs);
      libc().close(fd);
    },
  };
}
