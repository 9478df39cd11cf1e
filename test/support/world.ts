import { createHash } from 'node:crypto';
import { type EndpointConfig, ID_TYPE, parseEspProposal, parseIkeProposal, type SocketAddress } from '#ikev2';
import { decodeNgap, encodeNgap, type NgapPdu } from '#ngap';
import { type CoreConfig, SimulatedCore, SimulatedUe, type UeConfig, type UeEvent } from '#peers';
import { type KeyReply, Secret } from '#qkd';
import { Gateway } from '../../n3iwf/gateway.ts';
import type { GatewayPorts } from '../../n3iwf/gateway-ports.ts';
import { silentLog } from '../../n3iwf/log.ts';
import { locator } from '../../n3iwf/n2/profile.ts';
import { ngSetupRequest } from '../../n3iwf/n2/setup.ts';
import { applyKeyPolicy } from '../../n3iwf/nwu/key-policy.ts';
import type { UserPacketType } from '../../n3iwf/userplane/plane.ts';
import type { Datagram, WorldOptions } from './world-options.ts';

export type { Datagram, WorldKey, WorldKeys, WorldOptions } from './world-options.ts';

const plmn = { mcc: '208', mnc: '93' };
const slice = { sst: 1, sd: '010203' };
const name = 'n3iwf.example';
export const presharedKey = new TextEncoder().encode('known to both ends of this test');
const n3iwf = { address: '192.0.2.1', port: 500 };
const n3iwfNat = { address: '192.0.2.1', port: 4500 };
const upf = { address: '192.0.2.2', port: 2152 };
const addressesOfUpfs = ['192.0.2.2', '192.0.2.3', '192.0.2.4', '192.0.2.5'];
export const pingTarget = Uint8Array.of(198, 51, 100, 1);

/** Octets and fractions that follow from a seed alone. */
export class SeededRandom {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** From 0 up to 1. */
  fraction(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  octets(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => Math.floor(this.fraction() * 256));
  }
}

function must<T>(parsed: { ok: true; value: T } | { ok: false; error: string }): T {
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
}

function subscriberOf(index: number): { imsi: string; k: Uint8Array; opc: Uint8Array; sqn: number } {
  const derive = (what: string) =>
    Uint8Array.from(createHash('sha256').update(`${what} ${index}`).digest().subarray(0, 16));
  return { imsi: `20893${String(index + 1).padStart(10, '0')}`, k: derive('K'), opc: derive('OPc'), sqn: 32 };
}

/** One UE of the world with everything that it has told. */
export interface WorldUe {
  readonly ue: SimulatedUe;
  readonly events: UeEvent[];
  /** Where datagrams reach it; a UE that moves is no longer at the old one. */
  address: string;
  /** User packets that came down. */
  readonly packets: { readonly pduSessionId: number; readonly qfi: number; readonly packet: Uint8Array }[];
}

/** Gateway, core and UEs joined by queues under a clock of their own; nothing here touches a socket or the time of day. */
export class World {
  now = 1_000_000;
  readonly random: SeededRandom;
  readonly gateway: Gateway;
  readonly cores: readonly SimulatedCore[];
  readonly ues: WorldUe[] = [];
  /** N2 messages in the order sent, seen before the hook. */
  readonly toAmf: NgapPdu[] = [];
  /** To which AMF each of `toAmf` went. */
  readonly amfOf: number[] = [];
  readonly toN3iwf: NgapPdu[] = [];
  /** Key IDs that were fetched at the N3IWF. */
  readonly fetched: string[] = [];
  /** Key IDs that the N3IWF drew itself. */
  readonly obtained: string[] = [];
  /** Key IDs that the N3IWF booked as in use, and as no longer in use. */
  readonly confirmed: string[] = [];
  readonly retired: string[] = [];
  private readonly options: WorldOptions;
  private readonly queue: (() => void)[] = [];
  /** Datagrams with a latency, the next to arrive first. */
  private readonly onTheWay: { readonly at: number; readonly arrive: () => void }[] = [];
  private readonly keys = new Map<string, Uint8Array>();

  constructor(options: WorldOptions = {}) {
    this.options = options;
    this.random = new SeededRandom(options.seed ?? 1);
    this.gateway = this.newGateway();
    const settings = options.cores ?? [{}];
    this.cores = settings.map((own, number) => this.newCore(number, own));
    for (let index = 0; index < (options.ues ?? 1); index++) this.ues.push(this.newUe(index));
    this.cores.forEach((_, number) => {
      this.setUpAmf(number);
    });
  }

  /** The first core. */
  get core(): SimulatedCore {
    return this.cores[0] as SimulatedCore;
  }

