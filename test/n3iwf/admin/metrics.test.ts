import { describe, expect, it } from 'vitest';
import type { KeyCounts } from '#qkd';
import { type MetricSources, metrics, metricsPage } from '../../../n3iwf/admin/metrics.ts';
import { type AdminSources, adminPages } from '../../../n3iwf/admin/pages.ts';
import { World } from '../../support/world.ts';

const keyCounts: KeyCounts = {
  delivered: 12,
  used: 5,
  burnt: 1,
  stored: 4,
  reserved: 0,
  destroyed: 1,
  expired: 1,
  quarantined: 0,
  suspected: 2,
};

function sourcesOf(world: World, more: Partial<AdminSources> = {}): AdminSources {
  return {
    gateway: world.gateway,
    ikeEvents: new Map([['ikeSaEstablished', 3]]),
    keyCounts: async () => keyCounts,
    keySupply: () => undefined,
    loopDelay: () => ({ median: 0.001, p99: 0.01, most: 0.5 }),
    uptime: () => 42,
    draining: () => false,
    ...more,
  };
}

/** Samples of a page by their name and labels. */
async function read(sources: MetricSources): Promise<Map<string, number>> {
  const lines = (await metricsPage(sources))
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [
      line.slice(0, line.lastIndexOf(' ')),
      Number(line.slice(line.lastIndexOf(' ') + 1)),
    ]),
  );
}

describe('names', () => {
  it('are as promtool wants them', () => {
    for (const { name, type, help } of metrics) {
      expect(name).toMatch(/^n3iwf_[a-z0-9_]+$/);
      expect(name.endsWith('_total')).toBe(type === 'counter');
      if (type === 'histogram') expect(name).toMatch(/_seconds$/);
      // A unit is a base unit, in the plural, and stands at the end.
      expect(name.replace('_per_second', '')).not.toMatch(
        /_(?:second|octet|bytes?|minutes?|percent|kilo\w*)(?:_|$)/,
      );
      expect(name).not.toMatch(/_(?:count|sum|bucket|gauge|counter|ms|milliseconds)(?:_|$)/);
      expect(help).toMatch(/\.$/);
    }
    expect(new Set(metrics.map(({ name }) => name)).size).toBe(metrics.length);
  });
});

describe('the page of a node, about UEs and their SAs', () => {
  it('follows a UE from nothing to a session and away', async () => {
    const world = new World();
    const before = await read(sourcesOf(world));
    expect(before.get('n3iwf_ues{state="attached"}')).toBe(0);
    expect(before.get('n3iwf_pdu_sessions')).toBe(0);
    await world.register();
    await world.openSession();
    await world.ping();
    const during = await read(sourcesOf(world));
    expect(during.get('n3iwf_ues{state="attached"}')).toBe(1);
    expect(during.get('n3iwf_pdu_sessions')).toBe(1);
    expect(during.get('n3iwf_inner_addresses_used')).toBe(1);
    expect(during.get('n3iwf_user_packets_total{direction="uplink"}')).toBeGreaterThan(0);
    expect([...during].find(([key]) => key.startsWith('n3iwf_amf_ready{amf="0"'))?.[1]).toBe(1);
  });

  it('counts procedures by result, with their times', async () => {
    const world = new World();
    await world.register();
    await world.openSession();
    world.ue.ue.nas.deregister();
    await world.settle();
    const page = await read(sourcesOf(world));
    const count = (protocol: string, procedure: string, result = 'success') =>
      page.get(
        `n3iwf_procedure_duration_seconds_count{protocol="${protocol}",procedure="${procedure}",result="${result}"}`,
      );
    expect([count('ike', 'attach'), count('eap', 'eap-5g'), count('ngap', 'InitialContextSetup')]).toEqual([
      1, 1, 1,
    ]);
    expect([count('ngap', 'PDUSessionResourceSetup'), count('ngap', 'UEContextRelease')]).toEqual([1, 1]);
    expect(count('nas', 'amf-answer')).toBeGreaterThan(2);
    expect(page.get('n3iwf_ngap_messages_total{message="InitialUEMessage",direction="out"}')).toBe(1);
    const buckets = [...page].filter(([key]) =>
      key.startsWith('n3iwf_procedure_duration_seconds_bucket{protocol="ike"'),
    );
    expect(buckets.at(-1)).toEqual([expect.stringContaining('le="+Inf"'), 1]);
    for (const [at, [, value]] of buckets.entries())
      expect(value).toBeGreaterThanOrEqual(buckets[at - 1]?.[1] ?? 0);
  });

  it('shows SAs by what their keys rest on, and alarms', async () => {
    const world = new World({ auth: 'qkd', ppk: 'rfc9867' });
    await world.register();
    const page = await read(sourcesOf(world));
    expect(page.get('n3iwf_ike_sas{mode="qkd"}')).toBe(1);
    expect(page.get('n3iwf_child_sas{mode="qkd"}')).toBe(1);
    expect(page.get('n3iwf_child_sas{mode="classical"}')).toBe(0);
    expect(page.get('n3iwf_half_open_ike_sas')).toBe(0);
    expect(
      page.get('n3iwf_procedure_duration_seconds_count{protocol="kme",procedure="PPK key",result="success"}'),
    ).toBe(1);
    expect(page.get('n3iwf_alarms{alarm="amfLost",severity="critical"}')).toBe(0);
    world.loseAmf();
    expect((await read(sourcesOf(world))).get('n3iwf_alarms{alarm="amfLost",severity="critical"}')).toBe(1);
  });
});

