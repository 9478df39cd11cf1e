import { expect, test, vi } from 'vitest';
import { LabQuantum, n3iwfSae } from '../../../n3iwf/cli/lab-quantum.ts';
import { keyRoutes, NodeControl } from '../../../n3iwf/cli/node-control.ts';
import { TestAuthority } from '../../../n3iwf/io/test-authority.ts';

test("the lab's KMEs tell the N3IWF of keys that UEs draw, and it has them before they are named", async () => {
  const quantum = await LabQuantum.start(await TestAuthority.create());
  const incident = () => Promise.reject(new Error('none is asked for'));
  const control = await NodeControl.open({ path: quantum.controlSocket });
  control.serve(
    keyRoutes({
      incidents: { quarantine: incident, tamper: incident },
      store: quantum.n3iwf,
      keying: { state: undefined },
    }),
  );
  const drawn = await quantum.draw();
  await vi.waitFor(async () => expect((await quantum.n3iwf.counts()).stored).toBe(1), {
    timeout: 30_000,
    interval: 50,
  });
  // From here on the N3IWF's KME is not needed for it.
  await quantum.stopKmes();
  const reply = await quantum.n3iwf.fetch('sae-ue', drawn.keyId);
  expect(
    reply.status === 'ok' && reply.secret.use((octets) => Buffer.from(octets).equals(drawn.secret)),
  ).toBe(true);
  await control.close();
  await quantum.close();
});

test('a pool of so many keys is what the link has at first and keeps at most', async () => {
  const quantum = await LabQuantum.start(await TestAuthority.create(), { poolKeys: 3, seed: 'words' });
  expect(quantum.seed).toBe('words');
  expect(await (await quantum.client()).status('sae-ue')).toMatchObject({
    ok: true,
    value: { storedKeyCount: 3, masterSaeId: n3iwfSae },
  });
  quantum.link.setRate(0);
  for (let count = 0; count < 3; count++) await quantum.draw();
  await expect(quantum.draw()).rejects.toThrow(/unavailable|exhausted/);
  await quantum.close();
});
