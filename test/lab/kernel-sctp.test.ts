// needs: linux.uml, root
import { expect, test } from 'vitest';
import { runUnderUml } from './uml.ts';

/** Many times what it takes on a quiet machine. */
const limitSeconds = 600;

test(
  '[TS38412 7] N2 over kernel SCTP: two addresses, one path cut, the core killed and back, UEs attach each time',
  async () => {
    const { status, done, output } = await runUnderUml('kernel-sctp.ts', limitSeconds);
    expect(done, output).toEqual([
      'messages of 200 kB both ways, whole and on their streams: ok',
      '5000 messages in order, more than the buffer takes: ok',
      'messages of another payload protocol dropped and told: ok',
      'refused stream and orderly end told as events: ok',
      'NG Setup over kernel SCTP with two local addresses: ok',
      'attach with both paths: ok',
      'attach with one path cut: ok',
      'the cut and the return of a path are told: ok',
      'NG Setup again after the core was killed: ok',
      'attach after the restart: ok',
      'orderly end on SIGTERM, by SHUTDOWN: ok',
    ]);
    expect(status).toBe(0);
  },
  (limitSeconds + 10) * 1000,
);
