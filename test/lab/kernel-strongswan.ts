/**
 * Our IKEv2 with its Child SAs in the kernel against strongSwan with its own in the kernel: charon in a namespace starts
 * the IKE SA, asks for an address and sends TCP through the tunnel, in UDP and as bare ESP. Prints one line per step;
 * exit status 0 only if all of them held.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  ID_TYPE,
  IkeEndpoint,
  type IkeEvent,
  type Output,
  parseEspProposal,
  parseIkeProposal,
  type Result,
} from '#ikev2';
import { KernelSide, type KernelSideConfig } from '../../n3iwf/io/kernel-side.ts';
import { monotonicMs, randomOctets } from '../../n3iwf/io/machine.ts';
import { UdpSocket } from '../../n3iwf/io/udp.ts';
import { WakeTimer } from '../../n3iwf/io/wake-timer.ts';
import { silentLog } from '../../n3iwf/log.ts';
import { hostSelector } from '../../n3iwf/nwu/selectors.ts';
import { requireAddress } from '../../n3iwf/userplane/address.ts';
import { inNamespace, ip, newNamespace, Processes, type Running, until } from './processes.ts';

const folder = mkdtempSync(join(tmpdir(), 'kernel-strongswan-'));
const processes = new Processes(folder);
const [own, inner, address] = ['10.45.0.1', '10.45.0.9', '192.0.2.1'];
const secret = 'sesame-sesame-sesame';
const port = 20_000;
const suites = { gcm: 'aes256gcm16', cbc: 'aes256-sha256' } as const;
type Name = keyof typeof suites;

const strongswanConf = `charon {
  load = openssl random nonce kdf hmac pkcs1 pem kernel-netlink socket-default vici
  filelog { l { path = ${folder}/log
    default = 1
    flush_line = yes } }
  plugins { vici { socket = unix://${folder}/vici } }
}
`;

/** The first in UDP, as behind a NAT, the second as bare ESP. */
const swanctlConf = `connections {
${Object.entries(suites)
  .map(
    ([name, esp]) => `  ${name} { version = 2
    local_addrs = 192.0.2.2
    remote_addrs = ${address}
    vips = 0.0.0.0
    encap = ${name === 'gcm' ? 'yes' : 'no'}
    proposals = aes256gcm16-prfsha256-x25519
    local { auth = psk
      id = ue.test }
    remote { auth = psk
      id = n3iwf.test }
    children { ${name}c { remote_ts = ${own}/32
      esp_proposals = ${esp} } } }`,
  )
  .join('\n')}
}
secrets { ike-1 { secret = "${secret}" } }
`;

function parsed<T>(result: Result<T, string>): T {
  if (result.ok) return result.value;
  throw new Error(result.error);
}

const ignore = () => {};
const silent = {
  packet: ignore,
  happened: ignore,
  limitReached: ignore,
  stateMissing: ignore,
  dropped: ignore,
};
const place: KernelSideConfig = {
  local: address,
  own: [own],
  pools: ['10.45.0.0/24'],
  nasPort: port,
  interfaceName: 'n3iwf0',
  interfaceKind: 'auto',
  markBase: 0x4e000000,
  window: 1024,
  limits: {},
  suites: [
    { encr: 'aes256-gcm16', integ: 'none' },
    { encr: 'aes256-cbc', integ: 'hmac-sha2-256-128' },
  ],
};

/** Our end: the engine as a responder, and its Child SAs in the kernel for one UE with one address. */
class OurEnd {
  readonly events: IkeEvent[] = [];
  private readonly sockets = new Map<number, UdpSocket>();
  private readonly engine: IkeEndpoint;
  private readonly timer: WakeTimer;
  readonly kernel: KernelSide;

  constructor() {
    const config = {
      ikePort: 500,
      natTraversalPort: 4500,
      proposals: [parsed(parseIkeProposal('aes256gcm16-prfsha256-x25519'))],
      childProposals: Object.values(suites).map((words) => parsed(parseEspProposal(words))),
      localId: { type: ID_TYPE.FQDN, data: new TextEncoder().encode('n3iwf.test') },
      ...({ responderAuth: 'psk', initiatorAuth: 'psk', ppk: 'off', exposeKeys: false } as const),
    };
    this.engine = new IkeEndpoint(config, {
      random: randomOctets,
      authorize: () => ({
        attributes: [{ type: 1, value: requireAddress(inner) }],
        trafficSelectorsInitiator: [hostSelector(requireAddress(inner))],
        trafficSelectorsResponder: [hostSelector(requireAddress(own))],
      }),
    });
    const { engine } = this;
    this.timer = new WakeTimer(
      { tick: () => this.carryOut(engine.tick(monotonicMs())), deadline: () => engine.deadline() },
      monotonicMs,
    );
    this.kernel = KernelSide.prepare(place, silent, silentLog);
    const nas = this.kernel.nwu.openNas({
      random: randomOctets,
      transmit: ignore,
      opened: ignore,
      received: (ueId, octets) => nas.send(0, ueId, octets), // an echo
      closed: ignore,
    });
    this.kernel.nwu.addUe(1, requireAddress(inner));
  }

