import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
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
