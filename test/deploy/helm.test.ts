import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { z } from 'zod';
import { configSchema, parseDocument } from '../../n3iwf/config.ts';

const folder = fileURLToPath(new URL('../../deploy/helm/qn3iwf/', import.meta.url));
const text = (name: string) => readFileSync(`${folder}${name}`, 'utf8');
const values = parse(text('values.yaml')) as Record<string, Record<string, unknown>>;
const templates = readdirSync(`${folder}templates`);

/** The value at a path of names; undefined where a name does not exist. */
const at = (path: readonly string[]) =>
  path.reduce<unknown>(
    (value, name) => (typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined),
    values,
  );

describe('the Helm chart', () => {
  test('its configuration is one that the node takes', () => {
    expect(() => parseDocument(configSchema, values.configuration, 'values.yaml')).not.toThrow();
  });

  test('addresses of interfaces are those of the configuration', () => {
    const { ike, n2, n3 } = parseDocument(configSchema, values.configuration, 'values.yaml');
    const ifs = values.n3iwf as Record<string, { ipAddress?: string }>;
    expect(ifs.nwuif?.ipAddress).toBe(ike.address);
    expect(n2.localAddresses).toEqual([ifs.n2if?.ipAddress]);
    expect(ifs.n3if?.ipAddress).toBe(n3.address);
  });

  test.each(templates)('%s: every value that it names exists, and what it opens it closes', (name) => {
    const source = text(`templates/${name}`);
    for (const [, path = ''] of source.matchAll(/\.Values\.([\w.]+)/g))
      expect(at(path.split('.')), path).toBeDefined();
    const count = (pattern: RegExp) => source.match(pattern)?.length ?? 0;
    expect(count(/\{\{-? *(?:if|with|range|define)\b/g)).toBe(count(/\{\{-? *end\b/g));
    expect(count(/\{\{/g)).toBe(count(/\}\}/g));
  });

  test('without its templates a manifest is YAML', () => {
    for (const name of templates.filter((each) => each.endsWith('.yaml'))) {
      // A line that is all template goes; one within a line becomes a word.
      const plain = text(`templates/${name}`)
        .replace(/^\s*\{\{-? *\/\*[\s\S]*?\*\/ *-?\}\}\s*$/gm, '')
        .replace(/^\s*\{\{[^\n]*\}\}\s*$/gm, '')
        .replace(/"?\{\{[^}]*\}\}"?/g, 'x');
      for (const document of parseAllDocuments(plain)) expect(document.errors, name).toEqual([]);
    }
  });
});

const interfaces = (last: number) => ({
  n2if: { ipAddress: `10.100.50.${last}` },
  n3if: { ipAddress: `10.100.51.${last}` },
  nwuif: { ipAddress: `192.168.56.${last}` },
});

describe('several nodes', () => {
  const schema = z.fromJSONSchema(JSON.parse(text('values.schema.json')));
  const accepts = (change: object) => schema.safeParse({ ...values, ...change }).success;

  test('the schema of values takes those of the chart, and entries with addresses of their own', () => {
    expect(accepts({})).toBe(true);
    expect(accepts({ nodes: [interfaces(11), { ...interfaces(12), configuration: { log: 'debug' } }] })).toBe(
      true,
    );
    const { nwuif: _, ...lacking } = interfaces(11);
    expect(accepts({ nodes: [lacking] })).toBe(false);
    expect(accepts({ nodes: [{ ...interfaces(11), n3iwfId: 7 }] })).toBe(false);
    for (const replicaCount of [0, 1.5, '2'])
      expect(accepts({ n3iwf: { ...values.n3iwf, replicaCount } }), String(replicaCount)).toBe(false);
  });

  test('each has a StatefulSet of one pod, a ConfigMap and a Service, which names no other', () => {
    for (const name of ['statefulset.yaml', 'configmap.yaml', 'service.yaml']) {
      expect(text(`templates/${name}`)).toMatch(/range \$node := (?:\(include "qn3iwf\.nodes"|\$nodes)/);
      expect(text(`templates/${name}`)).toMatch(/^ {2}name: \{\{ \$node\.name \}\}$/m);
    }
    const set = text('templates/statefulset.yaml');
    expect(set).toMatch(/^ {2}replicas: 1$/m);
    // the selector of the set, its pods and the Service: what is in one of them is in all three
    expect(
      `${set}${text('templates/service.yaml')}`.match(/qn3iwf\/node: \{\{ \$node\.name \}\}/g),
    ).toHaveLength(3);
  });

  test('what cannot work is refused by a message', () => {
    const helpers = text('templates/_helpers.tpl');
    const messages = [...helpers.matchAll(/fail \(printf "([^"]*)"/g)].map(([, message = '']) => message);
    expect(messages).toHaveLength(4);
    for (const word of ['replicaCount', 'ipAddress is missing', 'no two nodes', 'PostgreSQL'])
      expect(
        messages.filter((message) => message.includes(word)),
        word,
      ).toHaveLength(1);
  });
});

const { HELM: helm } = process.env;

const scratch = mkdtempSync(join(tmpdir(), 'helm-'));
afterAll(() => rmSync(scratch, { recursive: true }));
const network = { enabled: true };
const global = { n2network: network, n3network: network, nwunetwork: network };
const nodes = [interfaces(11), { ...interfaces(12), configuration: { n2: { n3iwfId: 200 } } }];
const three = { global, n3iwf: { replicaCount: 3 }, nodes };

function rendered(change: object) {
  const path = join(scratch, 'values.yaml');
  writeFileSync(path, stringify(change));
  const line = ['template', 'x', folder, '-f', path];
  const { stdout, stderr } = spawnSync(helm ?? '', line, { encoding: 'utf8', timeout: 60_000 });
  const documents = parseAllDocuments(stdout).map((each) => each.toJS() as Manifest | null);
  return { stderr, documents: documents.filter((each) => each !== null) };
}

// helm is in no package of Debian: whoever has it says where
describe.runIf(helm !== undefined)('rendered by helm', () => {
  test('three nodes have their own addresses, IDs and names, and each other to send UEs to', () => {
    const { documents, stderr } = rendered(three);
    expect(stderr).toBe('');
    const configurations = documents
      .filter(({ kind }) => kind === 'ConfigMap')
      .map(({ data }) => parseDocument(configSchema, parse(data?.['n3iwf.yaml'] ?? ''), 'n3iwf.yaml'));
    expect(configurations.map(({ ike, n2, n3 }) => [ike.address, n2.n3iwfId, n2.name, n3.address])).toEqual([
      ['192.168.56.10', 135, 'qn3iwf', '10.100.50.233'],
      ['192.168.56.11', 136, 'qn3iwf-1', '10.100.51.11'],
      ['192.168.56.12', 200, 'qn3iwf-2', '10.100.51.12'],
    ]);
    expect(configurations.map(({ ike }) => ike.redirectTo)).toEqual([
      ['192.168.56.11', '192.168.56.12'],
      ['192.168.56.10', '192.168.56.12'],
      ['192.168.56.10', '192.168.56.11'],
    ]);
    const names = (kind: string) =>
      documents.filter((each) => each.kind === kind).map(({ metadata }) => metadata.name);
    for (const kind of ['StatefulSet', 'ConfigMap', 'Service'])
      expect(names(kind)).toEqual(['x-n3iwf', 'x-n3iwf-1', 'x-n3iwf-2']);
  });

  test('one node is what its values say', () => {
    const { documents } = rendered({});
    const [map] = documents.filter(({ kind }) => kind === 'ConfigMap');
    expect(parse(map?.data?.['n3iwf.yaml'] ?? '')).toEqual(values.configuration);
  });

  test.each([
    ['too few entries', { n3iwf: { replicaCount: 2 } }, /replicaCount is 2, and nodes has 0 entries/],
    [
      'an ID twice',
      { ...three, nodes: [nodes[0], { ...interfaces(12), configuration: { n2: { n3iwfId: 136 } } }] },
      /n2\.n3iwfId is 136 at x-n3iwf-1 and at x-n3iwf-2/,
    ],
    [
      'an address twice',
      { ...three, nodes: [nodes[0], interfaces(11)] },
      /ike\.address is 192\.168\.56\.11 at/,
    ],
    [
      'one SAE with stores of their own',
      { ...three, configuration: { qkd: { saeId: 'sae-n3iwf', store: '/var/lib/n3iwf/keys.db' } } },
      /nodes of one SAE share a key store in PostgreSQL/,
    ],
    ['no node', { n3iwf: { replicaCount: 0 } }, /replicaCount/],
  ])('%s is refused', (_, change, message) => {
    expect(rendered(change).stderr).toMatch(message);
  });

  test('lint finds nothing', () => {
    const { status, stdout } = spawnSync(helm ?? '', ['lint', folder], { encoding: 'utf8', timeout: 60_000 });
    expect([status, stdout]).toEqual([0, expect.stringContaining('0 chart(s) failed')]);
  });
});

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
}
