import type { SimulatedUe, UeEvent } from '#peers';
import { requireAddress } from '../userplane/address.ts';
import type { LabSession, LabStream } from './lab-options.ts';

/** Where the packets of a lab's UE go: an address of the data network of each family. */
export interface EchoTargets {
  readonly ipv4: string;
  readonly ipv6: string;
}

/** Addresses of the simulated data network, which answers for all that is not a UE. */
export const defaultEchoTargets: EchoTargets = { ipv4: '198.51.100.1', ipv6: '2001:db8:99::1' };

/** What the traffic needs of the runner of its UE. */
export interface TrafficRunner {
  /** Commands the UE. */
  act(action: (ue: SimulatedUe) => void): void;
  /** The next event that fits; rejects when the UE fails, or after `limitMs`. */
  wait(matches: (event: UeEvent) => boolean, step: string, limitMs: number): Promise<UeEvent>;
  /** A sequence number that no echo request under way has. */
  takeSequence(): number;
  /** Sees every event until the function that is returned is called. */
  listen(listener: (event: UeEvent) => void): () => void;
}

/** An echo that takes longer is lost; a machine that is busy with other things may take seconds. */
const echoLimitMs = 5_000;
const tcpLimitMs = 10_000;
/** Octets that go back and forth over TCP in each flow. */
const tcpOctets = 20_000;
/** Sizes of the IP packets of pings and echoes, in octets. */
export const smallPacket = 84;
export const largePacket = 1400;
/** Octets in front of the data of UDP and ICMP, by the octets of an address. */
const headerOctets: Readonly<Record<number, number>> = { 4: 28, 16: 48 };
/** Between two packets of a stream during which SAs are rekeyed one after the other. */
export const denseStreamMs = 5;
/** Numbers of streams are apart from those of single echoes. */
const firstStreamNumber = 1_000_000;

/** Pings, echoes and streams through the flows of a UE's sessions. */
export class LabTraffic {
  private readonly runner: TrafficRunner;
  private readonly targets: EchoTargets;
  private nextNumber = 1;

  constructor(runner: TrafficRunner, targets: EchoTargets) {
    this.runner = runner;
    this.targets = targets;
  }

  /** An address of the data network for each family that the session has. */
  private targetsOf({ ip }: Pick<LabSession, 'ip'>): Uint8Array[] {
    return ip
      .split(' ')
      .filter((address) => address !== '')
      .map((address) => requireAddress(address.includes(':') ? this.targets.ipv6 : this.targets.ipv4));
  }

  /** Sends packets of these sizes as echo requests in each flow, one after the other; the round trip is the mean. */
  async ping(
    session: Pick<LabSession, 'id' | 'ip' | 'qfis'>,
    sizes: readonly number[],
  ): Promise<LabSession['ping']> {
    const times: number[] = [];
    let sent = 0;
    for (const [target, qfi, size] of this.each(session, sizes)) {
      const sequence = this.runner.takeSequence();
      const pong = this.runner.wait(
        (event) => event.type === 'pong' && event.sequence === sequence,
        'ping',
        echoLimitMs,
      );
      const octets = size - (headerOctets[target.length] ?? 0);
      sent++;
      this.runner.act((ue) => ue.sessions.ping(session.id, target, sequence, { qfi, octets }));
      const answer = await pong.catch(() => undefined);
      if (answer?.type === 'pong') times.push(answer.rttMs);
    }
    const mean = times.reduce((sum, time) => sum + time, 0) / Math.max(1, times.length);
    return { sent, received: times.length, rttMs: Number(mean.toFixed(3)) };
  }

  private each(
    { ip, qfis }: Pick<LabSession, 'ip' | 'qfis'>,
    sizes: readonly number[],
  ): (readonly [Uint8Array, number, number])[] {
    return this.targetsOf({ ip }).flatMap((target) =>
      qfis.flatMap((qfi) => sizes.map((size) => [target, qfi, size] as const)),
    );
  }

  /** Sends packets of these sizes to the UDP echo in each flow; what comes back must be as large, in the same flow. */
  async echoUdp(
    session: Pick<LabSession, 'id' | 'ip' | 'qfis'>,
    sizes: readonly number[],
  ): Promise<LabSession['udp']> {
    let sent = 0;
    let received = 0;
    for (const [target, qfi, size] of this.each(session, sizes)) {
      const number = this.nextNumber++;
      const octets = size - (headerOctets[target.length] ?? 0);
      const back = this.runner.wait(
        (event) => event.type === 'udpEchoed' && event.number === number,
        'UDP echo',
        echoLimitMs,
      );
      sent++;
      this.runner.act((ue) => ue.sessions.echoUdp(session.id, qfi, target, number, octets));
      const answer = await back.catch(() => undefined);
      if (answer?.type === 'udpEchoed' && answer.qfi === qfi && answer.octets === octets) received++;
    }
    return { sent, received };
  }

  /** Sends octets to the TCP echo in each flow, and compares what comes back. */
  async echoTcp(session: Pick<LabSession, 'id' | 'ip' | 'qfis'>): Promise<LabSession['tcp']> {
    const total = { sent: 0, received: 0, intact: true };
    for (const [target, qfi] of this.each(session, [0])) {
      const done = this.runner.wait((event) => event.type === 'tcpEchoed', 'TCP echo', tcpLimitMs);
      this.runner.act((ue) => ue.sessions.echoTcp(session.id, qfi, target, tcpOctets));
      const outcome = await done.catch(() => undefined);
      total.sent += tcpOctets;
      if (outcome?.type === 'tcpEchoed') total.received += outcome.octets;
      total.intact &&= outcome?.type === 'tcpEchoed' && outcome.intact;
    }
    return total;
  }

  /** Begins a numbered stream in each flow of each session, a packet every so many ms; the function ends it and tells how it went. */
  startStream(sessions: readonly LabSession[], everyMs: number): () => Promise<LabStream> {
    const awaited = new Set<number>();
    let sent = 0;
    let number = firstStreamNumber;
    const stopListening = this.runner.listen((event) => {
      if (event.type === 'udpEchoed') awaited.delete(event.number);
    });
    const flows = sessions.flatMap((session) =>
      this.each(session, [smallPacket]).map(([target, qfi]) => ({ id: session.id, target, qfi })),
    );
    const timer = setInterval(() => {
      this.runner.act((ue) => {
        for (const { id, target, qfi } of flows) {
          awaited.add(number);
          sent++;
          ue.sessions.echoUdp(id, qfi, target, number++, 16);
        }
      });
    }, everyMs);
    return async () => {
      clearInterval(timer);
      const limit = performance.now() + echoLimitMs;
      while (awaited.size > 0 && performance.now() < limit)
        await new Promise((resolve) => setTimeout(resolve, 10));
      stopListening();
      return { sent, lost: awaited.size };
    };
  }
}
