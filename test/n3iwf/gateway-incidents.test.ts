import { describe, expect, it } from 'vitest';
import { World } from '../support/world.ts';

async function twoUes(): Promise<World> {
  const world = new World({ ues: 2, auth: 'qkd', ppk: 'rfc8784' });
  for (const { ue } of world.ues) {
    await ue.start();
    await world.settle();
  }
  for (const who of world.ues) await world.openSession(who);
  return world;
}

describe('keys that are no longer trusted', () => {
  it('take the UE whose SAs rest on them, by its AMF, and no other', async () => {
    const world = await twoUes();
    const [spied, calm] = world.ues;
    const [authKey = '', ppk = ''] = spied!.ue.keyIds;
    expect(world.gateway.endSasOf([ppk.toUpperCase(), authKey], 'incident 1')).toBe(1);
    await world.settle();
    expect(world.toAmf.at(-2)?.message).toBe('UEContextReleaseRequest');
    expect(spied!.events.map(({ type }) => type)).toContain('closed');
    expect(world.left()).toEqual({ ues: 1, teids: 1, addresses: 1 });
    expect(await world.ping(calm)).toBe(true);
    expect(world.gateway.keyUses.sasOf([ppk])).toEqual([]);
  });

  it('take nobody when no SA rests on them', async () => {
    const world = await twoUes();
    expect(world.gateway.endSasOf(['0a782fb5-3434-48fe-aa4d-14f41d46cf92'], 'incident 2')).toBe(0);
    expect(await world.ping(world.ues[0])).toBe(true);
  });

  it('take everybody after tampering', async () => {
    const world = await twoUes();
    expect(world.gateway.endAllSas('incident 3')).toBe(2);
    await world.settle();
    expect(world.left()).toEqual({ ues: 0, teids: 0, addresses: 0 });
  });
});
