import { randomUUID } from 'node:crypto';
import type { IkeEvent } from '#ikev2';
import type { SimulatedCore } from '#peers';
import type { KeyingState, LinkSimulator } from '#qkd';
import { EspSocket } from '../io/esp-socket.ts';
import { LabCapture } from '../io/lab-capture.ts';
import { monotonicMs, randomOctets } from '../io/machine.ts';
import { MemoryAssociation } from '../io/sctp-memory.ts';
import { TestAuthority } from '../io/test-authority.ts';
import { UdpSocket } from '../io/udp.ts';
import { WakeTimer } from '../io/wake-timer.ts';
import type { KeyingSettings } from '../keying-watch.ts';
import type { Log } from '../log.ts';
import { certificateVerifier } from '../nwu/certificate-trust.ts';
import { GatewayShell } from '../shell.ts';
import { lookAtKme } from './key-sources.ts';
import {
  address,
  coreConfig,
  gtpuPort,
  ikePort,
  labKeying,
  natTraversalPort,
  shellConfig,
  ueAddress,
  ueConfig,
} from './lab-config.ts';
import { type LabConsole, type LabConsoleParts, openLabConsole } from './lab-console.ts';
import { LabNat } from './lab-nat.ts';
import type { LabOptions, LabSupply } from './lab-options.ts';
import { LabQuantum, ueSae } from './lab-quantum.ts';
import { LabUeRunner } from './lab-ue.ts';
import { countingObservers, IkeEventCounts } from './node-admin.ts';
import { NodeControl } from './node-control.ts';
import { keyedNode, watchKeys } from './node-keys.ts';
import { SupplySeenLast } from './node-views.ts';

/** The simulated peers, which are loaded by the lab alone. */
type Peers = typeof import('#peers');

/** Last messages of a deregistration are still under way when a UE has seen its own. */
const settleLimitMs = 3000;

/** Everything that runs in a lab. */
interface Parts {
  readonly quantum: LabQuantum;
  readonly peers: Peers;
  readonly authority: TestAuthority;
  readonly shell: GatewayShell;
  readonly core: SimulatedCore;
  readonly nat: LabNat | undefined;
  readonly console: LabConsole | undefined;
  readonly listeners: Listeners;
}

/** Who looks on: at each look of the node at its supply of keys, and at each event of its IKE engine. */
interface Listeners {
  looked: (state: KeyingState) => void;
  observe: (event: IkeEvent) => void;
}

/** What must be closed, in the order of opening; closed from the end. */
class Closers {
  private readonly actions: (() => unknown)[] = [];

  /** Ends last what was opened first. */
  add(action: () => unknown): void {
    this.actions.push(action);
  }

  async close(): Promise<void> {
    for (const action of this.actions.splice(0).reverse()) await action();
  }
}

/** The lab's network: key managers, core and N3IWF, connected, with room for UEs. */
export class LabNetwork {
  private readonly options: LabOptions;
  private readonly parts: Parts;
  private readonly closers: Closers;

  private constructor(options: LabOptions, parts: Parts, closers: Closers) {
    this.options = options;
    this.parts = parts;
    this.closers = closers;
  }

  /** Starts everything but the UEs. @throws OperatorError when a part cannot start; then nothing stays open */
  static async start(options: LabOptions, log: Log, told: (text: string) => void): Promise<LabNetwork> {
    const closers = new Closers();
    try {
      return new LabNetwork(options, await open(options, log, told, closers), closers);
    } catch (error) {
      await closers.close();
      throw error;
    }
  }

  /** Keys that the N3IWF's store was given, used and lost. */
  keyCounts(): Promise<{ delivered: number; used: number; burnt: number }> {
    return this.parts.quantum.counts();
  }

  /** The console, where the options asked for one. */
  get console(): LabConsole | undefined {
    return this.parts.console;
  }

  /** Where faults of the quantum link can be set; undefined without a console. */
  get faultPlace(): string | undefined {
    return this.parts.quantum.faultPlace;
  }

  /** What the quantum link gives; a schedule throttles it. */
  get link(): LinkSimulator {
    return this.parts.quantum.link;
  }

  /** What the node's policy controller goes by. */
  get keying(): KeyingSettings {
    return labKeying(this.options);
  }

