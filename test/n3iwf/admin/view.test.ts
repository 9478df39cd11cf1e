import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type AuditRow, KeyStore, MemoryKeyStorage } from '#qkd';
import { NodeView, type ViewSources } from '../../../n3iwf/admin/view.ts';
import { version } from '../../../n3iwf/version.ts';
import { linkEvents } from '../../../qkd/store/audit.ts';
import { World, type WorldOptions } from '../../support/world.ts';

const wall = Date.parse('2026-11-21T12:00:00Z');

function viewOf(world: World, more: Partial<ViewSources> = {}): NodeView {
  return new NodeView({
    gateway: world.gateway,
    nodeName: () => 'n3iwf',
    policy: () => 'qkd-required',
    startedMs: 1_000_000,
    wallMs: () => wall + world.now,
    draining: () => false,
    keySupply: () => undefined,
    keyCounts: undefined,
    audit: undefined,
    ...more,
  });
}

async function attached(options: WorldOptions = { auth: 'qkd', ppk: 'rfc9867' }) {
  const world = new World(options);
  await world.register();
  await world.openSession();
  await world.ping();
  return { world, view: viewOf(world) };
}

describe('the view of the node', () => {
  it('has its version, AMFs, UEs by state and SAs by what they rest on', async () => {
    const { world, view } = await attached();
    await world.pass(5_000);
    expect(view.status()).toMatchObject({
      version,
      name: 'n3iwf',
      uptimeSeconds: 5,
      draining: false,
      amfs: [{ number: 0, name: 'amf', state: 'up', ues: 1 }],
      ues: { attached: 1, starting: 0 },
      counts: { ues: 1, sessions: 1, ikeSas: 1, childSas: 2, innerAddresses: 1 },
      keyModes: { qkd: 1, hybrid: 0, pqc: 0, classical: 0 },
      policy: 'qkd-required',
      packets: { uplink: 1, downlink: 1, dropped: 0 },
      alarms: 0,
    });
    expect(view.status()).not.toHaveProperty('obstacle');
    expect(version).toBe(JSON.parse(readFileSync('package.json', 'utf8')).version);
  });

  it('says why it takes no UE', () => {
    const world = new World();
    world.loseAmf();
    expect(viewOf(world).status()).toMatchObject({
      obstacle: 'no AMF takes UEs',
      amfs: [{ state: 'down' }],
      alarms: 1,
    });
    expect(viewOf(world).alarms()).toMatchObject([{ name: 'amfLost', since: '1970-01-01T00:16:40.000Z' }]);
    expect(viewOf(world, { draining: () => true }).status().obstacle).toBe('the node is ending');
  });

  it('is JSON through and through', async () => {
    const { view } = await attached();
    for (const shown of [view.status(), view.ues(), view.ue('#1'), view.sessions(), view.events()])
      expect(JSON.parse(JSON.stringify(shown))).toEqual(shown);
  });
});

describe('the view of a UE, with its SAs', () => {
  it('is found by its SUPI, with or without the word, or by its number', async () => {
    const { view } = await attached();
    for (const named of ['imsi-208930000000001', '208930000000001', '1', '#1'])
      expect(view.ue(named)).toMatchObject({ id: 1, name: 'imsi-208930000000001' });
    for (const named of ['208930000000002', '2', '', 'imsi-', '99999999999'])
      expect(view.ue(named)).toBeUndefined();
  });

  it('has both kinds of SAs with SPIs, suite, key ID, mode, age and counters', async () => {
    const { world, view } = await attached();
    await world.pass(61_000);
    const ue = view.ue('#1');
    const [authKey, ppk] = world.ue.ue.keyIds;
    const [sa] = [...world.gateway.journal.sas];
    expect(ue).toMatchObject({
      state: 'attached',
      peer: '192.0.2.16:4500',
      amf: 'amf',
      sessions: [1],
      mode: 'qkd',
      nasConnected: true,
      ikeSa: {
        spiResponder: Buffer.from(sa!.spiResponder).toString('hex'),
        suite: 'aes256-gcm16/hmac-sha2-256/x25519',
        auth: 'qkd/eap',
        authKeyId: authKey,
        keyId: ppk,
        mode: 'qkd',
        rekeys: 0,
        established: true,
      },
      childSas: [
        { use: 'signalling', keyId: ppk, mode: 'qkd', suite: 'aes256-gcm16' },
        { use: 'session', session: 1, isDefault: true, packetsIn: 1, packetsOut: 1 },
      ],
      traffic: { uplinkPackets: 1, downlinkPackets: 1 },
      drops: {},
    });
    expect(ue!.ikeSa!.keyAgeSeconds).toBeGreaterThanOrEqual(61);
    expect(ue!.childSas[1]!.keyId).not.toBe(ppk);
    expect(ue!.childSas[1]!.spiIn).toMatch(/^[0-9a-f]{8}$/);
  });

  it('follows a rekey: another key, age from anew', async () => {
    const { world, view } = await attached();
    const before = view.ue('#1')!.childSas[1]!;
    await world.pass(100_000);
    world.ue.ue.rekey(1);
    await world.settle();
    const after = view.ue('#1')!.childSas.find(({ use }) => use === 'session')!;
    expect(after).toMatchObject({ rekeys: 1, keyAgeSeconds: 0, session: 1 });
    expect(after.keyId).not.toBe(before.keyId);
    expect(before.keyAgeSeconds).toBe(0);
  });
});

