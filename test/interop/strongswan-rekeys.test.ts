// needs: charon, root
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from 'vitest';
import { stage } from './interop.ts';

const interop = stage();
const count = (type: string) => interop.count(type);
const until = (holds: () => boolean | Promise<boolean>) => interop.until(holds);

describe('one side at a time', () => {
  test('[RFC7296 2.8] Child SA and IKE SA are rekeyed from either side', async (context) => {
    interop.claims(context, 'the peer starts', 'Child SA rekey, with KE', 'IKE SA rekey');
    interop.claims(
      context,
      'we start',
      'Child SA rekey, with KE',
      'IKE SA rekey',
      'liveness check',
      'delete',
    );
    await interop.open();
    await interop.initiate('cbc');
    await interop.charon.swanctl('--rekey', '--child', 'cbcc');
    await until(() => count('childSaEstablished') >= 2 && count('childSaDeleted') >= 1);
    await interop.charon.swanctl('--rekey', '--ike', 'cbc');
    await until(() => count('ikeSaRekeyed') >= 1);
    interop.ours.command((engine, now, ikeSa, child) => engine.rekeyChildSa(now, ikeSa, child));
    await until(() => count('childSaEstablished') >= 3 && count('childSaDeleted') >= 2);
    interop.ours.command((engine, now, ikeSa) => engine.rekeyIkeSa(now, ikeSa));
    await until(() => count('ikeSaRekeyed') >= 2);
    await interop.charon.swanctl('--rekey', '--child', 'cbcc');
    await until(() => count('childSaEstablished') >= 4);
    interop.ours.command((engine, now, ikeSa) => engine.checkLiveness(now, ikeSa));
    await until(() => count('livenessConfirmed') >= 1);
    interop.ours.command((engine, now, ikeSa) => engine.deleteIkeSa(now, ikeSa));
    await interop.untilGone();
    expect(await interop.charon.swanctl('--list-sas')).toBe('');
  });

  test('[RFC7296 2.8] keys whose life ends are rekeyed by us, with charon following', async (context) => {
    interop.claims(context, 'we start', 'lifetimes: soft limits of Child and IKE SA');
    const lifetimes = { child: { softMs: 300, jitter: 0 }, ike: { softMs: 1_000, jitter: 0 } };
    await interop.open(undefined, { lifetimes });
    await interop.initiate('cbc');
    await until(() => count('childSaEstablished') >= 4 && count('ikeSaRekeyed') >= 1);
    await until(() => count('childSaDeleted') >= 2);
    expect(count('childSaFailed')).toBeLessThan(count('childSaEstablished'));
    await interop.terminate('cbc');
    await interop.untilGone();
  });
});

/** Both sides have the same one Child SA. */
async function agreeOnChildSa(): Promise<boolean> {
  const listed = (await interop.charon.swanctl('--list-sas', '--ike', 'gcm')).split(/^ {2}gcmc: /m);
  const installed = listed.filter((each) => each.includes('INSTALLED'));
  const spis = installed.map((each) =>
    [/out ([0-9a-f]{8})/, /in {2}([0-9a-f]{8})/].map((at) => at.exec(each)?.[1]),
  );
  return spis.length === 1 && isDeepStrictEqual(interop.ours.childSpis, spis);
}

/** Both sides have the same one IKE SA. */
async function agreeOnIkeSa(): Promise<boolean> {
  const listed = await interop.charon.swanctl('--list-sas', '--ike', 'gcm');
  const [, ...spis] = /ESTABLISHED, IKEv2, ([0-9a-f]{16})_i\*? ([0-9a-f]{16})_r/.exec(listed) ?? [];
  return isDeepStrictEqual(interop.ours.ikeSpis, [spis]);
}

describe('both sides at the same time', () => {
  test('[RFC7296 2.8.1] the Child SA: one is left, the same on both sides', async (context) => {
    interop.claims(context, 'the peer starts', 'simultaneous Child SA rekey');
    await interop.open();
    await interop.initiate('gcm');
    // Where charon is done before it reads ours, it refuses ours and nothing has crossed: once more then.
    let crossed = 0;
    for (let round = 0; round < 20 && crossed < 3; round++) {
      const before = count('childSaEstablished');
      // Charon's request is here and not yet read: ours crosses its answer.
      interop.ours.ahead = () =>
        interop.ours.command((engine, now, ikeSa, child) => engine.rekeyChildSa(now, ikeSa, child));
      await interop.charon.swanctl('--rekey', '--child', 'gcmc');
      await until(async () => count('childSaEstablished') > before && (await agreeOnChildSa()));
      if (count('childSaEstablished') === before + 2) crossed++;
    }
    expect(crossed).toBeGreaterThan(0);
    await interop.terminate('gcm');
  });

  test('[RFC7296 2.8.2] the IKE SA: one is left, the same on both sides', async (context) => {
    interop.claims(context, 'the peer starts', 'simultaneous IKE SA rekey');
    await interop.open();
    await interop.initiate('gcm');
    for (let round = 1; round <= 6; round++) {
      const before = count('ikeSaRekeyed');
      interop.ours.ahead = () => interop.ours.command((engine, now, ikeSa) => engine.rekeyIkeSa(now, ikeSa));
      await interop.charon.swanctl('--rekey', '--ike', 'gcm');
      // Where charon was done with its own before it read ours, both may have come to their end one after the other.
      await until(async () => count('ikeSaRekeyed') > before && (await agreeOnIkeSa()));
      interop.ours.command((engine, now, ikeSa) => engine.checkLiveness(now, ikeSa));
      await until(() => count('livenessConfirmed') >= round);
    }
    expect(count('ikeSaClosed')).toBe(0);
    await interop.terminate('gcm');
  });
});
