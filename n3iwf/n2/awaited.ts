import type { UeContext } from '../ue/context.ts';

/**
 * What is owed: by an AMF for a UE the answer to a release request, and the one to a modify indication; by a UE that
 * the AMF releases in the middle of EAP the sign that it took its EAP-Failure.
 */
export type AwaitedAnswer = 'UEContextReleaseCommand' | 'PDUSessionResourceModifyConfirm' | 'EapFailureTaken';

/** How long an answer may take, in ms. TS 38.413 sets no time: free5GC and Open5GS answer within a second. */
export const answerWaitMs = 10_000;

/** One answer that is due, until `at` in ms of the clock. */
interface Wait {
  readonly ue: UeContext;
  readonly answer: AwaitedAnswer;
  readonly at: number;
}

/** Answers that are due, one of each kind for each UE. Every wait is equally long, so the oldest is due first. */
export class AwaitedAnswers {
  private readonly waits = new Map<string, Wait>();

  /** Starts the wait, or starts it anew. */
  expect(now: number, ue: UeContext, answer: AwaitedAnswer): void {
    const key = keyOf(ue, answer);
    this.waits.delete(key);
    this.waits.set(key, { ue, answer, at: now + answerWaitMs });
  }

  /** The answer came, or is no longer of interest. */
  settle(ue: UeContext, answer: AwaitedAnswer): void {
    this.waits.delete(keyOf(ue, answer));
  }

  /** When the first wait is over, in ms of the clock. */
  deadline(): number | undefined {
    for (const { at } of this.waits.values()) return at;
    return undefined;
  }

  /** Ends the waits that are over at `now` and names them. */
  expire(now: number): readonly Pick<Wait, 'ue' | 'answer'>[] {
    const over: Wait[] = [];
    for (const [key, wait] of this.waits) {
      if (wait.at > now) break;
      this.waits.delete(key);
      over.push(wait);
    }
    return over;
  }
}

function keyOf({ id }: UeContext, answer: AwaitedAnswer): string {
  return `${id} ${answer}`;
}
