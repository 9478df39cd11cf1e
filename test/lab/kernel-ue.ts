/**
 * A simulated UE whose ESP is its own kernel's, in the network namespace that it is started in. Its sessions are
 * interfaces `pdu1`, `pdu2` of that namespace. Events go to standard output, a line of JSON each; commands come by
 * standard input: `rekey`, `release N`, `move ADDRESS`, `detach`.
 *   kernel-ue.ts CONFIGURATION, a file of JSON
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { NwuSockets } from '../../n3iwf/cli/ue-sockets.ts';
import { monotonicMs, randomOctets } from '../../n3iwf/io/machine.ts';
import { leaveEspToKernel } from '../../n3iwf/io/udp-encap.ts';
import { WakeTimer } from '../../n3iwf/io/wake-timer.ts';
import { SimulatedUe, type UeConfig, type UeEvent, type UePorts } from '../peers/index.ts';
import type { InnerStack } from '../peers/ue/inner-stack.ts';
import { KernelStack } from './kernel-stack.ts';
import { Tun } from './tun.ts';

/** What the file holds. Octets are hexadecimal. */
interface File {
  readonly address: string;
  readonly n3iwf: string;
  readonly device: string;
  readonly sessions: number;
  readonly ue: Omit<UeConfig, 'k' | 'opc' | 'preSharedKey'> & {
    readonly k: string;
    readonly opc: string;
    readonly preSharedKey: string;
  };
}

const sessionMtu = '1300';
const {
  address,
  n3iwf,
  device,
  sessions,
  ue: config,
}: File = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8'));
const octets = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));
const tuns = new Map<number, Tun>();
const at = {
  local: { address, port: 500 },
  localNat: { address, port: 4500 },
  n3iwf: { address: n3iwf, port: 500 },
  n3iwfNat: { address: n3iwf, port: 4500 },
};

function ip(...words: string[]): void {
  execFileSync('ip', words, { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** The interface of a session; the second one and further ones have only the data network's own host route. */
function openSession({ pduSessionId, address: own, qfis }: Extract<UeEvent, { type: 'sessionUp' }>): void {
  const name = `pdu${pduSessionId}`;
  const qfi = qfis[0] ?? 1;
  tuns.set(
    pduSessionId,
    new Tun(name, (packet) => {
      if ((packet[0] ?? 0) >>> 4 === 4) act(() => ue.sessions.send(pduSessionId, qfi, packet));
    }),
  );
  ip('addr', 'add', `${own}/32`, 'dev', name);
  ip('link', 'set', name, 'mtu', sessionMtu, 'up');
  ip('route', 'add', `198.51.100.${pduSessionId}`, 'dev', name, 'src', own);
}

function onEvent(event: UeEvent): void {
  if (event.type === 'registered') for (let id = 1; id <= sessions; id++) ue.sessions.request(id);
  if (event.type === 'sessionUp') openSession(event);
  if (event.type === 'sessionDown') tuns.get(event.pduSessionId)?.close();
  process.stdout.write(`${JSON.stringify(event)}\n`);
  if (event.type === 'closed' || event.type === 'failed')
    setTimeout(() => process.exit(event.type === 'closed' ? 0 : 1), 100);
}

const sockets = new NwuSockets((data, remote, local) => act(() => ue.receive(data, local, remote)));
await sockets.bind(at.local, at.localNat);
const reason = leaveEspToKernel(at.localNat);
if (reason !== undefined) throw new Error(reason);
const ports: UePorts = {
  now: monotonicMs,
  random: randomOctets,
  send: (datagram, local, remote) => sockets.send(datagram, local, remote),
  event: onEvent,
  obtainQkdKey: () => Promise.reject(new Error('no keys here')),
  packetReceived: (pduSessionId, _qfi, packet) => tuns.get(pduSessionId)?.write(packet),
  makeStack: (events): InnerStack => new KernelStack(ports, events, device),
};
const secrets = { k: octets(config.k), opc: octets(config.opc), preSharedKey: octets(config.preSharedKey) };
const ue = new SimulatedUe({ ...config, ...secrets }, at, ports);
const timer = new WakeTimer(ue, monotonicMs);

function act(action: () => void): void {
  action();
  timer.rearm();
}

/** Goes on from another address of this namespace. */
async function move(to: string): Promise<void> {
  await sockets.moveTo(to);
  const fault = leaveEspToKernel({ ...at.localNat, address: to });
  if (fault !== undefined) throw new Error(fault);
  act(() => ue.move(to));
}

const commands: Readonly<Record<string, (word: string) => void>> = {
  rekey: () => ue.rekeyAll(),
  release: (id) => ue.sessions.release(Number(id)),
  move: (to) => void move(to),
  detach: () => ue.nas.deregister(),
};
createInterface({ input: process.stdin }).on('line', (line) => {
  const [word = '', argument = ''] = line.split(' ');
  act(() => commands[word]?.(argument));
});
await ue.start();
timer.rearm();
