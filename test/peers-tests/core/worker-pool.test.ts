import { describe, expect, it } from 'vitest';
import type { NgapPdu } from '#ngap';
import { WorkerPool } from '../../peers/core/worker-pool.ts';

const uplink = (amfUeNgapId: number, octet: number) =>
  ({
    message: 'UplinkNASTransport',
    ies: { amfUeNgapId, ranUeNgapId: 1, nasPdu: Uint8Array.of(octet) },
  }) as unknown as NgapPdu;

describe('workers of the simulated AMF', () => {
  it('swaps neighbours of different workers, keeps the order within one, and holds nothing back for good', () => {
    let now = 0;
    const done: number[] = [];
    const pool = new WorkerPool(
      ({ ies }) => void done.push((ies as { nasPdu: Uint8Array }).nasPdu[0] ?? 0),
      () => now,
    );
    for (const [ue, octet] of [
      [1, 1],
      [2, 2],
      [1, 3],
      [1, 4],
    ] as const)
      pool.receive(uplink(ue, octet));
    expect(done).toEqual([2, 1, 3]);
    pool.tick();
    expect(pool.deadline()).toBe(1);
    now = 1;
    pool.tick();
    expect(done).toEqual([2, 1, 3, 4]);
    expect(pool.deadline()).toBeUndefined();
  });
});
