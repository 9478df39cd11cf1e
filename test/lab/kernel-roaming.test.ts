// needs: linux.uml, root
import { expect, test } from 'vitest';
import { runUnderUml } from './uml.ts';

const limitSeconds = 400;

test(
  '[RFC4555 3.5] [RFC4303 1] user plane in the kernel: IPv6 inside, ESP outside of UDP, a UE that moves by MOBIKE',
  async () => {
    const { status, done, output } = await runUnderUml('kernel-roaming.ts', limitSeconds);
    expect(done, output).toEqual([
      'NG Setup, inner addresses of both families, ESP outside of UDP allowed: ok',
      'IPv6 inside: datagrams of 84 and 1300 octets through two sessions and back: ok',
      'IPv6 inside: a TCP transfer with the same hash at its end: ok',
      'IPv6 inside: every SA rekeyed during a stream, nothing lost: ok',
      'ESP outside of UDP goes to the new address of a UE that moved by MOBIKE: ok',
      'its SAs are rekeyed there, nothing lost: ok',
      'session released by NAS over IPv6, UE detached, their states gone: ok',
      'after the end nothing of it is left: ok',
    ]);
    expect(status).toBe(0);
  },
  (limitSeconds + 10) * 1000,
);
