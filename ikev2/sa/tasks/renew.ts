/** What happens when the life of keys ends: rekeys that begin by themselves, and the end of what was not rekeyed. [RFC7296 2.8] */

import type { ChildRecord } from '../child-sa.ts';
import type { IkeSa } from '../ike-sa.ts';
import { armLifetimes, postpone } from '../lifetimes.ts';
import { mayRekey, rekeyChildTask } from './create-child.ts';
import { requestFresh } from './fresh-ppk.ts';
import { deleteChildTask, deleteIkeTask } from './informational.ts';
import { RekeyIkeTask } from './rekey-ike.ts';

/** Begins and ends what is due, and sets the timer anew. */
export function renew(sa: IkeSa): void {
  if (sa.state !== 'established') return;
  if (sa.reauthenticateAt !== undefined && sa.reauthenticateAt <= sa.now) {
    sa.reauthenticateAt = undefined;
    sa.emit({ type: 'reauthenticationDue', ikeSaId: sa.id });
  }
  renewIke(sa);
  for (const child of [...sa.children.values()]) renewChild(sa, child);
  armLifetimes(sa);
}

/** The IKE SA's keys, and how long its authentication counts. [RFC4478 3] */
function renewIke(sa: IkeSa): void {
  const { life, now } = sa;
  const unauthenticated = sa.authenticationEnds !== undefined && sa.authenticationEnds <= now;
  if (unauthenticated || (life !== undefined && life.expireAt <= now)) {
    sa.authenticationEnds = undefined;
    sa.life = undefined;
    sa.request(
      deleteIkeTask(unauthenticated ? 'not authenticated again in time' : 'not rekeyed in time'),
      true,
    );
    return;
  }
  if (life === undefined || life.rekeyAt > now) return;
  postpone(sa, life);
  if (!sa.busy) requestFresh(sa, new RekeyIkeTask(sa));
}

/** What took its place is still there, or has been replaced in its turn. Otherwise it serves on. */
function hasSuccessor(sa: IkeSa, { replaced }: ChildRecord): boolean {
  for (let next = replaced?.by; next !== undefined; next = next.replaced?.by) {
    if (sa.children.get(next.id) === next) return true;
  }
  return false;
}

/** Make before break: the old one stays until its successor is there, and no longer than its hard limit. */
function renewChild(sa: IkeSa, child: ChildRecord): void {
  const { life, replaced } = child;
  if (replaced !== undefined && replaced.deleteBy <= sa.now) {
    if (!hasSuccessor(sa, child)) {
      child.replaced = undefined;
      return;
    }
    child.replaced = { ...replaced, deleteBy: Number.POSITIVE_INFINITY };
    sa.request(deleteChildTask(child, 'the peer replaced it and did not delete it'), true);
    return;
  }
  if (life === undefined) return;
  if (life.expireAt <= sa.now) {
    child.life = undefined;
    sa.request(deleteChildTask(child, 'not rekeyed in time'), true);
    return;
  }
  if (life.rekeyAt > sa.now) return;
  postpone(sa, life);
  if (child.busy === 'no' && mayRekey(sa, child)) requestFresh(sa, rekeyChildTask(sa, child));
}