  /** From now on these see each look of the node at its supply, and each event of its IKE engine. */
  watch(looked: Listeners['looked'], observe: Listeners['observe']): void {
    Object.assign(this.parts.listeners, { looked, observe });
  }

  /** Where keys come from, as it stands now. */
  supply(): LabSupply {
    const { quantum, shell } = this.parts;
    quantum.link.advance(monotonicMs());
    const { rateBitsPerSecond, qber, availableBits } = quantum.link.state();
    const { mode, reason } = shell.gateway.keying.state ?? {};
    return {
      seed: quantum.seed,
      linkBitsPerSecond: Math.round(rateBitsPerSecond),
      qber: Number(qber.toFixed(4)),
      storedKeys: Math.floor(availableBits / 256),
      ...(mode === undefined ? {} : { mode }),
      ...(reason === undefined ? {} : { reason }),
    };
  }

  /** A UE with sockets of its own; it does nothing yet. */
  async openUe(index: number): Promise<LabUeRunner> {
    const { peers, quantum, authority } = this.parts;
    const { fault } = this.options;
    const config = ueConfig(index, this.options);
    const own = ueAddress(index);
    const gateway = this.options.nat === true ? address.natInside : address.n3iwf;
    const at = {
      local: { address: own, port: ikePort },
      localNat: { address: own, port: natTraversalPort },
      n3iwf: { address: gateway, port: ikePort },
      n3iwfNat: { address: gateway, port: natTraversalPort },
    };
    let runner: LabUeRunner | undefined;
    const esp =
      this.options.bareEsp === true
        ? EspSocket.open(
            own,
            (packet) => runner?.act((ue) => ue.receiveEsp(packet)),
            () => {},
          )
        : undefined;
    this.closers.add(() => esp?.close());
    runner = await LabUeRunner.open(peers.SimulatedUe, config, at, {
      ...(esp === undefined
        ? {}
        : { sendEsp: (packet, _local, { address }) => esp.send(packet, address, 0) }),
      obtainQkdKey: () => (fault === 'unknown-key' ? unheardOfKey() : quantum.draw()),
      fetchQkdKey: (keyId) => quantum.find(keyId),
      verifyCertificate: certificateVerifier([authority.pem], Date.now),
    });
    const opened = runner;
    this.closers.add(() => opened.close());
    return opened;
  }

  /** Where there is a NAT: the N3IWF sees all UEs come from other ports from now on. */
  async remapNat(told: (text: string) => void): Promise<void> {
    const { nat } = this.parts;
    if (nat === undefined) return;
    await nat.remap();
    told('the NAT has mapped the UEs anew');
  }

  /** Waits until nothing of the UEs is left; says what still is after that. */
  async settle(): Promise<string[]> {
    const limit = monotonicMs() + settleLimitMs;
    while (this.leaks().length > 0 && monotonicMs() < limit)
      await new Promise((resolve) => setTimeout(resolve, 20));
    return this.leaks();
  }

  /** What should be gone after every UE has left, and is not. */
  private leaks(): string[] {
    const { gateway } = this.parts.shell;
    const counts: [string, number][] = [
      ['UE contexts at the N3IWF', gateway.ues.size],
      ['inner addresses in use', gateway.innerAddresses.used],
      ['tunnel ids in use', gateway.teids.used],
      ['UEs at the AMF', this.parts.core.amf.knownUes],
      ['PDUs that the AMF could not decode', this.parts.core.undecodable],
    ];
    return counts.filter(([, count]) => count > 0).map(([what, count]) => `left over: ${count} ${what}`);
  }

  close(): Promise<void> {
    return this.closers.close();
  }
}

