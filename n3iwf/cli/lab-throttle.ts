/**
 * A lab run by a schedule for its quantum link: UEs that the N3IWF rekeys by its own policy controller, with a numbered
 * stream through each, while the link is throttled and comes back. Sockets, KMEs, stores and clock are the real ones; what
 * is scaled are lifetimes and pool, so that a run takes minutes.
 */
import type { IkeEvent } from '#ikev2';
import type { KeyingState, LinkSimulator } from '#qkd';
import { monotonicMs } from '../io/machine.ts';
import type { KeyingSettings } from '../keying-watch.ts';
import { ikeLives, labLifetimes } from './lab-config.ts';
import { bitsOf, type LinkSchedule, type ScheduleLeg } from './lab-schedule.ts';
import type { AttachPlan, LabUeRunner } from './lab-ue.ts';
import { changeText, type LinkLeg, type LinkRun, type LinkSample } from './lab-verdict.ts';
import { SaTally } from './sa-tally.ts';

/** How often link and SAs are looked at, ms. */
const TICK_MS = 100;
/** Between two packets of a flow. */
const PACKET_EVERY_MS = 200;
const KEY_BITS = 256;
/** Soft limits come earlier by up to a tenth, at random: by half of it on average. */
const EARLY = 0.95;

/** What a run needs of the lab's network. */
export interface ThrottledNetwork {
  readonly link: LinkSimulator;
  /** As the node's controller has them. */
  readonly keying: KeyingSettings;
  /** Sees each look of the node at its supply, and each event of its IKE engine. */
  watch(looked: (state: KeyingState) => void, observe: (event: IkeEvent) => void): void;
}

/** One run. Handle: {@link attach}, {@link follow}, {@link finish}, in that order. */
export class ThrottleRun {
  private readonly network: ThrottledNetwork;
  private readonly schedule: LinkSchedule;
  private readonly rekeyMs: number;
  private readonly told: (text: string) => void;
  private readonly tally: SaTally;
  private readonly streams: (() => Promise<{ sent: number; lost: number }>)[] = [];
  private readonly samples: LinkSample[] = [];
  private readonly changes: LinkSample[] = [];
  private readonly legs: LinkLeg[] = [];
  private beganMs = monotonicMs();
  private mode: LinkSample['mode'] = 'qkd';
  private leastInQkd = Number.POSITIVE_INFINITY;
  private leastInLeg = Number.POSITIVE_INFINITY;
  /** UEs that are gone, which none should be while the schedule runs. */
  readonly gone: string[] = [];
  private ended = false;

  constructor(
    network: ThrottledNetwork,
    schedule: LinkSchedule,
    rekeySeconds: number,
    told: (text: string) => void,
  ) {
    this.network = network;
    this.schedule = schedule;
    this.rekeyMs = rekeySeconds * 1000;
    this.told = told;
    const { child, ike } = labLifetimes(rekeySeconds);
    this.tally = new SaTally({ childMs: child.hardMs, ikeMs: ike.hardMs });
    network.watch(
      (state) => this.looked(state),
      (event) => {
        if (!this.ended) this.tally.observe(event, monotonicMs());
      },
    );
    this.setRate(schedule.legs[0]);
  }

  /**
   * UEs come one after the other over a lifetime, so that their rekeys come evenly, and begin their streams.
   *
   * @returns those that are attached, and why the others are not
   */
  async attach(
    runners: readonly LabUeRunner[],
    plan: AttachPlan,
  ): Promise<{ readonly alive: LabUeRunner[]; readonly errors: string[] }> {
    const alive: LabUeRunner[] = [];
    const errors: string[] = [];
    const began = monotonicMs();
    for (const [index, runner] of runners.entries()) {
      try {
        await runner.attach(() => {}, plan);
        this.streams.push(runner.startStream(PACKET_EVERY_MS));
        runner.gone().catch((error: unknown) => {
          if (!this.ended) this.gone.push(error instanceof Error ? error.message : String(error));
        });
        alive.push(runner);
      } catch (error) {
        errors.push(error instanceof Error ? error.message : String(error));
      }
      await until(began + (this.rekeyMs * (index + 1)) / runners.length);
    }
    this.told(`${alive.length} of ${runners.length} UEs are attached, each with a stream through every flow`);
    return { alive, errors };
  }

