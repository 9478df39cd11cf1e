/** A peer that has forgotten the key exchanges in whose midst we are. [RFC9370 2.2.4] */

import { NOTIFY } from '../../wire/registry.ts';
import type { IkeSa } from '../ike-sa.ts';
import { deleteIkeTask } from './informational.ts';

/** Series in a row that the peer forgot, after which the IKE SA is of no use. */
const MOST_LOST = 4;

/** Counts what a refusal says of it: one is an accident, several in a row are fatal to the IKE SA. [RFC9370 2.2.4] */
export function noteLostState(sa: IkeSa, notifyType: number): void {
  if (notifyType !== NOTIFY.STATE_NOT_FOUND) return;
  sa.statesLost++;
  if (sa.statesLost >= MOST_LOST) sa.request(deleteIkeTask('the peer forgets its key exchanges'), true);
}