  private get n2() {
    const { profile, gnb } = this.options;
    return { profile, gnb, n3iwfId: 135, plmn, tac: '000001' };
  }

  /** NG Setup with one AMF, at once. */
  setUpAmf(number = 0): void {
    const ies = ngSetupRequest({ ...this.n2, name: 'n3iwf', slices: [slice] });
    this.cores[number]?.receiveN2(encodeNgap({ message: 'NGSetupRequest', ies }));
  }

  /** The association with one AMF is lost. */
  loseAmf(number = 0): void {
    this.gateway.onN2Event(number, { type: 'associationLost', reason: 'lost', wasReady: true });
  }

  get ue(): WorldUe {
    return this.ues[0] as WorldUe;
  }

  /** Delivers until nothing is under way, answers of the key source included. */
  async settle(): Promise<void> {
    for (let idle = 0; idle < 3; ) {
      const next = this.queue.shift();
      if (next === undefined) {
        idle++;
        await new Promise((resolve) => setImmediate(resolve));
      } else {
        idle = 0;
        next();
      }
    }
  }

  /** Lets `ms` go by, with every timer that falls due on the way. */
  async pass(ms: number): Promise<void> {
    const end = this.now + ms;
    await this.settle();
    for (let due = this.nextDeadline(); due <= end; due = this.nextDeadline()) {
      this.now = Math.max(this.now + (due === this.onTheWay[0]?.at ? 0 : 1), due);
      while ((this.onTheWay[0]?.at ?? Number.POSITIVE_INFINITY) <= this.now)
        this.queue.push(this.onTheWay.shift()!.arrive);
      this.gateway.tick();
      for (const { ue } of this.ues) ue.tick();
      for (const core of this.cores) core.tick();
      await this.settle();
    }
    this.now = Math.max(this.now, end);
  }

  private nextDeadline(): number {
    const peers = [...this.ues.map(({ ue }) => ue), ...this.cores];
    const all = [this.gateway.deadline(), ...peers.map((peer) => peer.deadline())];
    return Math.min(...[...all, this.onTheWay[0]?.at].map((at) => at ?? Number.POSITIVE_INFINITY));
  }

  /** What of the UEs is still held at the N3IWF. */
  left(): { ues: number; teids: number; addresses: number } {
    const { ues, teids, innerAddresses } = this.gateway;
    return { ues: ues.size, teids: teids.used, addresses: innerAddresses.used };
  }

  /** Attaches one UE up to its registration. */
  async register(who = this.ue): Promise<void> {
    await who.ue.start();
    await this.settle();
  }

  async openSession(who = this.ue, id = 1, type: UserPacketType = 'ipv4'): Promise<void> {
    who.ue.sessions.request(id, type);
    await this.settle();
  }

  /** The UE is at another address from now on, and tells the N3IWF. */
  roam(address: string, who = this.ue): void {
    who.address = address;
    who.ue.move(address);
  }

  /** True when an echo request through session `id` comes back. */
  async ping(who = this.ue, id = 1, sequence = 1 + Math.floor(this.random.fraction() * 60_000)) {
    who.ue.sessions.ping(id, pingTarget, sequence);
    await this.settle();
    return who.events.some((event) => event.type === 'pong' && event.sequence === sequence);
  }

  /** Hands a message of the AMF to the N3IWF, by way of its encoding. */
  async amfSends(pdu: NgapPdu, amf = 0): Promise<void> {
    this.deliverToN3iwf(encodeNgap(pdu), amf);
    await this.settle();
  }

  private newGateway(): Gateway {
    const { policy = 'qkd-required', innerPool = '10.45.0.0/16' } = this.options;
    const identity = {
      innerAddress: innerPool.replace(/0\/\d+$/, '1'),
      nasPort: 20_000,
      n3Address: n3iwf.address,
      ueSaeId: 'ue-sae',
      preSharedKey: () => Uint8Array.from(presharedKey),
    };
    return new Gateway(
      {
        ike: this.ikeConfig(),
        identity,
        innerPool,
        locate: locator(this.n2),
        keying: this.options.keying ?? { policy },
        ...this.options.gateway,
      },
      { ...this.nwuPorts(), ...this.n2Ports(), ...this.n3Ports() },
      this.options.keys?.node ?? {
        obtain: async () => this.obtain(),
        fetch: (_, keyId) => Promise.resolve(this.fetch(keyId)),
        confirm: async (keyId) => this.confirmed.push(keyId) > 0,
        retire: async (keyId) => this.retired.push(keyId) > 0,
      },
      this.options.log ?? silentLog,
    );
  }

