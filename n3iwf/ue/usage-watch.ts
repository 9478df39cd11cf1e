import type { Lifetimes } from '#ikev2';

/** How often the IKE engine hears what Child SAs carried, in ms: a limit may be passed by so much traffic. */
const everyMs = 10_000;

/**
 * Says when the use of Child SAs is to be told to the IKE engine, which rekeys those that reach a limit of octets or
 * packets [RFC7296 2.8]. Without such a limit, or without UEs, never: an idle node sleeps.
 */
export class UsageWatch {
  private readonly isNeeded: boolean;
  private at: number | undefined;

  constructor(lifetimes: Lifetimes | undefined) {
    const { softOctets, hardOctets, softPackets, hardPackets } = lifetimes?.child ?? {};
    this.isNeeded = [softOctets, hardOctets, softPackets, hardPackets].some((limit) => limit !== undefined);
  }

  /** True when it is time; the next time then is one interval on. */
  due(now: number): boolean {
    if (this.at === undefined || now < this.at) return false;
    this.at = now + everyMs;
    return true;
  }

  /** When to look again, as long as there are UEs. */
  deadline(now: number, ues: number): number | undefined {
    if (!this.isNeeded || ues === 0) this.at = undefined;
    else this.at ??= now + everyMs;
    return this.at;
  }
}
