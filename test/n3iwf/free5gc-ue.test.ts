import { describe, expect, it } from 'vitest';
import { World } from '../support/world.ts';

/** A UE whose GRE is a kernel's device, as free5GC's has it, in front of a node with that GRE header or the standard's. */
function world(greVariant?: 'standard' | 'free5gc'): World {
  const userPlane = greVariant === undefined ? {} : { userPlane: { greVariant } };
  return new World({ ue: { kernelGre: true }, gateway: userPlane });
}

async function pings(of: World): Promise<boolean> {
  await of.register();
  await of.openSession();
  return of.ping();
}

describe("free5GC's UE, shown by the simulated UE", () => {
  it("a kernel's GRE device takes IPv4 as protocol type alone: with the option it gets its packets", async () => {
    expect(await pings(world('free5gc'))).toBe(true);
  });

  it("[TS24502 9.3.3] without it the header is the standard's, which such a UE drops", async () => {
    for (const variant of [undefined, 'standard'] as const) expect(await pings(world(variant))).toBe(false);
  });

  it('a UE of the standard takes either, as it does not look at the protocol type', async () => {
    for (const greVariant of ['standard', 'free5gc'] as const)
      expect(await pings(new World({ gateway: { userPlane: { greVariant } } }))).toBe(true);
  });
});
