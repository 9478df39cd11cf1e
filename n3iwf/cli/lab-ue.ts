import type { GatewayIdentity } from '#ikev2';
import type { SimulatedUe, UeAddresses, UeConfig, UeEvent, UePorts } from '#peers';
import { OperatorError } from '../errors.ts';
import { monotonicMs, randomOctets } from '../io/machine.ts';
import { WakeTimer } from '../io/wake-timer.ts';
import { requireAddress } from '../userplane/address.ts';
import type { LabSession, LabSessionType, LabStream, LabUe } from './lab-options.ts';
import {
  defaultEchoTargets,
  denseStreamMs,
  type EchoTargets,
  LabTraffic,
  largePacket,
  smallPacket,
} from './lab-traffic.ts';
import { NwuSockets } from './ue-sockets.ts';

/** The event of that type. */
type EventOf<T extends UeEvent['type']> = Extract<UeEvent, { type: T }>;
/** The class is handed in, as it is loaded when the lab runs. */
type UeClass = new (...parameters: ConstructorParameters<typeof SimulatedUe>) => SimulatedUe;
/** Who waits for an event. */
interface Waiter {
  readonly matches: (event: UeEvent) => boolean;
  readonly settle: (event: UeEvent) => void;
}

/** Longest wait for any one step of a UE, in ms. */
const stepLimitMs = 15_000;

/** What a UE does once it is registered. */
export interface AttachPlan {
  /** Types of the sessions that it opens. */
  readonly sessions: readonly LabSessionType[];
  /** The size in octets of each echo request that goes through each flow. */
  readonly pingSizes: readonly number[];
  /** UDP and TCP go to the echo port of the data network too: not every network has one. */
  readonly echoes: boolean;
}

const shortAttach: AttachPlan = { sessions: ['ipv4'], pingSizes: Array(5).fill(smallPacket), echoes: false };
/** The last packet is one that every path of the lab just takes whole. */
export const labPingSizes: readonly number[] = [...Array(4).fill(smallPacket), largePacket];

/** One simulated UE on sockets of its own, driven through the steps of a lab run. */
export class LabUeRunner {
  readonly ue: SimulatedUe;
  readonly result: LabUe;
  /** The other gateway that the N3IWF has named, once it has. [RFC5685 3] */
  redirectedTo: GatewayIdentity | undefined;
  private readonly sockets: NwuSockets;
  private readonly limitMs: number;
  private readonly targets: EchoTargets;
  private readonly traffic: LabTraffic;
  private readonly timer: WakeTimer;
  private readonly waiters = new Set<Waiter>();
  private readonly listeners = new Set<(event: UeEvent) => void>();

  private constructor(
    ue: SimulatedUe,
    timer: WakeTimer,
    sockets: NwuSockets,
    result: LabUe,
    targets: EchoTargets,
    limitMs: number,
  ) {
    this.ue = ue;
    this.limitMs = limitMs;
    this.targets = targets;
    this.traffic = new LabTraffic(
      {
        act: (action) => this.act(action),
        wait: (matches, step, limitMs) => this.wait(matches, step, limitMs),
        takeSequence: () => this.takeSequence(),
        listen: (listener) => {
          this.listeners.add(listener);
          return () => this.listeners.delete(listener);
        },
      },
      targets,
    );
    this.timer = timer;
    this.sockets = sockets;
    this.result = result;
  }

  static async open(
    SimulatedUe: UeClass,
    config: UeConfig,
    at: UeAddresses,
    ports: Pick<UePorts, 'obtainQkdKey' | 'fetchQkdKey' | 'verifyCertificate' | 'sendEsp'>,
    pingTarget = defaultEchoTargets.ipv4,
    limitMs = stepLimitMs,
  ): Promise<LabUeRunner> {
    let runner: LabUeRunner | undefined;
    const sockets = new NwuSockets((data, remote, local) => {
      runner?.ue.receive(data, local, remote);
      runner?.timer.rearm();
    });
    await sockets.bind(at.local, at.localNat);
    const ue = new SimulatedUe(config, at, {
      now: monotonicMs,
      random: randomOctets,
      send: (datagram, local, remote) => sockets.send(datagram, local, remote),
      event: (event) => runner?.onEvent(event),
      ...ports,
    });
    const result: LabUe = {
      supi: `imsi-${config.imsi}`,
      auth: config.auth,
      ppk: config.ppk,
      suite: { ike: '', esp: '' },
      innerIp: '',
      keyIds: [],
      saKeys: [],
      pduSessions: [],
      rekeys: { child: 0, ike: 0 },
      stream: { sent: 0, lost: 0 },
      timesMs: { ikeSaInit: 0, registration: 0, pduSession: 0 },
    };
    const targets = { ...defaultEchoTargets, ipv4: pingTarget };
    runner = new LabUeRunner(ue, new WakeTimer(ue, monotonicMs), sockets, result, targets, limitMs);
    return runner;
  }