async function open(
  options: LabOptions,
  log: Log,
  told: (text: string) => void,
  closers: Closers,
): Promise<Parts> {
  const peers = await import('#peers');
  const authority = await TestAuthority.create('qn3iwf lab');
  const { seed, poolKeys } = options;
  const faults = options.console !== undefined;
  const quantum = await LabQuantum.start(authority, { faults, seed, poolKeys });
  closers.add(() => quantum.close());
  told('two KMEs share keys over a simulated quantum link (ETSI GS QKD 014, mutual TLS)');
  if (seed !== undefined) told('warning: the seed is set, so that the link gives the same keys as before');
  const capture = new LabCapture(options);
  closers.add(() => capture.close());
  const ikeEvents = new IkeEventCounts();
  const listeners: Listeners = { looked: () => {}, observe: () => {} };
  const captured = capture.observers();
  const observe = (event: IkeEvent) => {
    captured.observe(event);
    listeners.observe(event);
  };
  const shell = await GatewayShell.open(
    await shellConfig(options, authority),
    quantum.n3iwf,
    log,
    countingObservers({ ...captured, observe }, ikeEvents),
    capture,
  );
  closers.add(() => shell.close());
  const [n3iwfEnd, amfEnd] = MemoryAssociation.pair();
  const core = await openCore(peers, options, amfEnd, closers);
  if (options.fault === 'kme-down') await quantum.stopKmes();
  await shell.connectN2(() => Promise.resolve(n3iwfEnd));
  told(`N3IWF is up on ${address.n3iwf} and the AMF accepted it (NG Setup)`);
  const nat = options.nat === true ? await openNat(closers) : undefined;
  const control = await NodeControl.open({ path: quantum.controlSocket });
  closers.add(() => control.close());
  const supply = new SupplySeenLast(shell.gateway);
  closers.add(await startKeyWatch({ quantum, shell, supply, control, listeners, log }));
  const parts = { shell, quantum, supply, control, ikeEvents, log };
  const console = await openConsole(options, parts, told, closers);
  return { quantum, peers, authority, shell, core, nat, console, listeners };
}

/** The same watch on keys as in a node that runs alone: it feeds the policy controller once a second. */
async function startKeyWatch(
  parts: Pick<LabConsoleParts, 'quantum' | 'shell' | 'supply' | 'control' | 'log'> & {
    readonly listeners: Listeners;
  },
): Promise<() => void> {
  const { quantum, shell, supply, control, listeners, log } = parts;
  const client = await quantum.client();
  return watchKeys({
    peer: ueSae,
    store: quantum.n3iwf,
    source: { look: () => lookAtKme(client, ueSae) },
    node: keyedNode(shell),
    looked: (seen) => {
      supply.note(seen);
      const { state } = shell.gateway.keying;
      if (state !== undefined) listeners.looked(state);
    },
    control,
    log,
  });
}

/** Where the options ask for one. */
async function openConsole(
  { console: port, policy }: LabOptions,
  parts: Omit<LabConsoleParts, 'port' | 'policy' | 'drain'>,
  told: (text: string) => void,
  closers: Closers,
): Promise<LabConsole | undefined> {
  if (port === undefined) return undefined;
  const drain = () => void process.kill(process.pid, 'SIGTERM');
  const opened = await openLabConsole({ ...parts, port, policy, drain });
  closers.add(() => opened.close());
  told(`console at ${opened.url}, token ${opened.token}`);
  told(`faults of the link: curl -d '{"kind":"intrusion"}' ${parts.quantum.faultPlace}/links/all/fault`);
  return opened;
}

/** A NAT between the UEs and the node. */
async function openNat(closers: Closers): Promise<LabNat> {
  const { natInside, natOutside, n3iwf } = address;
  const nat = await LabNat.open(natInside, natOutside, n3iwf, [ikePort, natTraversalPort]);
  closers.add(() => nat.close());
  return nat;
}

/** The simulated core, at the other end of N2 and on a socket of its own for N3. */
async function openCore(
  peers: Peers,
  options: LabOptions,
  n2: MemoryAssociation,
  closers: Closers,
): Promise<SimulatedCore> {
  const socket: { upf?: UdpSocket } = {};
  const core = new peers.SimulatedCore(coreConfig(options), address.upf, {
    random: randomOctets,
    sendN2: (stream, data) => n2.send(stream, data),
    sendGtpu: (datagram, remote) => socket.upf?.send(datagram, remote),
    event: () => {},
    now: monotonicMs,
  });
  const timer = new WakeTimer(core, monotonicMs);
  closers.add(() => timer.stop());
  socket.upf = await UdpSocket.open({ address: address.upf, port: gtpuPort }, (data, remote) => {
    core.receiveGtpu(data, remote);
    timer.rearm();
  });
  closers.add(() => socket.upf?.close());
  n2.onMessage((data) => {
    core.receiveN2(data);
    timer.rearm();
  });
  return core;
}

/** A key ID that no KME has given out. */
function unheardOfKey(): Promise<{ keyId: string; secret: Uint8Array }> {
  return Promise.resolve({ keyId: randomUUID(), secret: randomOctets(32) });
}
