import { expect, test } from 'vitest';
import { run as attach } from './bench/attach.ts';
import { run as handshake } from './bench/handshake.ts';
import { type Measured, rowsOf } from './bench/kernel-plane.ts';
import { run as modes } from './bench/modes.ts';

// Not what they measure, which is nobody's to judge here: that they still run and say what they promise.

test('bench handshake: one value for each run and suite', () => {
  const results = handshake({ runs: 3, handshakes: 2 });
  expect(results.map(({ name }) => name)).toEqual([
    'responder handshake psk/x25519/aes256gcm16',
    'responder handshake psk/x25519/ke1_mlkem768/aes256gcm16',
  ]);
  for (const { values, median } of results) {
    expect(values).toHaveLength(3);
    expect(values).toContain(median);
  }
});

test('bench kernel-plane: of the time for a packet that of its ends is taken off, and medians are compared', () => {
  const measured = (plane: Measured['plane'], direction: Measured['direction'], rates: readonly number[]) =>
    rates.map((perSecond) => ({ plane, direction, octets: 64, perSecond }));
  const rows = rowsOf([
    ...measured('userspace', 'direct', [1, 100_000, 999_999]),
    ...measured('userspace', 'up', [50_000, 10, 90_000]),
    ...measured('userspace', 'down', [20_000]),
    ...measured('kernel', 'up', [25_000]),
    ...measured('kernel', 'down', [50_000]),
  ]);
  expect(rows.map(({ name, perSecond, nodeUs, ratio }) => [name, perSecond, nodeUs, ratio])).toEqual([
    ['userspace, up', 50_000, 10, 1],
    ['kernel, up', 25_000, 30, 3],
    ['userspace, down', 20_000, 40, 1],
    ['kernel, down', 50_000, 10, 0.25],
  ]);
});

test('bench modes: each mode comes to a Child SA and a rekey, with the round trips of its standard', async () => {
  const results = await modes({ runs: 1, count: 1 });
  const roundTrips = Object.fromEntries(
    results.map(({ auth, keys, ...each }) => [`${auth} ${keys}`, each.roundTrips]),
  );
  expect(roundTrips).toMatchObject({
    'psk —': 6,
    'rsa-2048 —': 6,
    // [RFC9242] and [RFC9867] put one exchange before IKE_AUTH, [RFC8784] does not.
    'qkd rfc8784': 6,
    'qkd rfc9867': 7,
    'ecdsa-p256 mlkem768': 7,
    'qkd mlkem768 + rfc9867': 7,
  });
  for (const { octets, largest, rekeyRoundTrips } of results) {
    expect(octets).toBeGreaterThan(largest);
    expect(rekeyRoundTrips).toBe(2);
  }
});

test('bench attach: the UEs of each mode get their sessions, and what they cost is a number', async () => {
  const results = await attach({ runs: 1, ues: 3 });
  expect(results).toHaveLength(2);
  for (const { gatewayUs, attachesPerCoreSecond, ues } of results) {
    expect(ues).toBe(3);
    expect(gatewayUs * attachesPerCoreSecond).toBeGreaterThan(0);
  }
});
