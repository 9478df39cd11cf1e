/** Every example configuration under deploy/ is started: nodes as processes, and with their KMEs, cores and UEs as networks. */
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it, test, vi } from 'vitest';
import { parse, stringify } from 'yaml';
import { coreSchema } from '../../n3iwf/cli/core.ts';
import { type RunningKmes, startKmes } from '../../n3iwf/cli/kme.ts';
import { readKmeConfig } from '../../n3iwf/cli/kme-config.ts';
import { readNodeConfig } from '../../n3iwf/cli/node-config.ts';
import { openKeys } from '../../n3iwf/cli/open-keys.ts';
import { shellConfigOf } from '../../n3iwf/cli/shell-config.ts';
import { runUe, ueSchema } from '../../n3iwf/cli/ue.ts';
import { parseDocument } from '../../n3iwf/config.ts';
import { variableOf } from '../../n3iwf/config-reference.ts';
import type { MemoryAssociation } from '../../n3iwf/io/sctp-memory.ts';
import { silentLog } from '../../n3iwf/log.ts';
import { GatewayShell } from '../../n3iwf/shell.ts';
import { openLoopbackCore } from '../support/loopback-core.ts';
import { NodeFolder } from '../support/node-process.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const text = (path: string) => readFileSync(`${root}${path}`, 'utf8');

/** Files of each kind; those of a network lie in one folder under these names. */
const nodes = ['deploy/n3iwf.example.yaml', 'deploy/container/n3iwf.yaml', 'deploy/qkd/n3iwf.yaml'];
const keyManagers = [
  'deploy/kme.example.yaml',
  'deploy/container/kme.yaml',
  'deploy/free5gc/kme.yaml',
  'deploy/qkd/kme.yaml',
];
const networks = ['deploy/container', 'deploy/qkd', 'deploy/free5gc'];
const valuesOfChart = 'deploy/helm/qn3iwf/values.yaml';
const free5gcSection = 'deploy/free5gc/n3iwfcfg.qkd.yaml';
/** What is no configuration of ours, and the test that looks at it. */
const elsewhere = [
  'deploy/container/compose.yaml',
  'deploy/free5gc/docker-compose.override.yaml',
  'deploy/free5gc/docker-compose.qkd.yaml',
  'deploy/grafana/alerts.yaml',
  'deploy/helm/qn3iwf/Chart.yaml',
];

test('no YAML file under deploy/ is left out here', () => {
  const ofNetworks = networks.flatMap((folder) =>
    ['core.yaml', 'ue.yaml'].map((name) => `${folder}/${name}`),
  );
  const known = [...nodes, ...keyManagers, ...ofNetworks, valuesOfChart, free5gcSection, ...elsewhere];
  const found = globSync('deploy/**/*.{yaml,yml}', { cwd: root });
  const own = found.filter((path) => !path.includes('/templates/') && !/\.tests?\.ya?ml$/.test(path));
  expect(own.filter((path) => !known.includes(path))).toEqual([]);
  expect(own.length).toBeGreaterThan(14);
});

