import { createHash, randomUUID } from 'node:crypto';
import { ID_TYPE, parseEspProposal, parseIkeProposal, type ResponderAuth, type Result } from '#ikev2';
import type { CoreConfig, Refusal, SimulatedCore, Subscriber, UeConfig } from '#peers';
import { EspSocket } from '../io/esp-socket.ts';
import { LabCapture } from '../io/lab-capture.ts';
import { monotonicMs, randomOctets } from '../io/machine.ts';
import { MemoryAssociation } from '../io/sctp-memory.ts';
import { TestAuthority } from '../io/test-authority.ts';
import { UdpSocket } from '../io/udp.ts';
import { WakeTimer } from '../io/wake-timer.ts';
import { keyingSettingsOf } from '../keying-settings.ts';
import type { Log } from '../log.ts';
import { certificateVerifier } from '../nwu/certificate-trust.ts';
import { applyChildKeyPolicy, applyKeyPolicy } from '../nwu/key-policy.ts';
import { GatewayShell, type ShellConfig } from '../shell.ts';
import { type LabConsole, type LabConsoleParts, openLabConsole } from './lab-console.ts';
import { LabNat } from './lab-nat.ts';
import type { LabFault, LabOptions } from './lab-options.ts';
import { LabQuantum, ueSae } from './lab-quantum.ts';
import { LabUeRunner } from './lab-ue.ts';
import { countingObservers, IkeEventCounts } from './node-admin.ts';

type Peers = typeof import('#peers');

/** Each run has loopback addresses of its own, so that several can run side by side on the standard ports. */
function hostAddress(host: number): string {
  return `127.${1 + (process.pid % 250)}.${host >>> 8}.${host & 0xff}`;
}
const address = {
  n3iwf: hostAddress(1),
  upf: hostAddress(2),
  natInside: hostAddress(3),
  natOutside: hostAddress(4),
};
const firstUeHost = 16;
const gtpuPort = 2152;
/** Last messages of a deregistration are still under way when a UE has seen its own. */
const settleLimitMs = 3000;
const natTraversalPort = 4500;
/** IKE's own port where this process may bind it. */
const ikePort = process.getuid?.() === 0 ? 500 : 10500;
const n3iwfName = 'n3iwf.5gc.mnc093.mcc208.pub.3gppnetwork.org';
const plmn = { mcc: '208', mnc: '93' };
const slice = { sst: 1, sd: '010203' };
const ikeProposals = ['aes256gcm16-prfsha256-x25519-ke1_mlkem768'];
const espProposals = ['aes256gcm16'];
const labPreSharedKey = new TextEncoder().encode('lab only: every UE shares this');

interface Parts {
  readonly quantum: LabQuantum;
  readonly peers: Peers;
  readonly authority: TestAuthority;
  readonly shell: GatewayShell;
  readonly core: SimulatedCore;
  readonly nat: LabNat | undefined;
  readonly console: LabConsole | undefined;
}

/** What must be closed, in the order of opening; closed from the end. */
class Closers {
  private readonly actions: (() => unknown)[] = [];

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

