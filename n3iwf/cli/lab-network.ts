import { createHash } from 'node:crypto';
import {
  ID_TYPE,
  type IkeEvent,
  parseEspProposal,
  parseIkeProposal,
  type ResponderAuth,
  type Result,
} from '#ikev2';
import type { CoreConfig, SimulatedCore, Subscriber, UeConfig } from '#peers';
import type { GatewayConfig } from '../gateway.ts';
import { LabCapture } from '../io/lab-capture.ts';
import { monotonicMs, randomOctets } from '../io/machine.ts';
import { MemoryAssociation } from '../io/sctp-memory.ts';
import { TestAuthority } from '../io/test-authority.ts';
import { UdpSocket } from '../io/udp.ts';
import type { Log } from '../log.ts';
import { certificateVerifier } from '../nwu/certificate-trust.ts';
import { GatewayShell, type ShellConfig } from '../shell.ts';
import type { LabOptions } from './lab-options.ts';
import { LabQuantum, ueSae } from './lab-quantum.ts';
import { LabUeRunner } from './lab-ue.ts';

type Peers = typeof import('#peers');

/** Each run has loopback addresses of its own, so that several can run side by side on the standard ports. */
function hostAddress(host: number): string {
  return `127.${1 + (process.pid % 250)}.${host >>> 8}.${host & 0xff}`;
}
const address = { n3iwf: hostAddress(1), upf: hostAddress(2) };
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
const ikeProposals = ['aes256gcm16-prfsha256-x25519'];
const espProposals = ['aes256gcm16'];
const labPreSharedKey = new TextEncoder().encode('lab only: every UE shares this');

/** The lab's network: key managers, core and N3IWF, connected, with room for UEs. */
export class LabNetwork {
  readonly quantum: LabQuantum;
  private readonly peers: Peers;
  private readonly options: LabOptions;
  private readonly authority: TestAuthority;
  private readonly shell: GatewayShell;
  private readonly core: SimulatedCore;
  private readonly upfSocket: UdpSocket;
  private readonly capture: LabCapture;

  private constructor(parts: {
    quantum: LabQuantum;
    peers: Peers;
    options: LabOptions;
    authority: TestAuthority;
    shell: GatewayShell;
    core: SimulatedCore;
    upfSocket: UdpSocket;
    capture: LabCapture;
  }) {
    this.quantum = parts.quantum;
    this.peers = parts.peers;
    this.options = parts.options;
    this.authority = parts.authority;
    this.shell = parts.shell;
    this.core = parts.core;
    this.upfSocket = parts.upfSocket;
    this.capture = parts.capture;
  }

  /** Starts everything but the UEs. @throws OperatorError when a part cannot start; then nothing stays open */
  static async start(options: LabOptions, log: Log, told: (text: string) => void): Promise<LabNetwork> {
    const peers = await import('#peers');
    const authority = await TestAuthority.create('qn3iwf lab');
    const quantum = await LabQuantum.start(authority);
    told('two KMEs share keys over a simulated quantum link (ETSI GS QKD 014, mutual TLS)');
    const capture = new LabCapture(options);
    const [n3iwfEnd, amfEnd] = MemoryAssociation.pair();
    let core: SimulatedCore | undefined;
    const upfSocket = await UdpSocket.open({ address: address.upf, port: gtpuPort }, (data, remote) =>
      core?.receiveGtpu(data, remote),
    );
    const shell = await GatewayShell.open(
      await shellConfig(options, authority),
      quantum.n3iwf,
      log,
      { observe: (event: IkeEvent) => capture.ikeEvent(event) },
      capture,
    );
    core = new peers.SimulatedCore(coreConfig(options.ues), address.upf, {
      random: randomOctets,
      sendN2: (stream, data) => amfEnd.send(stream, data),
      sendGtpu: (datagram, remote) => upfSocket.send(datagram, remote),
      event: () => {},
    });
    const started = core;
    amfEnd.onMessage((data) => started.receiveN2(data));
    await shell.connectN2(() => Promise.resolve(n3iwfEnd));
    told(`N3IWF is up on ${address.n3iwf} and the AMF accepted it (NG Setup)`);
    return new LabNetwork({ quantum, peers, options, authority, shell, core, upfSocket, capture });
  }

  openUe(index: number): Promise<LabUeRunner> {
    const subscriber = subscriberOf(index);
    const { auth, ppk, sameSpi } = this.options;
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
      ...(sameSpi === true ? { spi: Uint8Array.of(0, 0, 0, 0, 0, 6, 0xf7, 8) } : {}),
    };
    const own = hostAddress(firstUeHost + index);
    const at = {
      local: { address: own, port: ikePort },
      localNat: { address: own, port: natTraversalPort },
      n3iwf: { address: address.n3iwf, port: ikePort },
      n3iwfNat: { address: address.n3iwf, port: natTraversalPort },
    };
    return LabUeRunner.open(this.peers.SimulatedUe, config, at, {
      obtainQkdKey: () => this.quantum.draw(),
      verifyCertificate: certificateVerifier([this.authority.pem], Date.now),
    });
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
    const { gateway } = this.shell;
    const counts: [string, number][] = [
      ['UE contexts at the N3IWF', gateway.ues.size],
      ['inner addresses in use', gateway.innerAddresses.used],
      ['tunnel ids in use', gateway.teids.used],
      ['UEs at the AMF', this.core.amf.knownUes],
      ['PDUs that the AMF could not decode', this.core.undecodable],
    ];
    return counts.filter(([, count]) => count > 0).map(([what, count]) => `left over: ${count} ${what}`);
  }

  async close(): Promise<void> {
    await this.shell.close();
    await this.upfSocket.close();
    await this.quantum.close();
    this.capture.close();
  }
}

/** Subscriber number `index`: its keys follow from the number, so that every run has the same ones. */
function subscriberOf(index: number): Subscriber {
  const derive = (what: string) =>
    Uint8Array.from(createHash('sha256').update(`lab ${what} ${index}`).digest().subarray(0, 16));
  const imsi = `${plmn.mcc}${plmn.mnc}${String(index + 1).padStart(10, '0')}`;
  return { imsi, k: derive('K'), opc: derive('OPc'), sqn: 32 * (index + 1) };
}

function coreConfig(ues: number): CoreConfig {
  return {
    plmn,
    amfName: 'lab-amf',
    amfRegionId: 0xca,
    amfSetId: 1016,
    amfPointer: 0,
    slices: [slice],
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

async function gatewayConfig(options: LabOptions, authority: TestAuthority): Promise<GatewayConfig> {
  const issued =
    options.auth === 'certificate'
      ? await authority.issue({ commonName: n3iwfName, dnsNames: [n3iwfName] })
      : undefined;
  return {
    ike: {
      ikePort,
      natTraversalPort,
      proposals: ikeProposals.map((text) => must(parseIkeProposal(text))),
      childProposals: espProposals.map((text) => must(parseEspProposal(text))),
      localId: { type: ID_TYPE.FQDN, data: new TextEncoder().encode(n3iwfName) },
      responderAuth: options.auth satisfies ResponderAuth,
      initiatorAuth: 'eap',
      ...(issued === undefined
        ? {}
        : { certificate: { chain: issued.chain, privateKey: issued.privateKey } }),
      ppk: options.ppk === 'none' ? 'off' : 'required',
      forceUdpEncapsulation: true,
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
  };
}

function must<T>(parsed: Result<T, string>): T {
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}
