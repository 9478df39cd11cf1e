import { expect, it } from 'vitest';
import { examine } from '../../../n3iwf/doctor/checks.ts';
import { TestAuthority } from '../../../n3iwf/io/test-authority.ts';
import { configWith, healthyMachine, plan } from './healthy.ts';

/** The example with streams in the place of the KME. */
function withStreams() {
  const { qkd, ...config } = configWith();
  if (qkd === undefined) throw new Error('the example has keys');
  const { kme, kmeId, ca, certificate, key, ...rest } = qkd;
  expect([kme, kmeId, ca, certificate, key]).not.toContain(undefined);
  return { ...config, qkd: { ...rest, etsi004: { socket: '/run/s', minBps: 0, maxBps: 1, ttlSeconds: 1 } } };
}

it.each([
  [{ name: 'key manager at /run/s', reachable: true }, 'ok', 'key manager at /run/s answers'],
  [{ name: 'key files a', reachable: true, storedKeys: 7 }, 'ok', 'key files a: 7 keys'],
  [
    { name: 'key manager at /run/s', reachable: false, why: 'hung up' },
    'fail',
    'key manager at /run/s: hung up',
  ],
])('the doctor asks a source that is no KME whether it is there: %j', async (look, severity, text) => {
  const authority = await TestAuthority.create();
  const issued = await authority.issue({ commonName: 'sae-n3iwf' });
  const machine = { ...healthyMachine(issued), lookAtSource: async () => look };
  const findings = await examine(withStreams(), machine, plan);
  const found = findings.filter(({ check }) => check === 'KME');
  expect(found).toMatchObject([{ severity, detail: text }]);
  expect(findings.find(({ check }) => check === 'key rate')).toMatchObject({ severity: 'skip' });
});
