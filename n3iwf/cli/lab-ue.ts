import type { SimulatedUe, UeAddresses, UeConfig, UeEvent, UePorts } from '#peers';
import { OperatorError } from '../errors.ts';
import { monotonicMs, randomOctets } from '../io/machine.ts';
import { WakeTimer } from '../io/wake-timer.ts';
import { requireAddress } from '../userplane/address.ts';
import type { LabSession, LabUe } from './lab-options.ts';
import { NwuSockets } from './ue-sockets.ts';

type EventOf<T extends UeEvent['type']> = Extract<UeEvent, { type: T }>;
type UeClass = new (...parameters: ConstructorParameters<typeof SimulatedUe>) => SimulatedUe;
interface Waiter {
  readonly matches: (event: UeEvent) => boolean;
  readonly settle: (event: UeEvent) => void;
}

/** Longest wait for any one step of a UE, in ms. */
const stepLimitMs = 15_000;
/** Longest wait for the answer to an echo request, in ms. */
const pingLimitMs = 1000;
/** Octets of data in an echo request. */
const smallPing = 56;

/** What a UE does once it is registered. */
export interface AttachPlan {
  readonly sessions: number;
  /** The size of each echo request that goes through each flow. */
  readonly pingSizes: readonly number[];
}

const shortAttach: AttachPlan = { sessions: 1, pingSizes: Array(5).fill(smallPing) };
/** The last one makes a packet of 1400 octets, which every path of the lab takes whole. */
export const labPingSizes: readonly number[] = [...Array(4).fill(smallPing), 1400 - 28];
const defaultPingTarget = '198.51.100.1';

/** One simulated UE on sockets of its own, driven through the steps of a lab run. */
export class LabUeRunner {
  readonly ue: SimulatedUe;
  readonly result: LabUe;
  private readonly sockets: NwuSockets;
  private readonly limitMs: number;
  /** IPv4 address that is pinged through the session. */
  private readonly pingTarget: string;
  private readonly timer: WakeTimer;
  private readonly waiters = new Set<Waiter>();
  private readonly seen: UeEvent[] = [];

  private constructor(
    ue: SimulatedUe,
    timer: WakeTimer,
    sockets: NwuSockets,
    result: LabUe,
    pingTarget: string,
    limitMs: number,
  ) {
    this.ue = ue;
    this.limitMs = limitMs;
    this.pingTarget = pingTarget;
    this.timer = timer;
    this.sockets = sockets;
    this.result = result;
  }

  static async open(
    SimulatedUe: UeClass,
    config: UeConfig,
    at: UeAddresses,
    ports: Pick<UePorts, 'obtainQkdKey' | 'fetchQkdKey' | 'verifyCertificate'>,
    pingTarget = defaultPingTarget,
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
      timesMs: { ikeSaInit: 0, registration: 0, pduSession: 0 },
    };
    runner = new LabUeRunner(ue, new WakeTimer(ue, monotonicMs), sockets, result, pingTarget, limitMs);
    return runner;
  }

  /** Registers, opens sessions and pings through each flow. Rejects at the first step that fails, naming it. */
  async attach(told: (text: string) => void, { sessions, pingSizes } = shortAttach): Promise<void> {
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
    for (let id = 1; id <= sessions; id++) await this.openSession(id, pingSizes, since, told);
  }

  private async openSession(
    sessionId: number,
    sizes: readonly number[],
    since: () => number,
    told: (text: string) => void,
  ): Promise<void> {
    const up = this.next('sessionUp', 'PDU session');
    this.act((ue) => ue.sessions.request(sessionId));
    const { address, qfis } = await up;
    this.result.timesMs.pduSession = since();
    told(`${this.result.supi} has PDU session ${sessionId}, address ${address}, QFI ${qfis.join(' ')}`);
    const ping = await this.pingFlows(sessionId, qfis, sizes);
    this.result.pduSessions.push({ id: sessionId, ip: address, qfis, ping });
    told(
      `${this.result.supi} pinged ${this.pingTarget}: ${ping.received} of ${ping.sent}, ${ping.rttMs.toFixed(2)} ms`,
    );
  }

  private nextSequence = 1;

  /** Sends `count` small echo requests through the first session, in its first flow. */
  ping(count: number): Promise<LabSession['ping']> {
    const [session] = this.result.pduSessions;
    return this.pingFlows(session?.id ?? 1, session?.qfis.slice(0, 1) ?? [1], Array(count).fill(smallPing));
  }

  /**
   * Sends echo requests with these many octets of data in each flow, one after the other; the round trip is the mean of
   * those answered.
   */
  private async pingFlows(
    sessionId: number,
    qfis: readonly number[],
    sizes: readonly number[],
  ): Promise<LabSession['ping']> {
    const times: number[] = [];
    for (const [qfi, octets] of qfis.flatMap((each) => sizes.map((size) => [each, size] as const))) {
      const rttMs = await this.echo(sessionId, { qfi, octets }, pingLimitMs).answer;
      if (rttMs !== undefined) times.push(rttMs);
    }
    const mean = times.reduce((sum, time) => sum + time, 0) / Math.max(1, times.length);
    return { sent: sizes.length * qfis.length, received: times.length, rttMs: Number(mean.toFixed(3)) };
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
    const sequence = this.nextSequence;
    this.nextSequence = (sequence % 0xffff) + 1;
    const pong = this.wait((event) => event.type === 'pong' && event.sequence === sequence, 'ping', limitMs);
    this.act((ue) => ue.sessions.ping(sessionId, requireAddress(this.pingTarget), sequence, options));
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

  /** Rekeys every Child SA of the sessions and sees that packets still pass; then rekeys the IKE SA. */
  async rekey(told: (text: string) => void): Promise<void> {
    for (const childSaId of this.ue.sessionChildSas()) {
      const done = this.next('childSaRekeyed', 'Child SA rekey');
      this.act((ue) => ue.rekeyChildSa(childSaId));
      await done;
      this.result.rekeys.child++;
    }
    for (const { id, qfis } of this.result.pduSessions) {
      const { sent, received } = await this.pingFlows(id, qfis, [smallPing, smallPing]);
      if (received !== sent)
        throw new OperatorError('N3IWF_E_N2', `ping after rekey: ${received} of ${sent} answered`);
    }
    told(`${this.result.supi} rekeyed the Child SAs of its sessions and still pings`);
    const ikeDone = this.next('ikeSaRekeyed', 'IKE SA rekey');
    this.act((ue) => ue.rekeyIke());
    await ikeDone;
    this.result.rekeys.ike++;
    told(`${this.result.supi} rekeyed the IKE SA`);
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
    this.seen.push(event);
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