/** A KME has two seconds for an answer, which a machine that is busy with other tests may not give it at the first try. */
const patient = { timeout: 120_000, retry: 2 };

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** A folder for one test. */
function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'examples-'));
  closers.push(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** The key managers of a file, at free ports of this machine, with credentials in `folder`. */
async function keyManagersOf(path: string, folder: string): Promise<RunningKmes> {
  const document = parse(text(path));
  for (const node of document.nodes) node.listen = {};
  if (document.control !== undefined) document.control = { port: 0 };
  const kmes = await startKmes(readKmeConfig({ ...document, credentialsFolder: folder }, path));
  closers.push(() => kmes.close());
  return kmes;
}

/** The URL of a key manager by its ID. */
function urlOf(kmes: RunningKmes, kmeId: string | undefined): string {
  const site = kmes.sites.find((each) => each.kmeId === kmeId);
  if (site === undefined) throw new Error(`no KME ${kmeId}`);
  return site.url;
}

const credentials = (folder: string, saeId: string | undefined) => ({
  ca: join(folder, 'authority.pem'),
  certificate: join(folder, `${saeId}.pem`),
  key: join(folder, `${saeId}.key`),
});

/** The configuration of free5GC's N3IWF with our section behind it. */
const free5gcFile = () => `${text('test/n3iwf/free5gc/n3iwfcfg.yaml')}\n${text(free5gcSection)}`;

describe('a node by', () => {
  const started: [string, () => string, string][] = [
    ...nodes.map((path): [string, () => string, string] => [
      path,
      () => text(path),
      path === 'deploy/n3iwf.example.yaml' ? 'deploy/qkd/kme.yaml' : path.replace('n3iwf.yaml', 'kme.yaml'),
    ]),
    [valuesOfChart, () => stringify(parse(text(valuesOfChart)).configuration), 'deploy/qkd/kme.yaml'],
    [free5gcSection, free5gcFile, 'deploy/free5gc/kme.yaml'],
  ];

  it.each(started)('%s comes up at other addresses, and ends in order', patient, async (_, file, kmeFile) => {
    const node = new NodeFolder();
    closers.push(() => node.close());
    writeFileSync(node.configFile, file());
    const { config } = readNodeConfig(node.configFile);
    const folder = scratch();
    const values: Record<string, unknown> = {
      'ike.address': node.address,
      'ike.port': 15_510,
      'ike.natTraversalPort': 15_511,
      'n2.localAddresses': [],
      'n2.amfs': [{ addresses: [node.address] }],
      'n3.address': node.address,
      'n3.port': 15_512,
      'control.path': node.socket,
      'admin.address': node.address,
      'admin.port': 0,
    };
    if (config.qkd !== undefined) {
      const kmes = await keyManagersOf(kmeFile, folder);
      values['qkd.kme'] = urlOf(kmes, config.qkd.kmeId);
      for (const [key, path] of Object.entries(credentials(folder, config.qkd.saeId)))
        values[`qkd.${key}`] = path;
      values['qkd.store'] = join(folder, 'keys.db');
      values['qkd.tamperFile'] = join(folder, 'tamper');
    }
    const environment = Object.fromEntries(
      Object.entries(values).map(([path, value]) => [
        variableOf(path),
        typeof value === 'string' ? value : JSON.stringify(value),
      ]),
    );
    const { child, ended, log } = await node.start(['ignore', 'pipe'], environment);
    // the socket is there before there is anything to be seen of the node
    await vi.waitFor(
      async () =>
        expect(await node.ask('/status'), log()).toMatchObject({ name: config.n2.name, draining: false }),
      { timeout: 60_000, interval: 100 },
    );
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
  });
});

describe('key managers by', () => {
  it.each(keyManagers)('%s give each pair of theirs keys', patient, async (path) => {
    const kmes = await keyManagersOf(path, scratch());
    const [drawing, named] = ['sae-ue', 'sae-n3iwf'];
    const drawn = await (await kmes.client(drawing)).encKeys(named, 1);
    if (!drawn.ok) throw new Error(drawn.error.detail);
    const keyIds = drawn.value.map(({ keyId }) => keyId);
    expect(await (await kmes.client(named)).decKeys(drawing, keyIds)).toMatchObject({ ok: true });
  });
});

const [ikePort, natTraversalPort, gtpuPort] = [10_521, 14_521, 2152];
const host = (last: number) => `127.${2 + (process.pid % 240)}.58.${last}`;

/** The core of a network, at the other end of an association; where the network's is another's, one with the UE's subscriber. */
async function openCore(folder: string, subscriber: object, n2: object): Promise<MemoryAssociation> {
  const own = globSync(`${folder}/core.yaml`, { cwd: root });
  const document =
    own[0] === undefined ? { ...n2, subscribers: [subscriber] } : (parse(text(own[0])) as object);
  const at = { n2: { addresses: [host(2)] }, n3: { address: host(2) } };
  const settings = parseDocument(coreSchema, { ...document, ...at }, `${folder}/core.yaml`);
  const { far, close } = await openLoopbackCore(
    {
      ...settings,
      ...{ amfName: 'amf', amfRegionId: 0xca, amfSetId: 1016, amfPointer: 0 },
      subscribers: settings.subscribers.map((each) => ({ ...each, sqn: 32 })),
    },
    host(2),
  );
  closers.push(close);
  return far;
}

describe('a whole network by', () => {
  it.each(networks)('%s attaches its UE, which pings, rekeys and detaches', patient, async (place) => {
    const folder = scratch();
    const kmes = await keyManagersOf(`${place}/kme.yaml`, folder);
    const ue = parse(text(`${place}/ue.yaml`));
    const isFree5gc = place === 'deploy/free5gc';
    writeFileSync(join(folder, 'n3iwf.yaml'), isFree5gc ? free5gcFile() : text(`${place}/n3iwf.yaml`));
    const { config } = readNodeConfig(join(folder, 'n3iwf.yaml'));
    if (config.qkd === undefined) throw new Error('no qkd');
    const there = { address: host(1), port: ikePort, natTraversalPort };
    // free5GC's example has another PLMN first than its UE
    const { plmn, slice } = ue;
    const n2 = { ...config.n2, ...(isFree5gc ? { plmn, slices: [slice], moreTrackingAreas: [] } : {}) };
    const qkd = {
      ...config.qkd,
      ...credentials(folder, config.qkd.saeId),
      kme: urlOf(kmes, config.qkd.kmeId),
      store: join(folder, 'keys.db'),
    };
    const n3 = { ...config.n3, address: host(1), moreAddresses: [], port: gtpuPort };
    const moved = { ...config, ike: { ...config.ike, ...there }, n2, n3, qkd };
    const keys = await openKeys(qkd, silentLog);
    closers.push(() => keys.close());
    const shell = await GatewayShell.open(shellConfigOf(moved, false), keys.store, silentLog);
    closers.push(() => shell.close());
    const far = await openCore(place, ue.subscriber, { plmn, slices: [slice] });
    await shell.connectN2(() => Promise.resolve(far));
    Object.assign(ue, { address: host(3), ikePort, natTraversalPort, patienceMs: 60_000 });
    Object.assign(ue.n3iwf, { address: host(1) });
    const ownSae = /([^/]+)\.pem$/.exec(ue.qkd.certificate)?.[1];
    Object.assign(ue.qkd, credentials(folder, ownSae), { kme: urlOf(kmes, ue.qkd.kmeId) });
    writeFileSync(join(folder, 'ue.yaml'), stringify(ue));
    const lines: string[] = [];
    const write = (line: unknown) => lines.push(String(line)) > 0;
    for (const stream of [process.stdout, process.stderr]) {
      const spy = vi.spyOn(stream, 'write').mockImplementation(write);
      closers.push(() => spy.mockRestore());
    }
    expect(await runUe(join(folder, 'ue.yaml')), lines.join('')).toBe(0);
    expect(lines.join('')).toMatch(/pinged [\d.]+: 5 of 5/);
  });

  it.each(networks)('%s pings what is in its data network', (place) => {
    const ue = parseDocument(ueSchema, parse(text(`${place}/ue.yaml`)), 'ue.yaml');
    expect(ue.ping).not.toMatch(/^10\.6[0-9]\./); // addresses of sessions
  });
});