  async openUe(index: number): Promise<LabUeRunner> {
    const { peers, quantum, authority } = this.parts;
    const subscriber = subscriberOf(index);
    const { auth, ppk, sameSpi, fault } = this.options;
    const config: UeConfig = {
      imsi: subscriber.imsi,
      k: subscriber.k,
      opc: subscriber.opc,
      imeisv: `35609204079301${String(index % 100).padStart(2, '0')}`,
      plmn,
      slice,
      dnn: 'internet',
      auth,
      ppk,
      n3iwfName,
      preSharedKey: labPreSharedKey,
      ikeProposals,
      espProposals,
      wrongResStar: fault === 'wrong-res',
      ...(sameSpi === true ? { spi: Uint8Array.of(0, 0, 0, 0, 0, 6, 0xf7, 8) } : {}),
    };
    const own = hostAddress(firstUeHost + index);
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
  const quantum = await LabQuantum.start(authority, options.console !== undefined);
  closers.add(() => quantum.close());
  told('two KMEs share keys over a simulated quantum link (ETSI GS QKD 014, mutual TLS)');
  const capture = new LabCapture(options);
  closers.add(() => capture.close());
  const ikeEvents = new IkeEventCounts();
  const shell = await GatewayShell.open(
    await shellConfig(options, authority),
    quantum.n3iwf,
    log,
    countingObservers(capture.observers(), ikeEvents),
    capture,
  );
  closers.add(() => shell.close());
  const [n3iwfEnd, amfEnd] = MemoryAssociation.pair();
  const core = await openCore(peers, options, amfEnd, closers);
  if (options.fault === 'kme-down') await quantum.stopKmes();
  await shell.connectN2(() => Promise.resolve(n3iwfEnd));
  told(`N3IWF is up on ${address.n3iwf} and the AMF accepted it (NG Setup)`);
  const nat = options.nat === true ? await openNat(closers) : undefined;
  const console = await openConsole(options, { shell, quantum, ikeEvents, log }, told, closers);
  return { quantum, peers, authority, shell, core, nat, console };
}

/** Where the options ask for one. */
async function openConsole(
  { console: port, policy }: LabOptions,
  parts: Pick<LabConsoleParts, 'shell' | 'quantum' | 'ikeEvents' | 'log'>,
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

async function openNat(closers: Closers): Promise<LabNat> {
  const { natInside, natOutside, n3iwf } = address;
  const nat = await LabNat.open(natInside, natOutside, n3iwf, [ikePort, natTraversalPort]);
  closers.add(() => nat.close());
  return nat;
}

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

/** Subscriber number `index`: its keys follow from the number, so that every run has the same ones. */
function subscriberOf(index: number): Subscriber {
  const derive = (what: string) =>
    Uint8Array.from(createHash('sha256').update(`lab ${what} ${index}`).digest().subarray(0, 16));
  const imsi = `${plmn.mcc}${plmn.mnc}${String(index + 1).padStart(10, '0')}`;
  return { imsi, k: derive('K'), opc: derive('OPc'), sqn: 32 * (index + 1) };
}

/** Faults that the core makes. */
const refusals: Partial<Record<LabFault, Refusal>> = {
  'ng-setup': 'ngSetup',
  registration: 'registration',
  'pdu-session': 'pduSession',
};

/** Flows of 5QI 9, 8 and 1 in turns, the last with a guaranteed bit rate. */
function labFlow(index: number) {
  const qfi = index + 1;
  return qfi % 3 === 0 ? { qfi, fiveQi: 1, guaranteed: true } : { qfi, fiveQi: 10 - (qfi % 3) };
}

function coreConfig({ ues, flows, fault }: LabOptions): CoreConfig {
  const others = Array.from({ length: flows - 1 }, (_, index) => labFlow(index + 1));
  const refuse = fault === undefined ? undefined : refusals[fault];
  return {
    ...(refuse === undefined ? {} : { refuse }),
    plmn,
    amfName: 'lab-amf',
    amfRegionId: 0xca,
    amfSetId: 1016,
    amfPointer: 0,
    slices: [slice],
    flows: [labFlow(0), ...others],
    subscribers: Array.from({ length: ues }, (_, index) => subscriberOf(index)),
    ciphering: 0, // NAS in captures stays readable; IKE and ESP protect it on the way
    sessionPrefix: [10, 60, 0],
    dnn: 'internet',
  };
}

async function shellConfig(options: LabOptions, authority: TestAuthority): Promise<ShellConfig> {
  return {
    gateway: await gatewayConfig(options, authority),
    address: address.n3iwf,
    ikePort,
    natTraversalPort,
    n3Address: address.n3iwf,
    n3Port: gtpuPort,
    n2: { name: 'qn3iwf-lab', n3iwfId: 135, plmn, tac: '000001', slices: [slice] },
  };
}

async function gatewayConfig(options: LabOptions, authority: TestAuthority): Promise<ShellConfig['gateway']> {
  const issued =
    options.auth === 'certificate'
      ? await authority.issue({ commonName: n3iwfName, dnsNames: [n3iwfName] })
      : undefined;
  return {
    ike: {
      ikePort,
      natTraversalPort,
      ...applyKeyPolicy(
        options.policy,
        options.ppk,
        ikeProposals.map((text) => must(parseIkeProposal(text))),
      ),
      childProposals: applyChildKeyPolicy(
        'qkd-required',
        options.ppk,
        espProposals.map((text) => must(parseEspProposal(text))),
      ),
      localId: { type: ID_TYPE.FQDN, data: new TextEncoder().encode(n3iwfName) },
      responderAuth: options.auth satisfies ResponderAuth,
      initiatorAuth: 'eap',
      transcriptAuth: 'on',
      announceAuthMethods: true,
      ...(issued === undefined
        ? {}
        : { certificate: { chain: issued.chain, privateKey: issued.privateKey } }),
      forceUdpEncapsulation: options.bareEsp !== true,
      exposeKeys: options.keylog !== undefined,
    },
    identity: {
      innerAddress: '10.45.0.1',
      nasPort: 20000,
      n3Address: address.n3iwf,
      ueSaeId: ueSae,
      preSharedKey: () => labPreSharedKey,
    },
    innerPool: '10.45.0.0/16',
    sessions: { childSas: options.childSas, dscp: new Map([[1, 46]]) },
    keying: keyingSettingsOf(options.policy, undefined),
    userPlane: { nwuMtu: 1500, n3Mtu: 1500, clampMss: true },
  };
}

function must<T>(parsed: Result<T, string>): T {
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}
