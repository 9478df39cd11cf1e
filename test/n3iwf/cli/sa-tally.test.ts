import { expect, test } from 'vitest';
import type { IkeEvent } from '#ikev2';
import { SaTally } from '../../../n3iwf/cli/sa-tally.ts';

const limits = { childMs: 100, ikeMs: 400 };
const key = (text: string | undefined) =>
  text === undefined ? {} : { ppkIdentity: { type: 2, data: new TextEncoder().encode(text) } };

/** Only what the tally looks at. */
const event = (parts: object): IkeEvent => ({ ikeSaId: 1, ...parts }) as unknown as IkeEvent;
const ike = (keyId?: string) => event({ type: 'ikeSaEstablished', ...key(keyId) });
const child = (id: number, keyId?: string, rekeyed?: number) =>
  event({
    type: 'childSaEstablished',
    child: { id, ...key(keyId) },
    ...(rekeyed === undefined ? {} : { rekeyed }),
  });
const gone = (childSaId: number, reason = 'rekeyed') => event({ type: 'childSaDeleted', childSaId, reason });

test('a rekey counts as quantum when its key is one that no SA had before', () => {
  const tally = new SaTally(limits);
  tally.observe(ike('a'), 0);
  tally.observe(child(1, 'a'), 0);
  tally.observe(child(2, 'b'), 0);
  expect(tally.counts).toMatchObject({ quantumRekeys: 0, mlKemRekeys: 0 });
  tally.observe(child(3, 'c', 1), 10);
  tally.observe(gone(1), 10);
  // Without a key of its own it rests on that of its IKE SA, or on none.
  tally.observe(child(4, 'a', 2), 20);
  tally.observe(child(5, undefined, 3), 30);
  tally.observe(event({ type: 'ikeSaRekeyed', ...key('d') }), 40);
  tally.observe(event({ type: 'childSaFailed', reason: 'refused' }), 50);
  expect(tally.counts).toMatchObject({ quantumRekeys: 2, mlKemRekeys: 2, failedRekeys: 1, ended: 0 });
  expect([tally.childSaCount, tally.ikeSaCount]).toEqual([4, 1]);
});

test('an SA past its hard limit is counted once, whether it is seen or ended by it', () => {
  const tally = new SaTally(limits);
  tally.observe(ike(), 0);
  tally.observe(child(1), 0);
  tally.observe(child(2), 50);
  tally.check(100);
  expect(tally.counts).toMatchObject({ pastHardLimit: 0, oldestMs: 100 });
  tally.check(101);
  tally.check(102);
  expect(tally.counts.pastHardLimit).toBe(1);
  tally.observe(gone(1, 'not rekeyed in time'), 103);
  expect(tally.counts.pastHardLimit).toBe(1);
  tally.observe(gone(2, 'not rekeyed in time'), 120);
  expect(tally.counts.pastHardLimit).toBe(2);
  tally.check(401);
  expect(tally.counts).toMatchObject({ pastHardLimit: 3, oldestMs: 102 });
});

test('an IKE SA that ends takes its Child SAs along, and no other ones', () => {
  const tally = new SaTally(limits);
  tally.observe(ike(), 0);
  tally.observe(child(1), 0);
  tally.observe(event({ type: 'ikeSaEstablished', ikeSaId: 2 }), 0);
  tally.observe(event({ type: 'childSaEstablished', ikeSaId: 2, child: { id: 2 } }), 0);
  tally.observe(event({ type: 'ikeSaClosed', reason: 'not rekeyed in time' }), 50);
  expect(tally.counts).toMatchObject({ ended: 1, pastHardLimit: 1 });
  expect([tally.childSaCount, tally.ikeSaCount]).toEqual([1, 1]);
});