  /** Registers, opens sessions and tries each flow. Rejects at the first step that fails, naming it. */
  async attach(told: (text: string) => void, plan = shortAttach): Promise<void> {
    const started = monotonicMs();
    const since = () => monotonicMs() - started;
    const init = this.next('ikeSaInit', 'IKE_SA_INIT');
    const signalling = this.next('signallingUp', 'IKE_AUTH');
    const registered = this.next('registered', 'registration');
    for (const step of [init, signalling, registered]) step.catch(() => {}); // the first to fail is awaited below
    await this.ue.start();
    this.timer.rearm();
    this.result.suite.ike = (await init).suite;
    this.result.timesMs.ikeSaInit = since();
    const { innerAddress, espSuite } = await signalling;
    this.result.suite.esp = espSuite;
    this.result.innerIp = innerAddress;
    await registered;
    this.result.timesMs.registration = since();
    told(`${this.result.supi} is registered, inner address ${innerAddress}`);
    for (const [at, type] of plan.sessions.entries()) await this.openSession(at + 1, type, plan, since, told);
  }

  private async openSession(
    id: number,
    type: LabSessionType,
    { pingSizes, echoes }: AttachPlan,
    since: () => number,
    told: (text: string) => void,
  ): Promise<void> {
    const { supi, timesMs, pduSessions } = this.result;
    const up = this.next('sessionUp', 'PDU session');
    this.act((ue) => ue.sessions.request(id, type));
    const { address: ip, qfis } = await up;
    timesMs.pduSession = since();
    told(`${supi} has PDU session ${id} (${type}), address ${ip}, QFI ${qfis.join(' ')}`);
    const session = { id, type, ip, qfis };
    const ping = await this.traffic.ping(session, pingSizes);
    const target = ip.includes(':') && !ip.includes(' ') ? this.targets.ipv6 : this.targets.ipv4;
    told(`${supi} pinged ${target}: ${ping.received} of ${ping.sent}, ${ping.rttMs.toFixed(2)} ms`);
    const udp = await this.traffic.echoUdp(session, echoes ? [smallPacket, largePacket] : []);
    const tcp = echoes ? await this.traffic.echoTcp(session) : { sent: 0, received: 0, intact: true };
    if (echoes)
      told(
        `${supi} echoed ${udp.received} of ${udp.sent} by UDP, ${tcp.received} of ${tcp.sent} octets by TCP`,
      );
    pduSessions.push({ ...session, ping, udp, tcp });
  }

  /** Sends `count` small echo requests through the first session, in its first flow. */
  ping(count: number): Promise<LabSession['ping']> {
    const [session] = this.result.pduSessions;
    const { id = 1, ip = '10.60.0.1', qfis = [1] } = session ?? {};
    return this.traffic.ping({ id, ip, qfis: qfis.slice(0, 1) }, Array(count).fill(smallPacket));
  }

  private nextSequence = 1;

  private takeSequence(): number {
    const sequence = this.nextSequence;
    this.nextSequence = (sequence % 0xffff) + 1;
    return sequence;
  }

  /**
   * Sends one echo request. Sequence numbers go up by one with each that this UE sends, from 65535 to 1.
   *
   * @returns its sequence number, and the round trip in ms, undefined where no answer came within `limitMs`
   */
  echo(
    sessionId: number,
    options: { readonly qfi?: number; readonly octets?: number },
    limitMs: number,
  ): { readonly sequence: number; readonly answer: Promise<number | undefined> } {
    const sequence = this.takeSequence();
    const pong = this.wait((event) => event.type === 'pong' && event.sequence === sequence, 'ping', limitMs);
    this.act((ue) => ue.sessions.ping(sessionId, requireAddress(this.targets.ipv4), sequence, options));
    const answer = pong.then(
      (event) => (event.type === 'pong' ? event.rttMs : undefined),
      () => undefined,
    );
    return { sequence, answer };
  }

  /**
   * Takes the SAs along to another address of this host. [RFC4555 3.5]
   *
   * @returns ms from the new address to the answer of the N3IWF
   * @throws Error when it refuses the address or does not answer; OperatorError when the address cannot be had
   */
  async moveTo(address: string): Promise<number> {
    const since = monotonicMs();
    await this.sockets.moveTo(address);
    const answered = this.wait(
      ({ type }) => type === 'moved' || type === 'moveRefused',
      'MOBIKE',
      this.limitMs,
    );
    this.act((ue) => ue.move(address));
    const answer = await answered;
    if (answer.type === 'moveRefused') throw new Error(`the N3IWF refuses ${address}: ${answer.notifyType}`);
    return monotonicMs() - since;
  }

