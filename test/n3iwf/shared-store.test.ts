// needs: postgres
/** Two nodes on one PostgreSQL store: what distrusts keys at one of them reaches the SAs of both. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { parse, stringify } from 'yaml';
import { KeyStore, Secret, verifyAudit } from '#qkd';
import { NodeControl } from '../../n3iwf/cli/node-control.ts';
import { watchKeys } from '../../n3iwf/cli/node-keys.ts';
import { runCli } from '../../n3iwf/cli/program.ts';
import { Incidents, QberWatch } from '../../n3iwf/incidents.ts';
import { tombstoneOf } from '../../n3iwf/io/key-selection-sql.ts';
import { monotonicMs, randomOctets } from '../../n3iwf/io/machine.ts';
import { PostgresKeyStorage } from '../../n3iwf/io/postgres-key-storage.ts';
import { silentLog } from '../../n3iwf/log.ts';
import { FakeKme } from '../qkd/store/fixtures.ts';
import { TestPostgres } from '../support/postgres.ts';
import { attachedOver } from '../support/stored-world.ts';
import type { World } from '../support/world.ts';

const PEER = 'ue-sae';
let server: TestPostgres;
let url: string;
let nodes: readonly [Node, Node];
let databases = 0;

interface Node {
  readonly storage: PostgresKeyStorage;
  readonly store: KeyStore;
  readonly kme: FakeKme;
}

async function node(firstKey: number): Promise<Node> {
  const storage = await PostgresKeyStorage.open(url);
  const kme = new FakeKme(firstKey);
  const store = await KeyStore.open({
    source: kme,
    storage,
    clock: { wallMs: Date.now, monotonicMs },
    random: randomOctets,
    keyEncryptionKey: Secret.own(new Uint8Array(32).fill(9)),
    later: setImmediate,
  });
  return { storage, store, kme };
}

beforeAll(async () => {
  server = await TestPostgres.start();
}, 60_000);
afterAll(() => server.stop());
beforeEach(async () => {
  url = server.database(`shared${databases++}`);
  nodes = [await node(1), await node(1_000_000)];
}, 60_000);
afterEach(async () => {
  for (const { store, storage } of nodes) {
    store.close();
    await storage.close();
  }
}, 60_000);

/** A node with one attached UE, and what carries incidents out at it. */
interface Serving {
  readonly world: World;
  readonly incidents: Incidents;
}

async function serving({ store, kme }: Node, firstName: number): Promise<Serving> {
  const world = await attachedOver(store, kme, 'qkd-required', firstName);
  const incidents = new Incidents({
    store,
    node: {
      rekeySasOf: (keyIds, text) => world.gateway.rekeySasOf(keyIds, text),
      endAllSas: (text) => world.gateway.endAllSas(text),
    },
    log: silentLog,
    wallMs: Date.now,
    newId: () => `incident-${databases}`,
  });
  return { world, incidents };
}

const both = async (): Promise<readonly [Serving, Serving]> => [
  await serving(nodes[0], 7000),
  await serving(nodes[1], 8000),
];

const keysOf = ({ world }: Serving): readonly string[] =>
  world.gateway.keyUses.keysOf(world.gateway.ues.ofId(1)?.ikeSaId ?? -1);

/** Every key that the UE's SAs rested on is another now, and its packets go through. */
async function expectRekeyed(at: Serving, before: readonly string[]): Promise<void> {
  await at.world.pass(5000);
  const after = keysOf(at);
  expect(after.length).toBeGreaterThanOrEqual(before.length);
  expect(after.filter((keyId) => before.includes(keyId))).toEqual([]);
  expect(await at.world.ping()).toBe(true);
}

