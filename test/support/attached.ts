import { expect } from 'vitest';
import { World, type WorldOptions } from './world.ts';

/** `world.left()` when no UE is there and every number and address is free again. */
export const nothing = { ues: 0, teids: 0, addresses: 0 };

/** A UE that is registered; with `session`, one with a PDU session 1 that pings. */
export async function attached(options: WorldOptions = {}, session = true): Promise<World> {
  const world = new World(options);
  await world.register();
  if (!session) return world;
  await world.openSession();
  expect(await world.ping()).toBe(true);
  return world;
}
