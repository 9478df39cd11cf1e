import { expect, test } from 'vitest';
import { run } from '../bench/prefetch.ts';
import { KeyedSite } from '../support/keyed-handshake.ts';

test('a handshake does not wait for a KME 200 ms away when its keys are announced, and does when they are not', async () => {
  const results = await run({ rounds: 1, perRound: 20 });
  const of = (keys: string, kmeDelayMs: number) =>
    results.find((result) => result.keys === keys && result.kmeDelayMs === kmeDelayMs)!;
  // Two keys, one after the other: AUTH, then PPK. Half of them had to wait, or not: single ones a busy machine holds up.
  expect(of('on demand', 200).p50).toBeGreaterThan(400);
  expect(of('announced', 200).p50).toBeLessThan(200);
}, 60_000);

test('an announced key is given once, and both ends have the same', async () => {
  const site = await KeyedSite.open(true, 4);
  await site.settle();
  const drawn = await site.ue.obtain('sae-n3iwf');
  if (drawn.status !== 'ok') throw new Error(drawn.detail);
  const fetched = await site.node.fetch('sae-ue', drawn.keyId);
  expect(fetched.status === 'ok' && fetched.secret.equals(drawn.secret)).toBe(true);
  expect(await site.node.fetch('sae-ue', drawn.keyId)).toMatchObject({
    status: 'refused',
    reason: 'already-used',
  });
  await site.close();
});