  private ikeConfig(): EndpointConfig {
    const {
      auth = 'psk',
      ppk = 'none',
      policy = 'qkd-required',
      espProposals = ['aes256gcm16'],
    } = this.options;
    const { proposals = ['aes256gcm16-prfsha256-x25519'], lifetimes, bareEsp } = this.options;
    const suites = proposals.map((words) => must(parseIkeProposal(words)));
    return {
      ikePort: n3iwf.port,
      natTraversalPort: n3iwfNat.port,
      ...applyKeyPolicy(policy, ppk, suites),
      childProposals: espProposals.map((words) => must(parseEspProposal(words))),
      localId: { type: ID_TYPE.FQDN, data: new TextEncoder().encode(name) },
      responderAuth: auth,
      initiatorAuth: 'eap',
      forceUdpEncapsulation: bareEsp !== true,
      exposeKeys: false,
      ...(lifetimes === undefined ? {} : { lifetimes }),
    };
  }

  /** Clock, randomness and the way to UEs; bare ESP goes from port 0 to port 0. */
  private nwuPorts() {
    const { record, observe } = this.options;
    const sendNwu = (data: Uint8Array, from: SocketAddress, to: SocketAddress) =>
      this.carry({ data, from, to });
    return {
      now: () => this.now,
      random: (length) => this.random.octets(length),
      sendIke: sendNwu,
      sendEsp: (packet, from, to, udp) =>
        udp ? sendNwu(packet, from, to) : sendNwu(packet, { ...from, port: 0 }, { ...to, port: 0 }),
      ...(record === undefined ? {} : { recordIke: record }),
      ...(observe === undefined ? {} : { observe }),
    } satisfies Partial<GatewayPorts>;
  }

  /** The way to AMFs: every message is noted, and passes the hook of the test, which resets do not. */
  private n2Ports() {
    return {
      resetN2: (ies, amf) => {
        const pdu: NgapPdu = { message: 'NGReset', ies };
        this.noteToAmf(pdu, amf);
        this.later(() => this.cores[amf]?.receiveN2(encodeNgap(pdu)));
      },
      sendN2: (pdu, amf) => {
        this.noteToAmf(pdu, amf);
        const passed = this.hooked(pdu, true);
        const data = passed === undefined ? undefined : encodeNgap(passed);
        if (data !== undefined) this.later(() => this.cores[amf]?.receiveN2(data));
      },
    } satisfies Partial<GatewayPorts>;
  }

  private noteToAmf(pdu: NgapPdu, amf: number): void {
    this.toAmf.push(pdu);
    this.amfOf.push(amf);
  }

  /** The way to UPFs, found by their addresses. */
  private n3Ports() {
    return {
      sendGtpu: (datagram, { address }) => {
        const at = addressesOfUpfs.indexOf(address);
        this.later(() => this.cores[at]?.receiveGtpu(datagram, { ...upf, address: n3iwf.address }));
      },
    } satisfies Partial<GatewayPorts>;
  }

  private newCore(number: number, own: Partial<CoreConfig>): SimulatedCore {
    const address = addressesOfUpfs[number] ?? upf.address;
    const config: CoreConfig = {
      plmn,
      amfName: 'amf',
      amfRegionId: 0xca,
      amfSetId: 1016,
      amfPointer: 0,
      slices: [slice],
      subscribers: Array.from({ length: this.options.ues ?? 1 }, (_, index) => subscriberOf(index)),
      ciphering: 2,
      sessionPrefix: [10, 60, number],
      dnn: 'internet',
      ...(this.options.refuse === undefined ? {} : { refuse: this.options.refuse }),
      ...own,
    };
    return new SimulatedCore(config, address, {
      now: () => this.now,
      random: (length) => this.random.octets(length),
      sendN2: (_, data) => {
        const pdu = decodeNgap(data);
        if (pdu.ok && pdu.value.message === 'NGSetupResponse')
          this.gateway.onN2Event(number, { type: 'setupCompleted', amf: pdu.value.ies });
        else this.later(() => this.deliverToN3iwf(data, number));
      },
      sendGtpu: (datagram) => this.later(() => this.gateway.receiveGtpu(datagram, { ...upf, address })),
      event: ({ type }) => {
        if (type === 'died') this.later(() => this.loseAmf(number));
      },
    });
  }