  /**
   * Rekeys every Child SA of the sessions and the IKE SA. With `remap` a numbered stream runs meanwhile through each
   * flow, and `remap` is called in the middle of it; without, packets are tried after.
   */
  async rekey(told: (text: string) => void, remap?: () => Promise<void>): Promise<void> {
    const { supi, pduSessions } = this.result;
    const stopStream = remap === undefined ? undefined : this.startStream(denseStreamMs);
    for (const childSaId of this.ue.sessionChildSas()) {
      const done = this.next('childSaRekeyed', 'Child SA rekey');
      this.act((ue) => ue.rekeyChildSa(childSaId));
      await done;
    }
    await remap?.();
    for (const session of pduSessions) {
      const { sent, received } = await this.traffic.ping(session, [smallPacket, smallPacket]);
      if (received !== sent)
        throw new OperatorError('N3IWF_E_N2', `ping after rekey: ${received} of ${sent} answered`);
    }
    told(`${supi} rekeyed the Child SAs of its sessions and still pings`);
    const ikeDone = this.next('ikeSaRekeyed', 'IKE SA rekey');
    this.act((ue) => ue.rekeyIke());
    await ikeDone;
    told(`${supi} rekeyed the IKE SA`);
    if (stopStream === undefined) return;
    const { sent, lost } = await stopStream();
    told(`${supi} lost ${lost} of ${sent} packets of its streams meanwhile`);
  }

  /** Begins numbered streams through every flow; the function ends them and notes how they went. */
  startStream(everyMs: number): () => Promise<LabStream> {
    const stop = this.traffic.startStream(this.result.pduSessions, everyMs);
    return async () => {
      this.result.stream = await stop();
      return this.result.stream;
    };
  }

  /** Releases the sessions, deregisters, and waits until the network has deleted the IKE SA. */
  async detach(told: (text: string) => void): Promise<void> {
    for (const { id } of this.result.pduSessions) {
      const down = this.next('sessionDown', 'PDU session release');
      this.act((ue) => ue.sessions.release(id));
      await down;
    }
    const gone = this.next('closed', 'deregistration');
    this.act((ue) => ue.nas.deregister());
    await gone;
    told(`${this.result.supi} is deregistered`);
  }

  /** Leaves without a word on NAS, after a step that failed. */
  abandon(): void {
    this.act((ue) => ue.disconnect());
  }

  async close(): Promise<void> {
    this.timer.stop();
    await this.sockets.close();
  }

  /** Commands the UE from outside and re-arms its timer. */
  act(action: (ue: SimulatedUe) => void): void {
    action(this.ue);
    this.timer.rearm();
  }

  private onEvent(event: UeEvent): void {
    if (event.type === 'redirected') this.redirectedTo = event.to;
    if (event.type === 'childSaRekeyed') this.result.rekeys.child++;
    if (event.type === 'ikeSaRekeyed') this.result.rekeys.ike++;
    for (const listener of [...this.listeners]) listener(event);
    for (const waiter of [...this.waiters]) if (waiter.matches(event)) waiter.settle(event);
  }

  /** The next event of that type; rejects as `attach` does. */
  async next<T extends UeEvent['type']>(type: T, step: string): Promise<EventOf<T>> {
    return (await this.wait((event) => event.type === type, step, this.limitMs)) as EventOf<T>;
  }

  /** Rejects when the UE fails or its IKE SA is closed, as `attach` does; never resolves. */
  gone(): Promise<never> {
    const failed = this.wait(() => false, 'staying attached', undefined) as Promise<never>;
    failed.catch(() => {}); // whoever races it sees it
    return failed;
  }

  /** The next event that fits; rejects when the UE fails or closes first, or the time, if any, is over. */
  private wait(
    matches: (event: UeEvent) => boolean,
    step: string,
    limitMs: number | undefined,
  ): Promise<UeEvent> {
    return new Promise((resolve, reject) => {
      const finish = (result: () => void) => {
        clearTimeout(limit);
        this.waiters.delete(waiter);
        result();
      };
      const fault = (at: string, reason: string) => new Error(`${this.result.supi}: ${at}: ${reason}`);
      const late = (ms: number) => finish(() => reject(fault(step, `nothing within ${ms / 1000} s`)));
      const limit = limitMs === undefined ? undefined : setTimeout(late, limitMs, limitMs);
      const waiter: Waiter = {
        matches: (event) => matches(event) || event.type === 'failed' || event.type === 'closed',
        settle: (event) =>
          finish(() => {
            if (matches(event)) resolve(event);
            else if (event.type === 'failed') reject(fault(event.step, event.reason));
            else reject(fault(step, 'the IKE SA was closed'));
          }),
      };
      this.waiters.add(waiter);
    });
  }
}