  async open(): Promise<void> {
    for (const at of [500, 4500]) {
      const socket = await UdpSocket.open({ address, port: at }, (data, remote, local) => {
        this.carryOut(this.engine.receive(monotonicMs(), data, local, remote));
        this.timer.rearm();
      });
      this.sockets.set(at, socket);
    }
    await this.kernel.start({ address, port: 4500 });
  }

  async close(): Promise<void> {
    this.timer.stop();
    this.kernel.close();
    for (const socket of this.sockets.values()) await socket.close();
  }

  /** Events first: what the peer sends by a new Child SA must find its state. */
  private carryOut(outputs: readonly Output[]): void {
    for (const output of outputs) if (output.kind === 'event') this.onEvent(output.event);
    for (const output of outputs)
      if (output.kind === 'transmit') this.sockets.get(output.local.port)?.send(output.data, output.remote);
  }

  private onEvent(event: IkeEvent): void {
    this.events.push(event);
    const { nwu } = this.kernel;
    if (event.type === 'sharedSecretRequested')
      this.carryOut(
        this.engine.provideSharedSecret(monotonicMs(), event.ikeSaId, new TextEncoder().encode(secret)),
      );
    else if (event.type === 'childSaEstablished' && event.redundant !== true)
      nwu.open(1, requireAddress(inner), event.child, { kind: 'signalling' }, event.rekeyed);
    else if (event.type === 'childSaDeleted') nwu.close(event.childSaId);
  }
}

function charon(): Running {
  writeFileSync(join(folder, 'strongswan.conf'), strongswanConf);
  writeFileSync(join(folder, 'swanctl.conf'), swanctlConf);
  mkdirSync('/run', { recursive: true });
  return processes.start('charon', [
    ...inNamespace('ue'),
    ...['env', `STRONGSWAN_CONF=${join(folder, 'strongswan.conf')}`, '/usr/lib/ipsec/charon'],
  ]);
}

async function finish(what: string, running: Running, seconds: number): Promise<string> {
  await until(what, () => running.child.exitCode !== null, seconds, running);
  if (running.child.exitCode !== 0) throw new Error(`${what}: ${running.output()}`);
  return running.output();
}

function swanctl(...words: string[]): Promise<string> {
  const environment = [`STRONGSWAN_CONF=${join(folder, 'strongswan.conf')}`, `SWANCTL_DIR=${folder}`];
  const argv = ['env', ...environment, 'swanctl', ...words, '--uri', `unix://${join(folder, 'vici')}`];
  return finish(
    `swanctl ${words.join(' ')}`,
    processes.start('swanctl', [...inNamespace('ue'), ...argv]),
    30,
  );
}

async function transfer(what: string): Promise<void> {
  const program = fileURLToPath(new URL('tcp-hash.ts', import.meta.url));
  const argv = [process.execPath, program, own, String(port), '400000'];
  await finish(what, processes.start('tcp', [...inNamespace('ue'), ...argv]), 40);
}

/** Attach, transfer, rekey from charon's side, transfer, detach. */
async function connection(name: Name, end: OurEnd): Promise<void> {
  const states = () => ip('xfrm', 'state');
  await swanctl('--initiate', '--child', `${name}c`);
  const form = states().includes('espinudp') ? 'in UDP' : 'bare';
  await transfer(`TCP through ${name}`);
  const before = end.events.length;
  await swanctl('--rekey', '--child', `${name}c`);
  await until('a rekey', () => end.events.slice(before).some(({ type }) => type === 'childSaDeleted'), 20);
  await transfer(`TCP through ${name} with new keys`);
  await swanctl('--terminate', '--ike', name);
  await until('no states', () => states() === '', 10);
  console.log(`${suites[name]}, ESP ${form}: TCP with the same hash before and after a rekey: ok`);
}

async function run(): Promise<void> {
  newNamespace('ue', `${address}/24`, '192.0.2.2/24');
  const end = new OurEnd();
  await end.open();
  const daemon = charon();
  await until('charon', () => existsSync(join(folder, 'vici')), 30, daemon);
  await swanctl('--load-all', '--file', join(folder, 'swanctl.conf'));
  for (const name of ['gcm', 'cbc'] as const) await connection(name, end);
  await end.close();
  const left = ip('xfrm', 'state') + ip('xfrm', 'policy');
  if (left !== '' || ip('link').includes('n3iwf0')) throw new Error(`left: ${left}`);
  console.log('after the end nothing of ours is in the kernel: ok');
}

try {
  await run();
} catch (error) {
  console.log(`failed: ${error instanceof Error ? error.message : String(error)}`);
  if (existsSync(join(folder, 'log'))) console.log(readFileSync(join(folder, 'log'), 'utf8').slice(-3000));
  process.exitCode = 1;
} finally {
  processes.killAll();
  rmSync(folder, { recursive: true, force: true });
}
process.exit();
