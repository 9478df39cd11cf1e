import { describe, expect, it } from 'vitest';
import { lifetimesOf, readConfig } from '../../n3iwf/config.ts';
import { UsageWatch } from '../../n3iwf/ue/usage-watch.ts';
import { leastConfig } from '../support/least-config.ts';
import { World } from '../support/world.ts';

/** SPIs by which the N3IWF receives from its first UE, with what each opened. */
const packetsBySpi = (world: World) =>
  new Map(world.gateway.plane.report(1)?.childSas.map(({ spiIn, packetsIn }) => [spiIn, packetsIn]));

describe('limits of use', () => {
  it('[RFC7296 2.8] a Child SA that carried its packets is rekeyed, and no packet is lost', async () => {
    const world = new World({ lifetimes: { child: { softPackets: 30, hardPackets: 200, jitter: 0 } } });
    await world.register();
    await world.openSession();
    const before = [...packetsBySpi(world).keys()];
    for (let sequence = 1; sequence <= 20; sequence++) {
      expect(await world.ping(world.ue, 1, sequence)).toBe(true);
    }
    await world.pass(11_000);
    const after = [...packetsBySpi(world).keys()];
    expect(after).toHaveLength(before.length);
    expect(after.filter((spi) => !before.includes(spi))).toHaveLength(1);
    for (let sequence = 21; sequence <= 25; sequence++) {
      expect(await world.ping(world.ue, 1, sequence)).toBe(true);
    }
    await world.pass(11_000);
    expect([...packetsBySpi(world).keys()]).toEqual(after);
  });

  it('[RFC4303 3.3.3] sequence numbers of 32 bits do not run out, whatever the configuration', () => {
    const { child } = lifetimesOf(readConfig(leastConfig, 'test').ike);
    expect(child).toEqual({ softPackets: 2 ** 31, hardPackets: 2 ** 32 - 1 });
  });

  it('is looked at only while there are UEs and limits', () => {
    expect(new UsageWatch(undefined).deadline(0, 5)).toBeUndefined();
    expect(new UsageWatch({ child: { softMs: 5 } }).deadline(0, 5)).toBeUndefined();
    const watch = new UsageWatch({ child: { softPackets: 1 } });
    expect(watch.deadline(100, 0)).toBeUndefined();
    expect(watch.due(1_000_000)).toBe(false);
    expect(watch.deadline(100, 1)).toBe(10_100);
    expect(watch.deadline(5000, 1)).toBe(10_100);
    expect([watch.due(10_099), watch.due(10_100), watch.due(10_101)]).toEqual([false, true, false]);
    expect(watch.deadline(10_101, 1)).toBe(20_100);
  });
});
