/** Questions to the owner for post-quantum preshared keys; several may be open, each for an exchange of its own. */

import type { PpkIdentity, PpkPurpose, Role } from '../terms.ts';
import type { Channel } from './channel.ts';
import type { IkeSa } from './ike-sa.ts';
import type { PpkAnswer } from './waiting.ts';

type Resume = (ppks: readonly PpkAnswer[]) => void;

/** What is done with the answer, and on which exchange. */
interface Question {
  /** On which the exchange is, where the peer began it. */
  readonly channel: Channel;
  readonly exchange: number;
  readonly role: Role;
  readonly resume: Resume;
  readonly cancel: (() => void) | undefined;
}

/** An IKE SA has one. The number of a question is never used again in that SA. */
export class PpkRequests {
  private readonly sa: IkeSa;
  private readonly open = new Map<number, Question>();
  private last = 0;

  constructor(sa: IkeSa) {
    this.sa = sa;
  }

  /**
   * Asks for the key that the peer named, or with `identity` undefined for keys of ours to name. A breach of the
   * protocol that `resume` finds is answered as one in `exchange`; `cancel` is called when the SA closes before;
   * `purpose` tells the owner what a key of its choice is for.
   */
  ask(
    exchange: number,
    identity: PpkIdentity | undefined,
    resume: Resume,
    cancel?: () => void,
    purpose?: PpkPurpose,
  ): void {
    const role = identity === undefined ? 'initiator' : 'responder';
    const request = ++this.last;
    this.open.set(request, { channel: this.sa.channel, exchange, role, resume, cancel });
    const more = {
      ...(identity === undefined ? {} : { identity }),
      ...(purpose === undefined ? {} : { purpose }),
    };
    this.sa.emit({ type: 'ppkRequested', ikeSaId: this.sa.id, role, request, ...more });
  }

  /** The owner's word on question `request`, by default the oldest; no key at all is an empty list. */
  answer(ppks: readonly PpkAnswer[], request?: number): void {
    const number = request ?? this.open.keys().next().value;
    const question = number === undefined ? undefined : this.open.get(number);
    if (number === undefined || question === undefined) return;
    this.open.delete(number);
    const { channel, exchange, role, resume, cancel } = question;
    // The owner took its time: what the peer asked went with the IKE SA that was replaced meanwhile.
    if (role === 'responder' && channel !== this.sa.channel) cancel?.();
    else this.sa.guarded(exchange, role === 'responder', () => resume(ppks));
  }

  /** Nothing is awaited any more. */
  clear(): void {
    const questions = [...this.open.values()];
    this.open.clear();
    for (const { cancel } of questions) cancel?.();
  }
}