describe('two nodes on one store', () => {
  it('both rekey their SAs, wherever the operator said it, and each of them once', async () => {
    const [one, two] = await both();
    const [ofOne, ofTwo] = [keysOf(one), keysOf(two)];
    expect(ofOne.length).toBeGreaterThan(0);
    const report = await one.incidents.quarantine(Date.now() - 3_600_000, 'ticket 17');
    expect(report).toMatchObject({ rekeyedSas: 1, usedKeys: ofOne.length + ofTwo.length });
    expect(two.world.gateway.keyUses.affected()).toEqual([]);
    await two.incidents.followOthers();
    expect(two.world.gateway.keyUses.affected()).toHaveLength(1);
    await expectRekeyed(one, ofOne);
    await expectRekeyed(two, ofTwo);
    const settled = [keysOf(one), keysOf(two)];
    await one.incidents.followOthers();
    await two.incidents.followOthers();
    for (const { world } of [one, two]) await world.pass(5000);
    expect([keysOf(one), keysOf(two)]).toEqual(settled);
    expect(await verifyAudit(nodes[0].storage)).toMatchObject({ ok: true });
  }, 60_000);

  it('both rekey after an alarm of the error rate that one of them saw', async () => {
    const [one, two] = await both();
    const [ofOne, ofTwo] = [keysOf(one), keysOf(two)];
    const watch = new QberWatch(two.incidents, PEER, { raiseAfterMs: 0 });
    // No good moment was ever seen: every key of the link is in doubt.
    await watch.observe(1000, 0.2);
    expect(await watch.observe(Date.now(), 0.2)).toBeUndefined();
    await one.incidents.followOthers();
    await expectRekeyed(one, ofOne);
    await expectRekeyed(two, ofTwo);
  }, 60_000);
});

describe('two nodes on one store that both hear of it, or neither', () => {
  it('both rekey when both saw the alarm at the same time', async () => {
    const [one, two] = await both();
    const [ofOne, ofTwo] = [keysOf(one), keysOf(two)];
    const since = Date.now() - 3_600_000;
    const begin = ({ incidents }: Serving) => incidents.quarantine(since, 'error rate of the link', PEER);
    // Either may find the other's rows locked; then it is told so, and tries again, as the watch does.
    await Promise.all([one, two].map((each) => begin(each).catch(() => begin(each))));
    for (const { incidents } of [one, two]) await incidents.followOthers();
    await expectRekeyed(one, ofOne);
    await expectRekeyed(two, ofTwo);
  }, 60_000);

  it('both rekey when a command did it in the store, without a node to ask', async () => {
    const [one, two] = await both();
    const [ofOne, ofTwo] = [keysOf(one), keysOf(two)];
    const folder = mkdtempSync(join(tmpdir(), 'shared-store-'));
    const write = vi.spyOn(process.stdout, 'write').mockImplementation(() => true);
    try {
      const text = readFileSync(new URL('../../deploy/n3iwf.example.yaml', import.meta.url), 'utf8');
      const example = parse(text);
      const { control: _, ...rest } = example;
      writeFileSync(join(folder, 'kek'), new Uint8Array(32).fill(9));
      const qkd = { ...example.qkd, store: url, keyEncryptionKey: { file: join(folder, 'kek') } };
      writeFileSync(join(folder, 'n3iwf.yaml'), stringify({ ...rest, qkd }));
      expect(await runCli(['keys', 'quarantine', '-c', join(folder, 'n3iwf.yaml'), '--since', '1h'])).toBe(0);
    } finally {
      write.mockRestore();
      rmSync(folder, { recursive: true });
    }
    for (const { incidents } of [one, two]) await incidents.followOthers();
    await expectRekeyed(one, ofOne);
    await expectRekeyed(two, ofTwo);
  }, 60_000);
});

/** A key that a node gave out. */
async function given({ store }: Node): Promise<string> {
  const reply = await store.obtain(PEER);
  if (reply.status !== 'ok') throw new Error(reply.detail);
  return reply.keyId;
}

const figures = { needKeys: 0, supplyKeys: 0, storedKeys: 0, keysPerSecond: 0 };

