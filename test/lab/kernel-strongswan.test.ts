// needs: linux.uml, charon, root
import { expect, test } from 'vitest';
import { runUnderUml } from './uml.ts';

/** Many times what it takes on a quiet machine. */
const limitSeconds = 400;

test(
  '[RFC3948 2.2] kernel ESP against strongSwan’s on its kernel: GCM in UDP, CBC bare, TCP by hash, rekey, delete',
  async () => {
    const { status, done, output } = await runUnderUml('kernel-strongswan.ts', limitSeconds);
    expect(done, output).toEqual([
      'aes256gcm16, ESP in UDP: TCP with the same hash before and after a rekey: ok',
      'aes256-sha256, ESP bare: TCP with the same hash before and after a rekey: ok',
      'after the end nothing of ours is in the kernel: ok',
    ]);
    expect(status).toBe(0);
  },
  (limitSeconds + 10) * 1000,
);
