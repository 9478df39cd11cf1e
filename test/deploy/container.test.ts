import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { coreSchema } from '../../n3iwf/cli/core.ts';
import { kmeSchema } from '../../n3iwf/cli/kme-config.ts';
import { readNodeConfig } from '../../n3iwf/cli/node-config.ts';
import { ueSchema } from '../../n3iwf/cli/ue.ts';
import { parseDocument } from '../../n3iwf/config.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const at = (name: string) => `${root}deploy/container/${name}`;
const text = (name: string) => readFileSync(at(name), 'utf8');

interface Compose {
  readonly services: Readonly<
    Record<
      string,
      {
        readonly command?: string;
        readonly stop_grace_period?: string;
        readonly volumes: readonly string[];
        readonly networks: { readonly net: { readonly ipv4_address: string } };
      }
    >
  >;
  readonly volumes: Readonly<Record<string, unknown>>;
}
const compose = parse(text('compose.yaml'), { merge: true }) as Compose;

/** Packages that files under a folder import. */
function packagesOf(folder: string): Set<string> {
  const found = new Set<string>();
  for (const file of readdirSync(`${root}${folder}`, { recursive: true, encoding: 'utf8' })) {
    if (!/\.(ts|js|mjs)$/.test(file)) continue;
    const source = readFileSync(`${root}${folder}/${file}`, 'utf8');
    for (const [, name = ''] of source.matchAll(/^(?:import|export)\b[^;]*?from '([^'.#][^']*)'/gm))
      found.add(name.startsWith('@') ? name.split('/').slice(0, 2).join('/') : (name.split('/')[0] ?? ''));
  }
  return found;
}

describe('the image', () => {
  const copied = [...text('Containerfile').matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(
    ([, sources = '']) => sources.split(' '),
  );

  test('takes in what is there, and what its ignore file lets through', () => {
    const let_ = text('Containerfile.dockerignore');
    for (const source of copied) {
      expect(existsSync(`${root}${source}`)).toBe(true);
      expect(let_).toContain(`!${source}\n`);
    }
  });

  test('has every package that its code imports, without those for development', () => {
    const { dependencies } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as {
      dependencies: Record<string, string>;
    };
    const own = new Set([...Object.keys(dependencies), ...builtinModules, 'node:']);
    for (const folder of copied.filter((source) => !/\./.test(source) && source !== 'LICENSE'))
      for (const name of packagesOf(folder)) if (!name.startsWith('node:')) expect(own).toContain(name);
  });

  test('is not root, and has koffi as it was built elsewhere: its package is an optional one', () => {
    expect(text('Containerfile')).toMatch(/^USER node$/m);
    const run = /^RUN npm pkg[\s\S]*?[^\\]$/m.exec(text('Containerfile'))?.[0] ?? '';
    expect(run).toContain('--ignore-scripts');
    expect(run).not.toContain('--omit');
    // npm's list fails as long as package.json names what is not installed
    expect(run).toMatch(/npm pkg delete optionalDependencies devDependencies/);
  });
});

describe('the list of what is inside', () => {
  const status = [
    'Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:2.36-9+deb12u14\n',
    'Package: gone\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n',
    'Package: perl-base\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.36\nDescription: a\n b\n',
  ].join('\n');
  const npm = {
    bomFormat: 'CycloneDX',
    metadata: { component: { 'bom-ref': 'qn3iwf@0.1.0', type: 'library', name: 'opt' } },
    components: [{ 'bom-ref': 'pg@8.23.1', type: 'library', name: 'pg', version: '8.23.1' }],
  };
  const folder = mkdtempSync(join(tmpdir(), 'sbom-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  function listed(input: string) {
    writeFileSync(join(folder, 'status'), status);
    return spawnSync(process.execPath, [at('sbom.mjs'), join(folder, 'status')], {
      input,
      encoding: 'utf8',
      timeout: 30_000,
    });
  }

  test("has npm's packages, Node with its OpenSSL, and what dpkg has installed", () => {
    const whole = JSON.parse(listed(JSON.stringify(npm)).stdout) as typeof npm;
    expect(whole.metadata.component).toMatchObject({ name: 'qn3iwf', type: 'application' });
    expect(whole.components.map(({ name, version }) => `${name} ${version}`)).toEqual([
      'pg 8.23.1',
      `node ${process.versions.node}`,
      `openssl ${process.versions.openssl}`,
      'libc6 1:2.36-9+deb12u14',
      'perl-base 5.36',
    ]);
    expect(whole.components.at(-2)).toMatchObject({
      purl: 'pkg:deb/debian/libc6@1%3A2.36-9%2Bdeb12u14?arch=amd64',
    });
  });

  test('is none where npm gave none: the build fails', () => {
    expect(listed('').status).not.toBe(0);
  });
});

describe('the network of containers', () => {
  test('every configuration is usable as it stands', () => {
    parseDocument(kmeSchema, parse(text('kme.yaml')), 'kme.yaml');
    parseDocument(coreSchema, parse(text('core.yaml')), 'core.yaml');
    parseDocument(ueSchema, parse(text('ue.yaml')), 'ue.yaml');
    expect(readNodeConfig(at('n3iwf.yaml')).config.ike.policy).toBe('qkd-preferred');
  });

  test('every address in them is that of its service, and subscriber and UE fit', () => {
    const addresses = Object.values(compose.services).map(({ networks }) => networks.net.ipv4_address);
    expect(new Set(addresses).size).toBe(addresses.length);
    for (const name of ['kme.yaml', 'core.yaml', 'n3iwf.yaml', 'ue.yaml'])
      for (const [address] of text(name).matchAll(/10\.110\.0\.\d+/g)) expect(addresses).toContain(address);
    const [subscriber] = parseDocument(coreSchema, parse(text('core.yaml')), 'core.yaml').subscribers;
    const ue = parseDocument(ueSchema, parse(text('ue.yaml')), 'ue.yaml');
    expect(ue.subscriber).toMatchObject({ imsi: subscriber?.imsi, k: subscriber?.k, opc: subscriber?.opc });
  });

  test('who is not root may write to every volume: the image has the folder', () => {
    const own = /install -d -o node -g node -m 0700 ([^&]+)&&/.exec(text('Containerfile'))?.[1]?.split(' ');
    const targets = Object.values(compose.services).flatMap(({ volumes }) =>
      volumes.filter((volume) => !volume.startsWith('./')).map((volume) => volume.split(':')[1] ?? ''),
    );
    expect(new Set(targets).size).toBe(2);
    for (const target of targets) expect(own).toContain(target);
  });

  test('the node has the time for its orderly end', () => {
    const { timers } = readNodeConfig(at('n3iwf.yaml')).config;
    const grace = Number.parseInt(compose.services.n3iwf?.stop_grace_period ?? '', 10);
    expect(grace).toBeGreaterThan(timers.drainSeconds);
  });

  test('every file that a service mounts or names is there', () => {
    for (const { command = '', volumes } of Object.values(compose.services)) {
      for (const volume of volumes) {
        const [source = '', target = ''] = volume.split(':');
        if (source.startsWith('./')) expect(existsSync(at(source))).toBe(true);
        else expect(Object.keys(compose.volumes)).toContain(source);
        if (target.endsWith('.yaml') && command !== '') expect(command).toContain(target);
      }
    }
  });
});
