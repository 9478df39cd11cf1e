import { expect, it } from 'vitest';
import { IkeEventCounts, openAdmin } from '../../../n3iwf/cli/node-admin.ts';
import { silentLog } from '../../../n3iwf/log.ts';
import { World } from '../../support/world.ts';

const admin = { address: '127.0.0.1', port: 0 };

it('shows a running node by HTTP, and says that it ends before it does', async () => {
  const world = new World();
  await world.register();
  const ikeEvents = new IkeEventCounts();
  for (const type of ['eapReceived', 'eapReceived', 'ikeSaEstablished'] as const) ikeEvents.note({ type });
  const warned: string[] = [];
  const log = { ...silentLog, warn: (_fields: object, message: string) => void warned.push(message) };
  const node = await openAdmin({
    admin,
    gateway: world.gateway,
    ikeEvents,
    store: undefined,
    keySupply: () => undefined,
    log,
  });
  const page = await (await fetch(`${node.url}/metrics`)).text();
  expect(page).toContain('n3iwf_ike_events_total{event="eapReceived"} 2\n');
  expect(page).toContain('n3iwf_ues{state="attached"} 1\n');
  expect((await fetch(`${node.url}/healthz`)).status).toBe(200);
  expect((await fetch(`${node.url}/readyz`)).status).toBe(200);
  node.drain();
  expect((await fetch(`${node.url}/readyz`)).status).toBe(503);
  expect((await fetch(`${node.url}/healthz`)).status).toBe(200);
  expect((await fetch(`${node.url}/keys`)).status).toBe(404);
  expect(warned).toEqual(['a request on the admin port was refused']);
  await node.close();
  await expect(fetch(`${node.url}/healthz`)).rejects.toThrow();
});

it('says which port it cannot have, in an error for the operator', async () => {
  const parts = {
    gateway: new World().gateway,
    ikeEvents: new IkeEventCounts(),
    store: undefined,
    keySupply: () => undefined,
    log: silentLog,
  };
  const first = await openAdmin({ ...parts, admin });
  const port = Number(new URL(first.url).port);
  await expect(openAdmin({ ...parts, admin: { ...admin, port } })).rejects.toMatchObject({
    code: 'N3IWF_E_BIND',
  });
  await first.close();
});
