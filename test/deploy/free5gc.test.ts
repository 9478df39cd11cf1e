import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { kmeSchema } from '../../n3iwf/cli/kme-config.ts';
import { readNodeConfig } from '../../n3iwf/cli/node-config.ts';
import { ueSchema } from '../../n3iwf/cli/ue.ts';
import { parseDocument } from '../../n3iwf/config.ts';

const at = (name: string) => fileURLToPath(new URL(`../../deploy/free5gc/${name}`, import.meta.url));
const text = (name: string) => readFileSync(at(name), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'deploy-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes?: Readonly<Record<string, unknown>>;
}
interface Service {
  readonly container_name: string;
  readonly command: string;
  readonly volumes: readonly string[];
  readonly networks?: {
    readonly privnet: { readonly ipv4_address: string; readonly aliases?: readonly string[] };
  };
}

const override = parse(text('docker-compose.override.yaml')) as Compose;
const quantum = parse(text('docker-compose.qkd.yaml')) as Compose;

describe('files beside free5gc-compose', () => {
  test('the override keeps service, name, address, alias and configuration path', () => {
    expect(Object.keys(override.services)).toEqual(['free5gc-n3iwf']);
    const service = override.services['free5gc-n3iwf'];
    expect(service).toMatchObject({
      container_name: 'n3iwf',
      working_dir: '/free5gc',
      networks: { privnet: { ipv4_address: '10.100.200.15', aliases: ['n3iwf.free5gc.org'] } },
    });
    expect(service?.command).toMatch(/bin\.mjs run -c \.\/config\/n3iwfcfg\.yaml$/);
    // more than timers.drainSeconds is by default, which free5GC's file has no key for
    expect(service).toMatchObject({ stop_grace_period: '10s' });
    expect(service?.volumes[0]).toBe('./config/n3iwfcfg.yaml:/free5gc/config/n3iwfcfg.yaml:ro');
  });

  test('every address of the QKD files is that of a service, and none is used twice', () => {
    const own = [...Object.values(override.services), ...Object.values(quantum.services)].flatMap(
      ({ networks }) => networks?.privnet.ipv4_address ?? [],
    );
    expect(new Set(own).size).toBe(own.length);
    const named = ['kme.yaml', 'n3iwfcfg.qkd.yaml', 'ue.yaml'].flatMap(
      (name) => text(name).match(/10\.100\.200\.\d+/g) ?? [],
    );
    const gateway = '10.100.200.1'; // of the bridge: what the UE pings
    for (const address of named) expect([...own, gateway]).toContain(address);
    for (const { volumes } of Object.values(quantum.services)) {
      for (const volume of volumes.filter((each) => /^\w+:/.test(each))) {
        expect(Object.keys(quantum.volumes ?? {})).toContain(volume.split(':')[0]);
      }
    }
  });

  test('the files of the key managers and of the UE are what the commands take', () => {
    const kmes = parseDocument(kmeSchema, parse(text('kme.yaml')), 'kme.yaml');
    const ue = parseDocument(ueSchema, parse(text('ue.yaml')), 'ue.yaml');
    expect(kmes.nodes?.map(({ kmeId }) => kmeId)).toContain((ue.qkd as { kmeId?: string }).kmeId);
    expect(ue.ping).toBe('10.100.200.1');
  });
});

describe('files beside free5gc-compose, held against the files that they extend', () => {
  test('the QKD section at the end of a file of free5GC makes a usable configuration that fits the rest', () => {
    const theirs = readFileSync(new URL('../n3iwf/free5gc/n3iwfcfg.yaml', import.meta.url), 'utf8');
    const path = join(folder, 'n3iwfcfg.yaml');
    writeFileSync(path, `${theirs}\n${text('n3iwfcfg.qkd.yaml')}`);
    const { config } = readNodeConfig(path);
    const ue = parseDocument(ueSchema, parse(text('ue.yaml')), 'ue.yaml');
    expect(config.ike).toMatchObject({ auth: ue.auth, ppk: ue.ppk, policy: 'qkd-required' });
    expect(config.ike.certificate).toBeUndefined();
    expect(config.qkd?.saeId).toBe(ue.qkd?.n3iwfSaeId);
    const suites = ue.proposals.filter((words) => config.ike.proposals.includes(words));
    expect(suites.length).toBeGreaterThan(0);
  });

  test('the guide names every file of its folder, and every key of free5GC that is ignored', () => {
    const guide = text('README.md');
    for (const name of [
      'docker-compose.override.yaml',
      'docker-compose.qkd.yaml',
      'kme.yaml',
      'ue.yaml',
      'n3iwfcfg.qkd.yaml',
    ])
      expect(guide).toContain(name);
    const path = fileURLToPath(new URL('../n3iwf/free5gc/n3iwfcfg.yaml', import.meta.url));
    for (const { key } of readNodeConfig(path).translation?.ignored ?? [])
      expect(guide).toContain(key.replace(/^configuration\./, ''));
  });
});
