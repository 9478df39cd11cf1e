// needs: linux.uml, root
import { expect, test } from 'vitest';
import { runUnderUml } from './uml.ts';

const limitSeconds = 560;
const steps = (esp: string) => [
  `${esp}: datagrams of 84 and 1300 octets through two sessions and back: ok`,
  `${esp}: a TCP transfer with the same hash at its end: ok`,
  `${esp}: every SA rekeyed during a stream, nothing lost: ok`,
  `${esp}: session released, UE detached, their states gone: ok`,
];

test(
  '[RFC3948 2.2] user plane in the kernel: UEs on kernel ESP, sessions, rekey, release, a crash and an orderly end',
  async () => {
    const { status, done, output } = await runUnderUml('kernel-plane.ts', limitSeconds);
    expect(done, output).toEqual([
      'NG Setup over kernel SCTP, user plane in the kernel: ok',
      ...steps('aes256gcm16'),
      ...steps('aes256-sha256'),
      'what a killed node left is taken away by the next one: ok',
      'after the end the kernel has what it had before, and nothing else: ok',
    ]);
    expect(status).toBe(0);
  },
  (limitSeconds + 10) * 1000,
);
