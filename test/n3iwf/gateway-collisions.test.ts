import { expect, it } from 'vitest';
import type { ChildUse } from '../../n3iwf/userplane/types.ts';
import { World } from '../support/world.ts';

it('[RFC7296 2.8.1] a Child SA of a session that lost against the UE’s rekey is heard and sends nothing', async () => {
  const world = new World({ auth: 'psk', ppk: 'none' });
  await world.register();
  await world.openSession();
  const uses: ChildUse[] = [];
  const { plane } = world.gateway;
  const install = plane.installChildSa.bind(plane);
  plane.installChildSa = (ueId, child, use, replaces) => {
    uses.push(use);
    install(ueId, child, use, replaces);
  };
  // The nonces are drawn at random: every other collision is lost by the node.
  for (let i = 0; i < 12; i++) {
    const ue = world.gateway.ues.ofId(1)!;
    const [child] = [...ue.sessions.values()].flatMap(({ childSaIds }) => [...childSaIds]);
    world.gateway.ike((engine, now) => engine.rekeyChildSa(now, ue.ikeSaId, child!));
    world.ue.ue.rekey(1);
    await world.settle();
    expect(await world.ping()).toBe(true);
  }
  const lost = uses.filter((use) => use.kind === 'pduSession' && use.qfis.length === 0);
  expect(lost.length).toBeGreaterThan(0);
  expect(lost.length).toBeLessThan(12);
  expect(plane.report(1)?.sessions[0]?.flows[0]?.childSaId).toBeDefined();
});
