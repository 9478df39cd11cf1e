import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
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

  test('is not root, and lists what is inside', () => {
    expect(text('Containerfile')).toMatch(/^USER node$/m);
    expect(text('Containerfile')).toMatch(/npm sbom .*--sbom-format=cyclonedx > sbom\.json/);
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
