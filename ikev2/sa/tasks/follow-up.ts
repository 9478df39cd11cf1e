/** IKE_FOLLOWUP_KE of the peer: one more key exchange for an SA that its CREATE_CHILD_SA began. [RFC9370 2.2.4] */

import { ADDITIONAL_KE } from '../../crypto/suites.ts';
import type { KeyAnswer } from '../../crypto/types.ts';
import type { PpkIdentity } from '../../terms.ts';
import { IkeError } from '../../wire/errors.ts';
import { EXCHANGE, NOTIFY } from '../../wire/registry.ts';
import type { Payload } from '../../wire/types.ts';
import { childSaNotFound } from '../child-sa.ts';
import type { IkeSa } from '../ike-sa.ts';
import { fromUint32 } from '../node.ts';
import { find, findNotify } from '../payloads.ts';
import type { Series } from '../series.ts';
import { answerKey } from './key-answer.ts';

const EXCHANGE_TYPE = EXCHANGE.IKE_FOLLOWUP_KE;

/**
 * Answers a round, perhaps only when the owner has found a QKD key; the last one makes the SA. A series that is not known
 * is answered STATE_NOT_FOUND, and any error ends it.
 */
export function answerFollowUp(sa: IkeSa, payloads: readonly Payload[]): void {
  const series = sa.series.take(findNotify(payloads, NOTIFY.ADDITIONAL_KEY_EXCHANGE)?.data);
  if (series === undefined) throw stateNotFound();
  try {
    answerRound(sa, series, payloads);
  } catch (error) {
    sa.series.forget(series);
    throw error;
  }
}

/** Checks that it is the round that is due, for something that is still there, and answers with our half. */
function answerRound(sa: IkeSa, series: Series, payloads: readonly Payload[]): void {
  const step = series.steps[0];
  const ke = find(payloads, 'KE');
  checkReplaced(sa, series);
  if (step === undefined || ke?.method !== ADDITIONAL_KE[step.ke].id) {
    throw new IkeError('IKE_FOLLOWUP_KE has another key exchange than agreed on');
  }
  answerKey(
    sa,
    EXCHANGE_TYPE,
    step.ke,
    ke.data,
    () => lackingKey(sa, series),
    (answer, key) => {
      // The owner took its time.
      if (!sa.series.stands(series)) {
        answer.secret.fill(0);
        throw stateNotFound();
      }
      finishRound(sa, series, answer, key);
    },
  );
}

/** Either waits for the next round or makes the SA: the answer goes first, as the SA may change the keys under it. */
function finishRound(sa: IkeSa, series: Series, answer: KeyAnswer, key: PpkIdentity | undefined): void {
  const { method, publicValue, secret } = answer;
  series.steps.shift();
  series.secrets.push(secret);
  series.key = key ?? series.key;
  const payload = { type: 'KE' as const, method, data: publicValue };
  if (series.steps.length > 0) {
    sa.respond(EXCHANGE_TYPE, [payload, sa.series.next(series)]);
    return;
  }
  sa.series.finish(series);
  sa.respond(EXCHANGE_TYPE, [payload]);
  series.agreement.complete(series.secrets, series.key);
}

/** What is to be replaced may have gone since the CREATE_CHILD_SA. [RFC7296 2.25] */
function checkReplaced(sa: IkeSa, { agreement: { replaces } }: Series): void {
  if (sa.state === 'deleting') throw new IkeError('the IKE SA is being deleted', NOTIFY.TEMPORARY_FAILURE);
  if (replaces === undefined || replaces === 'ike') return;
  if (sa.children.get(replaces.id) !== replaces) {
    throw childSaNotFound(fromUint32(replaces.spiOut));
  }
  if (replaces.busy === 'deleting') throw new IkeError('the Child SA is going', NOTIFY.TEMPORARY_FAILURE);
}

/** For a link that is unknown, used or forgotten: the peer begins anew. [RFC9370 2.2.4] */
function stateNotFound(): IkeError {
  return new IkeError('IKE_FOLLOWUP_KE continues nothing', NOTIFY.STATE_NOT_FOUND);
}

/** The series ends with it: without this key its SA cannot be. */
function lackingKey(sa: IkeSa, series: Series): IkeError {
  sa.series.forget(series);
  return new IkeError('the QKD key that the peer names is not known', NOTIFY.NO_PROPOSAL_CHOSEN);
}
