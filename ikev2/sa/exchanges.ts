/** Which task serves which request of the peer. */

import { IkeError } from '../wire/errors.ts';
import { EXCHANGE, NOTIFY } from '../wire/registry.ts';
import type { Payload } from '../wire/types.ts';
import { leaveBudget } from './fragments.ts';
import type { IkeSa, RequestHandler } from './ike-sa.ts';
import { find } from './payloads.ts';
import type { Opened } from './reassembly.ts';
import { answerCreateChild } from './tasks/answer-child.ts';
import { answerRekeyIke } from './tasks/answer-rekey.ts';
import type { InitiatorAuthentication } from './tasks/auth-initiator.ts';
import type { ResponderAuthentication } from './tasks/auth-responder.ts';
import { answerFollowUp } from './tasks/follow-up.ts';
import { answerFresh } from './tasks/fresh-ppk.ts';
import { answerInformational, outOfPlace } from './tasks/informational.ts';
import type { InitiatorIntermediate, ResponderIntermediate } from './tasks/intermediate.ts';

/** Requests of the peer, by exchange type and state; the same for both roles but for IKE_AUTH. */
export class Exchanges implements RequestHandler {
  /** Either is present from IKE_SA_INIT until the SA is established or closed. */
  responder: ResponderAuthentication | undefined;
  initiator: InitiatorAuthentication | undefined;
  /** IKE_INTERMEDIATE, of the initiator's side and of the responder's. */
  intermediate: InitiatorIntermediate | undefined;
  between: ResponderIntermediate | undefined;

  /** Both sides are proved, or the SA is closed: secrets of the set-up go, and what it counted for. */
  onSetUpEnded(sa: IkeSa): void {
    // One that failed counts for as long as it lingers, or whoever makes set-ups fail could have any number of them.
    if (sa.established) sa.node.gate.leave(sa.id);
    leaveBudget(sa);
    this.responder?.wipe();
    this.initiator?.wipe(sa);
    this.intermediate?.wipe();
    this.intermediate = undefined;
    this.between = undefined;
    this.responder = undefined;
    this.initiator = undefined;
  }

  /** Gives a request to its task; what it throws is the refusal. */
  onRequest(sa: IkeSa, exchange: number, payloads: readonly Payload[], opened: Opened): void {
    switch (exchange) {
      case EXCHANGE.IKE_AUTH:
        this.onAuth(sa, payloads);
        return;
      case EXCHANGE.IKE_INTERMEDIATE:
        this.onIntermediate(sa, payloads, opened);
        return;
      case EXCHANGE.CREATE_CHILD_SA:
        onCreateChild(sa, payloads);
        return;
      case EXCHANGE.IKE_FOLLOWUP_KE:
        if (!sa.established) throw outOfPlace('IKE_FOLLOWUP_KE');
        answerFollowUp(sa, payloads);
        return;
      case EXCHANGE.INFORMATIONAL:
        answerInformational(sa, payloads);
        return;
      default:
        throw outOfPlace(`exchange ${exchange}`);
    }
  }

  /** Only between IKE_SA_INIT and IKE_AUTH. [RFC9242 3.2] */
  private onIntermediate(sa: IkeSa, payloads: readonly Payload[], opened: Opened): void {
    if (this.between === undefined || sa.state !== 'initDone') throw outOfPlace('IKE_INTERMEDIATE');
    this.between.onRequest(sa, payloads, opened);
  }

  /** Of the responder alone: nobody asks an initiator for IKE_AUTH. */
  private onAuth(sa: IkeSa, payloads: readonly Payload[]): void {
    // [RFC9370 2.2.2] not before every key exchange that was agreed on.
    if (this.responder === undefined || this.between?.complete === false) throw outOfPlace('IKE_AUTH');
    this.responder.onRequest(sa, payloads);
  }
}

/**
 * A request with traffic selectors is for a Child SA, one without for the IKE SA itself. [RFC7296 1.3] While we replace the
 * IKE SA no Child SA is made on it: it would be of the old keys, and the new IKE SA would not know of it. [RFC7296 2.25.2]
 */
function onCreateChild(sa: IkeSa, payloads: readonly Payload[]): void {
  if (!sa.established) throw outOfPlace('CREATE_CHILD_SA');
  // [RFC7296 2.25.2] an SA that is being deleted gets nothing new.
  if (sa.state === 'deleting') throw new IkeError('the IKE SA is being deleted', NOTIFY.TEMPORARY_FAILURE);
  if (find(payloads, 'TSi') === undefined) {
    answerFresh(sa, payloads, (ppk) => answerRekeyIke(sa, payloads, ppk));
    return;
  }
  if (sa.replacing) throw new IkeError('the IKE SA is being replaced', NOTIFY.TEMPORARY_FAILURE);
  answerFresh(sa, payloads, (ppk) => answerCreateChild(sa, payloads, ppk));
}