  private newUe(index: number): WorldUe {
    const { auth = 'psk', ppk = 'none' } = this.options;
    const { imsi, k, opc } = subscriberOf(index);
    const address = index < 240 ? `192.0.2.${16 + index}` : `198.18.${index >> 8}.${index & 0xff}`;
    const config: UeConfig = {
      imsi,
      k,
      opc,
      imeisv: `35609204079301${String(index).padStart(2, '0')}`,
      plmn,
      slice,
      dnn: 'internet',
      auth,
      ppk,
      n3iwfName: name,
      preSharedKey: presharedKey,
      ikeProposals: ['aes256gcm16-prfsha256-x25519'],
      espProposals: this.options.espProposals ?? ['aes256gcm16'],
      ...this.options.ue,
    };
    const events: UeEvent[] = [];
    const packets: WorldUe['packets'] = [];
    const local = { address, port: 500 };
    const ue = new SimulatedUe(
      config,
      { local, localNat: { address, port: 4500 }, n3iwf, n3iwfNat },
      {
        now: () => this.now,
        random: (length) => this.random.octets(length),
        send: (data, from, to) => this.carry({ data, from, to }),
        event: (event) => void events.push(event),
        sendEsp: (data, from, to) => this.carry({ data, from: { ...from, port: 0 }, to: { ...to, port: 0 } }),
        obtainQkdKey: () => this.options.keys?.draw() ?? Promise.resolve(this.draw()),
        packetReceived: (pduSessionId, qfi, packet) =>
          packets.push({ pduSessionId, qfi, packet: Uint8Array.from(packet) }),
        fetchQkdKey: (keyId) => this.options.keys?.find(keyId) ?? this.take(keyId),
      },
    );
    return { ue, events, address, packets };
  }

  /** The UE's end of {@link draw}: a key that the N3IWF drew. */
  private async take(keyId: string): Promise<{ keyId: string; secret: Uint8Array }> {
    const secret = this.keys.get(keyId);
    if (secret === undefined) throw new Error('unknown-key');
    this.keys.delete(keyId);
    return { keyId, secret };
  }

  private draw(): { keyId: string; secret: Uint8Array } {
    const hex = Buffer.from(this.random.octets(16)).toString('hex');
    const keyId = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    const secret = this.random.octets(32);
    this.options.keySeen?.(Uint8Array.from(secret));
    if (this.options.unknownKeys !== true) this.keys.set(keyId, Uint8Array.from(secret));
    return { keyId, secret };
  }

  /** A key of the N3IWF's own choice. */
  private obtain(): KeyReply {
    if (this.options.unknownKeys === true)
      return { status: 'refused', keyId: undefined, ageMs: undefined, reason: 'unknown-key', detail: 'dry' };
    const { keyId, secret } = this.draw();
    this.obtained.push(keyId);
    return { status: 'ok', keyId, secret: Secret.own(secret), ageMs: 0 };
  }

  private fetch(keyId: string): KeyReply {
    const secret = this.keys.get(keyId);
    this.keys.delete(keyId);
    if (secret === undefined)
      return { status: 'refused', keyId, ageMs: undefined, reason: 'unknown-key', detail: 'never heard of' };
    this.fetched.push(keyId);
    return { status: 'ok', keyId, secret: Secret.own(secret), ageMs: 0 };
  }

  private hooked(pdu: NgapPdu, toAmf: boolean): NgapPdu | undefined {
    return this.options.n2 === undefined ? pdu : this.options.n2(pdu, toAmf, this);
  }

  protected deliverToN3iwf(data: Uint8Array, amf: number): void {
    const pdu = decodeNgap(data);
    if (!pdu.ok) throw pdu.error;
    this.toN3iwf.push(pdu.value);
    if (pdu.value.message === 'NGResetAcknowledge') {
      const request = this.toAmf.findLast((sent) => sent.message === 'NGReset');
      if (request !== undefined) this.gateway.onN2Event(amf, { type: 'requestAnswered', request });
      return;
    }
    const passed = this.hooked(pdu.value, false);
    if (passed !== undefined)
      this.gateway.onN2Event(amf, { type: 'messageReceived', pdu: passed, stream: 1 });
  }

  private later(action: () => void): void {
    this.queue.push(action);
  }

  private carry(datagram: Datagram): void {
    const copy = { ...datagram, data: Uint8Array.from(datagram.data) };
    const { latencyMs = 0 } = this.options;
    for (const each of this.options.channel?.(copy, this) ?? [copy]) {
      const arrive = () => this.arrive(each);
      if (latencyMs === 0) this.later(arrive);
      else this.onTheWay.push({ at: this.now + latencyMs, arrive });
    }
  }

  private arrive({ data, from, to }: Datagram): void {
    if (to.address !== n3iwf.address) {
      const ue = this.ues.find(({ address }) => address === to.address)?.ue;
      if (to.port === 0) ue?.receiveEsp(data);
      else ue?.receive(data, to, from);
      return;
    }
    const isIke =
      to.port === n3iwf.port ||
      (to.port !== 0 && data.length >= 4 && data.subarray(0, 4).every((octet) => octet === 0));
    if (isIke) this.gateway.receiveIke(data, to, from);
    else this.gateway.receiveEsp(data, to, from);
  }
}
