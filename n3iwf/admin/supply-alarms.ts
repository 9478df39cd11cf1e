import type { Journal } from '../journal/journal.ts';
import type { KeySupply } from './metrics.ts';

/** Tells the journal of one look at the KME and its link: alarms that follow from it, and a change of the keying. */
export function noteSupply(journal: Journal, before: KeySupply | undefined, seen: KeySupply): void {
  const { alarms, feed } = journal;
  const { reachable, fallback, distrusted = false, qber, reason = '' } = seen;
  alarms.set('kmeUnreachable', !reachable, reachable ? 'the KME answers again' : 'the KME gives no answer');
  const rate = qber === undefined ? '' : ` at ${(qber * 100).toFixed(1)} %`;
  alarms.set('qberHigh', distrusted, `error rate of the link${rate}`);
  const { storeTrouble } = seen;
  const storeDetail = storeTrouble === undefined ? 'the key store works again' : storeTrouble.detail;
  alarms.set('keyStoreUnreadable', storeTrouble !== undefined, storeDetail);
  const stock =
    seen.needKeys === undefined
      ? ''
      : `: ${Math.round(seen.needKeys)} wanted, ${Math.round(seen.supplyKeys ?? 0)} to be had`;
  alarms.set('keysTooFew', fallback, `${reason}${stock}`);
  if (fallback !== (before?.fallback ?? false))
    feed.add({ kind: 'mode', name: fallback ? 'fallback' : 'qkd', detail: reason });
}
