/** What `n3iwf ue` does when it is to stay: numbered pings without end, and its SAs follow the interface's address. */
import type { LabUeRunner } from './lab-ue.ts';

/** How the UE stays. Times in ms. */
export interface StayPlan {
  readonly everyMs: number;
  /** An echo request without answer for so long is lost. */
  readonly limitMs: number;
  /** The address of the UE's interface at present; undefined while it has none. */
  readonly address: () => string | undefined;
}

/** What became of the pings. */
export interface StaySummary {
  readonly sent: number;
  readonly lost: readonly number[];
  readonly moves: number;
}

/** The part of a UE that staying needs; a {@link LabUeRunner} has it. */
export type StayingUe = Pick<LabUeRunner, 'echo' | 'moveTo' | 'gone'> & {
  readonly ue: { readonly stack: { spis(): string[] } };
};

const firstSession = 1;

/** Sequence numbers as ranges: `3, 7-9`. */
export function ranges(numbers: readonly number[]): string {
  const found: [number, number][] = [];
  for (const number of [...numbers].sort((a, b) => a - b)) {
    const last = found.at(-1);
    if (last !== undefined && number === last[1] + 1) last[1] = number;
    else found.push([number, number]);
  }
  return found.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(', ');
}

/**
 * Sends an echo request every `everyMs` and tells each answer and each loss by its number, until `ended` resolves;
 * answers that are due then are waited for. Between two requests it looks at the address: a new one takes the SAs along.
 *
 * @param from the address at which the UE attached
 * @throws Error when the N3IWF does not take a new address, or ends the IKE SA
 */
export async function stay(
  runner: StayingUe,
  from: string,
  plan: StayPlan,
  ended: Promise<void>,
  say: (line: string) => void,
): Promise<StaySummary> {
  const run = new Stay(runner, from, plan, say);
  let isOver = false;
  void ended.then(() => {
    isOver = true;
  });
  const gone = runner.gone();
  say(`Child SAs ${runner.ue.stack.spis().join(' ')}`);
  while (!isOver) {
    run.look();
    run.ping();
    await Promise.race([ended, gone, run.fault, new Promise((resolve) => setTimeout(resolve, plan.everyMs))]);
  }
  return await run.end();
}

/** Pings and moves that are under way. */
class Stay {
  /** Rejects when a move fails; never resolves. */
  readonly fault: Promise<never>;
  private fail: (error: unknown) => void = () => {};
  private readonly runner: StayingUe;
  private readonly plan: StayPlan;
  private readonly say: (line: string) => void;
  private readonly pending = new Set<Promise<void>>();
  private readonly lost: number[] = [];
  private at: string;
  private sent = 0;
  private moves = 0;
  private isMoving = false;

  constructor(runner: StayingUe, from: string, plan: StayPlan, say: (line: string) => void) {
    this.runner = runner;
    this.at = from;
    this.plan = plan;
    this.say = say;
    this.fault = new Promise((_, reject) => {
      this.fail = reject;
    });
    this.fault.catch(() => {}); // whoever races it sees it
  }

  /** Begins a move when the interface has another address; one at a time. */
  look(): void {
    const address = this.plan.address();
    if (this.isMoving || address === undefined || address === this.at) return;
    this.at = address;
    this.isMoving = true;
    void this.follow(address).catch(this.fail);
  }

  private async follow(address: string): Promise<void> {
    this.say(`at ${address} now: telling the N3IWF`);
    const took = await this.runner.moveTo(address);
    this.isMoving = false;
    this.moves++;
    const spis = this.runner.ue.stack.spis().join(' ');
    this.say(`moved to ${address} by MOBIKE in ${took.toFixed(0)} ms, Child SAs ${spis}`);
  }

  ping(): void {
    const { sequence, answer } = this.runner.echo(firstSession, {}, this.plan.limitMs);
    this.sent++;
    const told = answer.then((rttMs) => {
      if (rttMs === undefined) this.lost.push(sequence);
      this.say(`ping ${sequence}: ${rttMs === undefined ? 'lost' : `${rttMs.toFixed(1)} ms`}`);
      this.pending.delete(told);
    });
    this.pending.add(told);
  }

  async end(): Promise<StaySummary> {
    await Promise.all(this.pending);
    const { sent, lost, moves } = this;
    const gaps = lost.length === 0 ? 'none' : ranges(lost);
    this.say(`pings: ${sent} sent, ${sent - lost.length} answered, lost ${gaps}`);
    return { sent, lost, moves };
  }
}
