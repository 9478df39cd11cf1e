// needs: linux.uml, systemd, root
import { expect, test } from 'vitest';
import { runUnderUml } from './uml.ts';

/** Ten times what it takes of a processor: machines may have other work. */
const limitSeconds = 900;

test(
  'the unit of deploy/systemd under a systemd that has booted',
  async () => {
    const { status, done, output } = await runUnderUml('systemd.ts', limitSeconds);
    expect(done, output).toEqual([
      'systemd-analyze finds no fault with the unit: ok',
      'systemctl start waits until the node serves: ok',
      'it is no root, has one capability, and its secrets are for it alone: ok',
      'a UE attaches with keys of the KME and pings: ok',
      'n3iwf trace takes what crosses the service for that UE: ok',
      'systemctl reload changes what may change, the UE pings on: ok',
      'a node that stalls is ended and started again: ok',
      'a UE attaches after that: ok',
      'systemctl stop releases the UE first, and the secrets are gone: ok',
      'with its drop-in, the same with ESP in the kernel: a UE attaches and pings: ok',
      'a wrong configuration is named in the journal, and not tried again: ok',
    ]);
    expect(status).toBe(0);
  },
  (limitSeconds + 10) * 1000,
);