  /** Lets the link give what the schedule says, until its end. */
  async follow(): Promise<void> {
    this.beganMs = monotonicMs();
    this.samples.length = 0;
    this.changes.length = 0;
    this.leastInQkd = Number.POSITIVE_INFINITY;
    const { legs, endMs } = this.schedule;
    for (const [index, leg] of legs.entries()) await this.runLeg(leg, legs[index + 1]?.fromMs ?? endMs);
  }

  private async runLeg(leg: ScheduleLeg, untilMs: number): Promise<void> {
    const bits = this.setRate(leg);
    this.told(`the link gives ${leg.text}${leg.unit === 'need' ? ` (${Math.round(bits)} bit/s)` : ''}`);
    const before = { ...this.tally.counts };
    const changed = this.changes.length;
    this.leastInLeg = Number.POSITIVE_INFINITY;
    do {
      this.look();
      await until(Math.min(monotonicMs() + TICK_MS, this.beganMs + untilMs));
    } while (monotonicMs() < this.beganMs + untilMs);
    const { quantumRekeys, mlKemRekeys } = this.tally.counts;
    this.legs.push({
      fromMs: leg.fromMs,
      link: leg.text,
      seconds: (untilMs - leg.fromMs) / 1000,
      mode: this.mode,
      fallbacks: this.changes.slice(changed).filter(({ mode }) => mode === 'fallback').length,
      leastPool: this.leastInLeg,
      quantumRekeys: quantumRekeys - before.quantumRekeys,
      mlKemRekeys: mlKemRekeys - before.mlKemRekeys,
    });
  }

  /** Ends the streams, and says what was seen. */
  async finish(): Promise<LinkRun> {
    this.ended = true;
    const streams = await Promise.all(this.streams.map((stop) => stop()));
    const { samples, changes, legs, leastInQkd } = this;
    const total = (of: (stream: { sent: number; lost: number }) => number) =>
      streams.reduce((sum, stream) => sum + of(stream), 0);
    const packets = { sent: total(({ sent }) => sent), lost: total(({ lost }) => lost) };
    return { legs, samples, changes, leastInQkd, counts: { ...this.tally.counts }, packets };
  }

  /** What the rekeys of all SAs take, bits a second. */
  private get needBitsPerSecond(): number {
    const perMs = (this.tally.childSaCount + this.tally.ikeSaCount / ikeLives) / (this.rekeyMs * EARLY);
    return perMs * 1000 * KEY_BITS;
  }

  /** The link comes up to now first, so that the rate begins now. */
  private setRate(leg: ScheduleLeg | undefined): number {
    const bits = leg === undefined ? 0 : bitsOf(leg, this.needBitsPerSecond);
    this.network.link.advance(monotonicMs());
    this.network.link.setRate(bits);
    return bits;
  }

  /** Finer than the controller's own looks, so that a pool that is empty in between is seen. */
  private look(): void {
    const now = monotonicMs();
    this.network.link.advance(now);
    const pool = Math.floor(this.network.link.state().availableBits / KEY_BITS);
    this.leastInLeg = Math.min(this.leastInLeg, pool);
    if (this.mode === 'qkd') this.leastInQkd = Math.min(this.leastInQkd, pool);
    this.tally.check(now);
  }

  private looked(state: KeyingState): void {
    if (this.ended) return;
    const { mode, reason, storedKeys, needKeys, supplyKeys, keysPerSecond } = state;
    const { rateBitsPerSecond: linkBitsPerSecond } = this.network.link.state();
    const atMs = Math.round(monotonicMs() - this.beganMs);
    const figures = { storedKeys, needKeys, supplyKeys, keysPerSecond, linkBitsPerSecond };
    const sample: LinkSample = { atMs, ...figures, mode, reason };
    this.samples.push(sample);
    if (mode === this.mode) return;
    this.mode = mode;
    this.changes.push(sample);
    this.told(changeText(sample));
  }
}

/** Waits for a moment of the monotonic clock. */
function until(atMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, atMs - monotonicMs())));
}
