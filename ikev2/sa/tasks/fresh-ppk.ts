/**
 * A fresh PPK for each SA that CREATE_CHILD_SA makes: new and rekeyed Child SAs, and the rekeyed IKE SA. Who starts the
 * exchange offers keys by name, who answers it picks one. [RFC9867 3.2]
 */

import type { PpkMode } from '../../configuration.ts';
import type { PpkPurpose } from '../../terms.ts';
import { IkeError } from '../../wire/errors.ts';
import { EXCHANGE, NOTIFY } from '../../wire/registry.ts';
import type { NotifyPayload, Payload } from '../../wire/types.ts';
import type { IkeSa } from '../ike-sa.ts';
import { find } from '../payloads.ts';
import type { Task } from '../task.ts';
import type { PpkAnswer } from '../waiting.ts';
import {
  chooseCandidate,
  identityKeyNotifies,
  type NamedPpk,
  namedPpks,
  readCandidates,
  takenPpk,
  wipePpks,
} from './ppk-candidates.ts';

/** An SA that we started has its own mode, for what either side begins on it. */
function mode(sa: IkeSa): PpkMode {
  return sa.profile?.ppk ?? sa.node.config.ppk;
}

/** The keys that one request of ours offers. */
export class PpkOffer {
  private ppks: NamedPpk[] = [];

  /** Takes the owner's keys; false when there is none and the SA may not be made without. */
  fill(sa: IkeSa, answers: readonly PpkAnswer[]): boolean {
    this.ppks = namedPpks(answers);
    return this.ppks.length > 0 || mode(sa) !== 'required';
  }

  /** What the request says of them. */
  notifies(sa: IkeSa, nonce: Uint8Array): NotifyPayload[] {
    return identityKeyNotifies(this.ppks, (secret) => sa.keymat.freshPpkConfirmation(secret, nonce));
  }

  /** The key that the answer names, if any; an error where the peer had to take one, or took another. */
  taken(sa: IkeSa, payloads: readonly Payload[]): NamedPpk | undefined | Error {
    const taken = takenPpk(this.ppks, payloads);
    if (taken === 'unknown') return new Error('the peer names a PPK that was not offered');
    const lacking = taken === undefined && sa.freshPpks && mode(sa) === 'required';
    return lacking ? new Error('the peer took no PPK') : taken;
  }

  /** Overwrites them, used or not. */
  wipe(): void {
    wipePpks(this.ppks);
    this.ppks = [];
  }
}

/** A CREATE_CHILD_SA of ours and the keys of the owner on which it may depend. */
export interface FreshTask extends Task {
  readonly ppks: PpkOffer;
  readonly purpose: PpkPurpose;
  /** Its key exchanges, of which a QKD key may be one. */
  readonly rounds: {
    readonly wantsKey: boolean;
    settleKey(keys: readonly NamedPpk[]): boolean;
  };
}

/**
 * Sends a CREATE_CHILD_SA of ours as soon as the owner has handed in what it depends on: a QKD key where one is to be
 * exchanged, then fresh PPKs where they were agreed on.
 */
export function requestFresh(sa: IkeSa, task: FreshTask): void {
  if (!task.rounds.wantsKey) {
    obtainPpks(sa, task);
    return;
  }
  ask(sa, task, (answers) => {
    if (task.rounds.settleKey(namedPpks(answers))) obtainPpks(sa, task);
    else task.abandon?.(sa, 'there is no QKD key');
  });
}

/** Several may be offered; where none was agreed on for each SA, none is asked for. */
function obtainPpks(sa: IkeSa, task: FreshTask): void {
  if (!sa.freshPpks) {
    sa.request(task);
    return;
  }
  ask(sa, task, (answers) => {
    if (task.ppks.fill(sa, answers)) sa.request(task);
    else task.abandon?.(sa, 'there is no fresh PPK');
  });
}

/** The task waits outside the queue meanwhile: others go on. */
function ask(sa: IkeSa, task: FreshTask, resume: (answers: readonly PpkAnswer[]) => void): void {
  const cancel = () => task.abandon?.(sa, 'the IKE SA closed before there was a key');
  sa.ppks.ask(EXCHANGE.CREATE_CHILD_SA, undefined, resume, cancel, task.purpose);
}

/**
 * Finds the key for a request of the peer, then goes on; `act` gets undefined where both may do without. The answer is
 * NO_PROPOSAL_CHOSEN where this side may not.
 */
export function answerFresh(
  sa: IkeSa,
  payloads: readonly Payload[],
  act: (ppk: NamedPpk | undefined) => void,
): void {
  const { channel, keymat } = sa;
  const goOn = (ppk: NamedPpk | undefined) => {
    // The owner took its time, and the request went with the channel on which it came.
    if (sa.channel === channel && sa.established) {
      if (ppk === undefined && sa.freshPpks && mode(sa) === 'required') {
        throw new IkeError('no PPK of the request is known', NOTIFY.NO_PROPOSAL_CHOSEN);
      }
      act(ppk);
    }
    ppk?.secret.fill(0);
  };
  const nonce = find(payloads, 'Nonce')?.data ?? new Uint8Array(0);
  const confirm = (secret: Uint8Array) => keymat.freshPpkConfirmation(secret, nonce);
  const candidates = sa.freshPpks ? readCandidates(payloads) : [];
  chooseCandidate(sa, EXCHANGE.CREATE_CHILD_SA, candidates, confirm, goOn);
}
