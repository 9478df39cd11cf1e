import type { SocketAddress } from '#ikev2';
import type { SimulatedUe, UeAddresses, UeConfig, UeEvent, UePorts } from '#peers';
import { OperatorError } from '../errors.ts';
import { monotonicMs, randomOctets } from '../io/machine.ts';
import { UdpSocket } from '../io/udp.ts';
import { WakeTimer } from '../io/wake-timer.ts';
import { requireAddress } from '../userplane/address.ts';
import type { LabUe } from './lab-options.ts';

type EventOf<T extends UeEvent['type']> = Extract<UeEvent, { type: T }>;
type UeClass = new (...parameters: ConstructorParameters<typeof SimulatedUe>) => SimulatedUe;
interface Waiter {
  readonly matches: (event: UeEvent) => boolean;
  readonly settle: (event: UeEvent) => void;
}

/** Longest wait for any one step of a UE, in ms. */
const stepLimitMs = 15_000;
const sessionId = 1;
const defaultPingTarget = '198.51.100.1';

/** One simulated UE on sockets of its own, driven through the steps of a lab run. */
export class LabUeRunner {
  readonly ue: SimulatedUe;
  readonly result: LabUe;
  private readonly sockets: readonly UdpSocket[];
  /** IPv4 address that is pinged through the session. */
  private readonly pingTarget: string;
  private readonly timer: WakeTimer;
  private readonly waiters = new Set<Waiter>();
  private readonly seen: UeEvent[] = [];

  private constructor(
    ue: SimulatedUe,
    timer: WakeTimer,
    sockets: readonly UdpSocket[],
    result: LabUe,
    pingTarget: string,
  ) {
    this.ue = ue;
    this.pingTarget = pingTarget;
    this.timer = timer;
    this.sockets = sockets;
    this.result = result;
  }

  static async open(
    SimulatedUe: UeClass,
    config: UeConfig,
    at: UeAddresses,
    ports: Pick<UePorts, 'obtainQkdKey' | 'verifyCertificate'>,
    pingTarget = defaultPingTarget,
  ): Promise<LabUeRunner> {
    let runner: LabUeRunner | undefined;
    const received = (data: Uint8Array, remote: SocketAddress, local: SocketAddress) => {
      runner?.ue.receive(data, local, remote);
      runner?.timer.rearm();
    };
    const ike = await UdpSocket.open(at.local, received);
    const nat = await UdpSocket.open(at.localNat, received);
    const ue = new SimulatedUe(config, at, {
      now: monotonicMs,
      random: randomOctets,
      send: (datagram, local, remote) => (local.port === nat.local.port ? nat : ike).send(datagram, remote),
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
      pduSessions: [],
      rekeys: { child: 0, ike: 0 },
      timesMs: { ikeSaInit: 0, registration: 0, pduSession: 0 },
    };
    runner = new LabUeRunner(ue, new WakeTimer(ue, monotonicMs), [ike, nat], result, pingTarget);
    return runner;
  }

  /** Registers, opens a session and pings through it. Rejects at the first step that fails, naming it. */
  async attach(told: (text: string) => void): Promise<void> {
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
    await this.openSession(since, told);
  }

  private async openSession(since: () => number, told: (text: string) => void): Promise<void> {
    const up = this.next('sessionUp', 'PDU session');
    this.act((ue) => ue.sessions.request(sessionId));
    const { address, qfis } = await up;
    this.result.timesMs.pduSession = since();
    told(`${this.result.supi} has PDU session ${sessionId}, address ${address}, QFI ${qfis.join(' ')}`);
    const ping = await this.ping(5);
    this.result.pduSessions.push({ id: sessionId, ip: address, qfis, ping });
    told(
      `${this.result.supi} pinged ${this.pingTarget}: ${ping.received} of ${ping.sent}, ${ping.rttMs.toFixed(2)} ms`,
    );
  }

  private firstSequence = 1;

  /** Sends `count` echo requests one after the other; the round trip is the mean of those answered. */
  async ping(count: number): Promise<{ sent: number; received: number; rttMs: number }> {
    const times: number[] = [];
    const target = requireAddress(this.pingTarget);
    for (let i = 0; i < count; i++) {
      const sequence = this.firstSequence++;
      const pong = this.wait((event) => event.type === 'pong' && event.sequence === sequence, 'ping', 1000);
      this.act((ue) => ue.sessions.ping(sessionId, target, sequence));
      const answer = await pong.catch(() => undefined);
      if (answer?.type === 'pong') times.push(answer.rttMs);
    }
    const mean = times.reduce((sum, time) => sum + time, 0) / Math.max(1, times.length);
    return { sent: count, received: times.length, rttMs: Number(mean.toFixed(3)) };
  }

  /** Rekeys the session's Child SA and sees that packets still pass. */
  async rekey(told: (text: string) => void): Promise<void> {
    const done = this.next('childSaRekeyed', 'Child SA rekey');
    this.act((ue) => ue.rekey(sessionId));
    await done;
    this.result.rekeys.child++;
    const { sent, received } = await this.ping(2);
    if (received !== sent)
      throw new OperatorError('N3IWF_E_N2', `ping after rekey: ${received} of ${sent} answered`);
    told(`${this.result.supi} rekeyed the session's Child SA and still pings`);
  }

  /** Releases the session, deregisters, and waits until the network has deleted the IKE SA. */
  async detach(told: (text: string) => void): Promise<void> {
    const down = this.next('sessionDown', 'PDU session release');
    this.act((ue) => ue.sessions.release(sessionId));
    await down;
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
    await Promise.all(this.sockets.map((socket) => socket.close()));
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
    return (await this.wait((event) => event.type === type, step, stepLimitMs)) as EventOf<T>;
  }

  /** The next event that fits; rejects when the UE fails or closes first, or the time is over. */
  private wait(matches: (event: UeEvent) => boolean, step: string, limitMs: number): Promise<UeEvent> {
    return new Promise((resolve, reject) => {
      const finish = (result: () => void) => {
        clearTimeout(limit);
        this.waiters.delete(waiter);
        result();
      };
      const fault = (at: string, reason: string) => new Error(`${this.result.supi}: ${at}: ${reason}`);
      const limit = setTimeout(
        () => finish(() => reject(fault(step, `nothing within ${limitMs / 1000} s`))),
        limitMs,
      );
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