describe('the page of a node, about its keys and itself', () => {
  it('shows keys, events, lag and uptime', async () => {
    const page = await read(sourcesOf(new World()));
    expect(page.get('n3iwf_qkd_keys{state="stored"}')).toBe(4);
    expect(page.get('n3iwf_qkd_keys_delivered_total')).toBe(12);
    expect(page.get('n3iwf_qkd_keys_suspected_total')).toBe(2);
    expect(page.get('n3iwf_ike_events_total{event="ikeSaEstablished"}')).toBe(3);
    expect(page.get('n3iwf_event_loop_delay_seconds{quantile="1"}')).toBe(0.5);
    expect(page.get('n3iwf_uptime_seconds')).toBe(42);
    expect(page.get('n3iwf_key_store_readable')).toBe(1);
  });

  it('shows the KME as it was last seen, and only what it told', async () => {
    const supply = { reachable: true, storedKeys: 70, qber: 0.02, keysPerSecond: 9, fallback: false };
    const seen = await read(sourcesOf(new World(), { keySupply: () => supply }));
    expect(seen.get('n3iwf_kme_reachable')).toBe(1);
    expect(seen.get('n3iwf_kme_stored_keys')).toBe(70);
    expect(seen.get('n3iwf_kme_keys_per_second')).toBe(9);
    expect(seen.get('n3iwf_link_qber_ratio')).toBe(0.02);
    expect(seen.get('n3iwf_qkd_fallback')).toBe(0);
    expect(seen.get('n3iwf_key_store_trouble{reason="storage-damaged"}')).toBe(0);
    const storeTrouble = { reason: 'storage-damaged', detail: 'x' };
    const hurt = await read(sourcesOf(new World(), { keySupply: () => ({ ...supply, storeTrouble }) }));
    expect(hurt.get('n3iwf_key_store_trouble{reason="storage-damaged"}')).toBe(1);
    expect(hurt.get('n3iwf_key_store_trouble{reason="storage-full"}')).toBe(0);
    const lost = { ...supply, reachable: false, storedKeys: undefined, qber: undefined, fallback: true };
    const gone = await read(sourcesOf(new World(), { keySupply: () => lost }));
    expect(gone.get('n3iwf_kme_reachable')).toBe(0);
    expect(gone.get('n3iwf_qkd_fallback')).toBe(1);
    expect(gone.has('n3iwf_kme_stored_keys')).toBe(false);
    expect(gone.has('n3iwf_link_qber_ratio')).toBe(false);
    expect((await read(sourcesOf(new World()))).has('n3iwf_kme_reachable')).toBe(false);
  });

  it('loses only the metrics of a key store that cannot be read, and says so', async () => {
    const page = await read(sourcesOf(new World(), { keyCounts: () => Promise.reject(new Error('closed')) }));
    expect(page.get('n3iwf_key_store_readable')).toBe(0);
    expect([...page.keys()].some((key) => key.startsWith('n3iwf_qkd_keys{'))).toBe(false);
    expect(page.get('n3iwf_uptime_seconds')).toBe(42);
    const without = await read(sourcesOf(new World(), { keyCounts: undefined }));
    expect(without.has('n3iwf_key_store_readable')).toBe(false);
  });

  it('has no SUPI, no address and no key ID in it', async () => {
    const world = new World();
    await world.register();
    await world.openSession();
    const text = await metricsPage(sourcesOf(world));
    expect(text).not.toMatch(/\d{15}|\d+\.\d+\.\d+\.\d+|[0-9a-f]{8}-[0-9a-f]{4}-/);
  });
});

describe('health', () => {
  const ask = async (path: string, sources: AdminSources) => await adminPages.get(path)?.(sources);

  it('is ready with an AMF and a readable key store, and says what is missing', async () => {
    const world = new World();
    expect(await ask('/readyz', sourcesOf(world))).toMatchObject({ status: 200, body: 'ready\n' });
    expect(await ask('/readyz', sourcesOf(world, { keyCounts: undefined }))).toMatchObject({ status: 200 });
    const broken = sourcesOf(world, { keyCounts: () => Promise.reject(new Error('closed')) });
    expect(await ask('/readyz', broken)).toMatchObject({
      status: 503,
      body: expect.stringContaining('key store'),
    });
    const ending = sourcesOf(world, { draining: () => true });
    expect(await ask('/readyz', ending)).toMatchObject({
      status: 503,
      body: expect.stringContaining('ending'),
    });
  });

  it('is not ready without an AMF, and ready again with it', async () => {
    const world = new World();
    world.gateway.onN2Event(0, { type: 'associationLost', reason: 'lost', wasReady: true });
    expect(await ask('/readyz', sourcesOf(world))).toMatchObject({
      status: 503,
      body: 'not ready: no AMF takes UEs\n',
    });
  });

  it('lives whatever the AMF does', async () => {
    expect(await ask('/healthz', sourcesOf(new World()))).toMatchObject({ status: 200, body: 'ok\n' });
  });
});
