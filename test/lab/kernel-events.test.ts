// needs: linux.uml, ping, root
import { expect, test } from 'vitest';
import { runUnderUml } from './uml.ts';

/** Many times what it takes on a quiet machine. */
const limitSeconds = 300;

test(
  '[RFC3947 8] a kernel tells of new NAT mappings, limits and missing states, and the kernel side acts on it',
  async () => {
    const { status, done, output } = await runUnderUml('kernel-events.ts', limitSeconds);
    expect(done, output).toEqual([
      'a packet from behind another mapping moves the states: ok',
      'a limit of packets is told, with those before the move counted: ok',
      'a state that somebody deleted is told when it is missed: ok',
    ]);
    expect(status).toBe(0);
  },
  (limitSeconds + 10) * 1000,
);
