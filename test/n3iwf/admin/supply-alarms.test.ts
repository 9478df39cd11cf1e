import { expect, it } from 'vitest';
import type { KeySupply } from '../../../n3iwf/admin/metrics.ts';
import { noteSupply } from '../../../n3iwf/admin/supply-alarms.ts';
import { Journal } from '../../../n3iwf/journal/journal.ts';

const calm: KeySupply = { reachable: true, storedKeys: 70, qber: 0.02, keysPerSecond: 9, fallback: false };

/** What the feed hears of looks in a row. */
function told(...looks: KeySupply[]): string[] {
  const journal = new Journal({ now: () => 0, wallMs: () => 0 });
  looks.forEach((seen, at) => {
    noteSupply(journal, looks[at - 1], seen);
  });
  return journal.feed
    .since(0)
    .map((event) =>
      event.kind === 'alarm'
        ? `${event.name} ${event.raised ? 'raised' : 'cleared'}: ${event.detail}`
        : `${event.kind} ${event.name}: ${event.detail}`,
    );
}

it('says nothing while all is well', () => {
  expect(told(calm, calm, { ...calm, storedKeys: 3 })).toEqual([]);
});

it('tells each alarm when it comes and when it goes', () => {
  const lost = { ...calm, reachable: false, storedKeys: undefined, qber: undefined };
  const spied = { ...calm, qber: 0.113, distrusted: true };
  expect(told(calm, lost, lost, calm, spied, { ...spied, distrusted: false })).toEqual([
    'kmeUnreachable raised: the KME gives no answer',
    'kmeUnreachable cleared: the KME answers again',
    'qberHigh raised: error rate of the link at 11.3 %',
    'qberHigh cleared: error rate of the link at 11.3 %',
  ]);
});

it('tells what is wrong with the key store, and that it works again', () => {
  const damaged = {
    ...calm,
    storeTrouble: { reason: 'storage-full', detail: 'key storage a.db: disk is full' },
  };
  expect(told(calm, damaged, damaged, calm)).toEqual([
    'keyStoreUnreadable raised: key storage a.db: disk is full',
    'keyStoreUnreadable cleared: the key store works again',
  ]);
});

it('tells the mode of keying when it changes, with what was wanted', () => {
  const short = { ...calm, fallback: true, reason: 'pool', needKeys: 90.4, supplyKeys: 12 };
  expect(told(short, short, { ...calm, reason: 'supply' })).toEqual([
    'keysTooFew raised: pool: 90 wanted, 12 to be had',
    'mode fallback: pool',
    'keysTooFew cleared: supply',
    'mode qkd: supply',
  ]);
});