describe('the view of a UE, with its sessions and messages', () => {
  it.each([
    ['hybrid', { ppk: 'rfc8784' }, 'aes256gcm16-prfsha256-x25519-ke1_mlkem768'],
    ['pqc', { ppk: 'none' }, 'aes256gcm16-prfsha256-x25519-ke1_mlkem768'],
    ['classical', { ppk: 'none' }, 'aes256gcm16-prfsha256-x25519'],
  ] as const)('says %s where the keys are', async (mode, options, proposal) => {
    const { view } = await attached({
      ...options,
      auth: 'psk',
      proposals: [proposal],
      ue: { ikeProposals: [proposal] },
    });
    expect(view.ue('#1')).toMatchObject({ mode, childSas: [{ mode }, { mode }] });
    expect(view.status().keyModes[mode]).toBe(1);
  });

  it('shows sessions with both tunnel ends and flows', async () => {
    const { view } = await attached();
    expect(view.sessions()).toMatchObject([
      {
        ueId: 1,
        ue: 'imsi-208930000000001',
        session: 1,
        type: 'ipv4',
        upf: '192.0.2.2',
        uplinkPackets: 1,
        flows: [{ qfi: 1, guaranteed: false, uplinkPackets: 1, downlinkPackets: 1 }],
      },
    ]);
    expect(view.sessions()[0]!.dlTeid).toMatch(/^[0-9a-f]{8}$/);
  });

  it('is a ladder of its own, apart from those of others', async () => {
    const world = new World({ ues: 2 });
    for (const { ue } of world.ues) {
      await ue.start();
      await world.settle();
    }
    const view = viewOf(world);
    expect(view.ladder(1).length).toBe(view.ladder(2).length);
    expect(new Set(view.ladder(2).map(({ ueId }) => ueId))).toEqual(new Set([2]));
  });
});

describe('the view of keys', () => {
  const supply = {
    ...{ reachable: true, storedKeys: 70, qber: 0.02, keysPerSecond: 9, fallback: true },
    ...{ reason: 'pool', needKeys: 90, supplyKeys: 12 },
  };

  it('has supply, pool and what SAs rest on; and never rejects', async () => {
    const { world } = await attached();
    const store = await KeyStore.open({
      source: { encKeys: async () => never, decKeys: async () => never },
      storage: new MemoryKeyStorage(),
      clock: { wallMs: () => 0, monotonicMs: () => 0 },
      random: (length) => new Uint8Array(length),
    });
    const keys = await viewOf(world, { keySupply: () => supply, keyCounts: () => store.counts() }).keys();
    expect(keys).toMatchObject({
      supply: { mode: 'fallback', needKeys: 90 },
      pool: { stored: 0 },
      handed: 3,
    });
    const broken = viewOf(world, { keyCounts: () => Promise.reject(new Error('closed')) });
    expect(await broken.keys()).not.toHaveProperty('pool');
    store.close();
  });

  const never = {
    ok: false,
    error: { kind: 'unreachable', detail: '', mayHaveBurnt: false, burntKeyIds: [] },
  } as const;
});

describe('the view of the audit record', () => {
  const rows = linkEvents(
    undefined,
    Array.from({ length: 9 }, (_, at) => ({ atMs: at * 1000, event: 'delivered', keyIds: [`key ${at}`] })),
    undefined,
  );
  const auditOf = (all: readonly AuditRow[], limit?: number) => {
    const storage = new MemoryKeyStorage();
    for (const row of all) storage.appendAudit(row);
    return viewOf(new World(), { audit: storage }).audit(limit);
  };

  it('has its end, newest last, and says that each row follows from the one before', async () => {
    expect(await auditOf(rows, 3)).toMatchObject({ length: 9, chain: 'ok', rows: [{}, {}, { sequence: 9 }] });
    expect((await auditOf(rows, 3))!.rows[0]).toMatchObject({
      sequence: 7,
      at: '1970-01-01T00:00:06.000Z',
      event: { event: 'delivered', keys: ['key 6'], seq: 7 },
    });
    expect((await auditOf(rows))!.rows).toHaveLength(9);
    expect(await auditOf([])).toEqual({ rows: [], length: 0, chain: 'ok' });
    expect(await auditOf(rows, 0)).toMatchObject({ rows: [], chain: 'ok' });
    expect(await viewOf(new World()).audit()).toBeUndefined();
  });

  it('names the first row that was tampered with, as long as it is in sight', async () => {
    const edited = rows.map((row) => (row.sequence === 7 ? { ...row, event: 'no JSON' } : row));
    expect(await auditOf(edited, 5)).toMatchObject({ chain: 'broken', brokenAt: 7 });
    expect((await auditOf(edited, 5))!.rows.find(({ sequence }) => sequence === 7)!.event).toBe('no JSON');
    expect(await auditOf(edited, 2)).toMatchObject({ chain: 'ok' });
    const first = rows.map((row) => (row.sequence === 1 ? { ...row, event: '{}' } : row));
    expect(await auditOf(first, 9)).toMatchObject({ chain: 'broken', brokenAt: 1 });
  });
});