describe('an incident in a shared store', () => {
  it('is found by a running node by itself', async () => {
    const [first, second] = nodes;
    const keyId = await given(second);
    const told: string[] = [];
    const stop = watchKeys({
      peer: PEER,
      store: second.store,
      source: { look: async () => ({ reachable: true, storedKeys: 10 }) },
      node: {
        lookAtSupply: () => ({
          mode: 'qkd',
          changed: false,
          reason: 'enough',
          broughtForward: [],
          ...figures,
        }),
        rekeySasOf: (keyIds, text) => told.push(`${keyIds.join(' ')}: ${text}`),
        endAllSas: () => 0,
      },
      control: await NodeControl.open(undefined),
      log: silentLog,
    });
    await first.store.quarantine(0, first.store.now() + 1, 'incident 5: drill');
    await vi.waitFor(() => expect(told).toEqual([`${keyId}: incident 5: drill`]), { timeout: 20_000 });
    stop();
  }, 60_000);

  it('waits for keys that another transaction holds, and misses none', async () => {
    const [first, second] = nodes;
    const keyIds = [await given(second), await given(second)];
    const holder = new Client({ connectionString: url });
    await holder.connect();
    await holder.query('BEGIN');
    await holder.query('SELECT 1 FROM qn3iwf.keys WHERE key_id = $1 FOR UPDATE', [keyIds[0]]);
    const quarantining = first.store.quarantine(0, first.store.now() + 1, 'incident 6');
    await vi.waitFor(
      async () => {
        const { rows } = await holder.query("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
        expect(rows).toHaveLength(1);
      },
      { timeout: 20_000, interval: 20 },
    );
    await holder.query('COMMIT');
    await holder.end();
    expect((await quarantining).used.toSorted()).toEqual(keyIds.toSorted());
  }, 60_000);
});

describe('an incident in a shared store that is busy or away', () => {
  it('catches keys that a node wrote down in the same moment', async () => {
    const [first, second] = nodes;
    await first.store.quarantine(0, first.store.now() + 60_000, 'incident 7');
    // Received within the span, committed after it.
    const late = await given(second);
    const [incident] = await second.store.othersIncidents();
    expect(incident).toEqual({ incident: 'incident 7', peer: undefined, used: [late], distrusted: [late] });
    expect((await second.storage.find(late))?.state).toBe('quarantined');
  }, 60_000);

  it('is found after the database was away, and before it only by nodes that were there', async () => {
    const [first, second] = nodes;
    await given(second);
    await first.store.quarantine(0, first.store.now() + 1, 'incident 8');
    const third = await node(2_000_000);
    expect(await third.store.othersIncidents()).toEqual([]);
    third.store.close();
    await third.storage.close();
    await server.crash();
    await expect(second.store.othersIncidents()).rejects.toMatchObject({ fault: 'unreachable' });
    expect(second.store.trouble).toMatchObject({ reason: 'storage-unreachable' });
    await server.resume();
    await vi.waitFor(
      async () =>
        expect((await second.store.othersIncidents()).map(({ incident }) => incident)).toEqual([
          'incident 8',
        ]),
      { timeout: 30_000, interval: 200 },
    );
    expect(await second.store.othersIncidents()).toEqual([]);
    await vi.waitFor(() => second.store.maintain().then(() => expect(second.store.trouble).toBeUndefined()), {
      timeout: 20_000,
      interval: 200,
    });
  }, 90_000);
});

describe('pruning a shared store', () => {
  it('lets no node take a key again that another one prunes at that moment', async () => {
    const [first, second] = nodes;
    const keyId = await given(first);
    await first.store.retire(keyId);
    // The row is being pruned, and its transaction is not over, when the other node inserts the same ID.
    const holder = new Client({ connectionString: url });
    await holder.connect();
    await holder.query('BEGIN');
    await holder.query('DELETE FROM qn3iwf.keys WHERE key_id = $1', [keyId]);
    await holder.query('INSERT INTO qn3iwf.tombstones VALUES ($1)', [Buffer.from(tombstoneOf(keyId))]);
    const again = second.storage.commit(
      [{ do: 'insert', rows: [{ ...(await first.storage.find(keyId))!, state: 'delivered' }] }],
      () => [],
    );
    await vi.waitFor(
      async () => {
        const { rows } = await holder.query("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'");
        expect(rows).toHaveLength(1);
      },
      { timeout: 20_000, interval: 20 },
    );
    await holder.query('COMMIT');
    await holder.end();
    expect(await again).toEqual([[]]);
    expect(await second.storage.find(keyId)).toBeUndefined();
    expect(await second.storage.wasPruned(keyId)).toBe(true);
  }, 60_000);
});
