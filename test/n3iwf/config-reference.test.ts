import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type ConfigKey, configKeys, referencePage, variableOf } from '../../n3iwf/config-reference.ts';
import { liveKeyOf, liveKeys, restartKeyOf, restartKeys } from '../../n3iwf/live-keys.ts';

const keys = configKeys();
const at = (path: string): ConfigKey => {
  const found = keys.find((key) => key.path === path);
  if (found === undefined) throw new Error(path);
  return found;
};
const text = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

describe('the list of keys', () => {
  it('has form, unit, bounds and default of each', () => {
    expect(at('ike.port')).toMatchObject({
      form: 'whole number 0 to 65535',
      byDefault: 500,
      required: false,
    });
    expect(at('timers.attachMs')).toMatchObject({ form: 'whole number 1 or more, ms', byDefault: 30_000 });
    expect(at('timers.drainSeconds').form).toBe('number 0 to 3600, s');
    expect(at('userPlane.nwuMtu').form).toBe('whole number 1280 to 65535, octets');
    expect(at('ike.auth').form).toBe('`qkd`, `psk`, `certificate`, `eap-only`');
    expect(at('ike.address')).toMatchObject({ form: 'text', required: true });
    expect(at('inner.dns')).toMatchObject({ form: 'list of text', byDefault: [] });
    expect(at('userPlane.dscp').form).toBe('map to whole number 0 to 63');
    expect(at('n2.amfs')).toMatchObject({ form: 'list of sections', required: true });
    expect(at('n2.amfs[].port')).toMatchObject({ byDefault: 38412, variable: undefined });
    expect(at('qkd.keyEncryptionKey').form).toBe(
      'section with `file`, or section with `credential`, or section with `pkcs11`',
    );
    expect(at('userPlane.clampMss').form).toBe('`true` or `false`');
  });

  it('says of every key what it is for', () => {
    const silent = keys.filter(({ about, isSection }) => about === '' && !isSection).map(({ path }) => path);
    expect(silent).toEqual([]);
  });

  it('has every key of the example', () => {
    const paths = new Set(keys.map(({ path }) => path));
    const walk = (value: unknown, path: string): string[] =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.entries(value).flatMap(([name, each]) => walk(each, path === '' ? name : `${path}.${name}`))
        : [path];
    const named = walk(parse(text('deploy/n3iwf.example.yaml')), '').filter((path) => path !== 'inner.fixed');
    expect(named.filter((path) => !paths.has(path))).toEqual([]);
    expect(named.length).toBeGreaterThan(40);
  });

  it('names a variable for each that none shares', () => {
    const variables = keys.flatMap(({ variable }) => (variable === undefined ? [] : [variable]));
    expect(new Set(variables).size).toBe(variables.length);
    expect(variableOf('inner.pCscf')).toBe('N3IWF_INNER_P_CSCF');
    expect(variableOf('n2.sctp.rtoMinMs')).toBe('N3IWF_N2_SCTP_RTO_MIN_MS');
  });
});

describe('keys that change live, and keys that take a restart', () => {
  it('are keys', () => {
    for (const key of [...Object.keys(liveKeys), ...Object.keys(restartKeys)]) expect(at(key).path).toBe(key);
  });

  it('are all keys: each falls under one row of one of the two lists', () => {
    const rows = [...Object.keys(liveKeys), ...Object.keys(restartKeys)];
    const isIn = (path: string, row: string) => liveKeyOf(path) === row || restartKeyOf(path) === row;
    const leaves = keys.filter(({ isSection }) => !isSection).map(({ path }) => path);
    expect(leaves.filter((path) => rows.filter((row) => isIn(path, row)).length !== 1)).toEqual([]);
    expect(
      leaves.filter((path) => (liveKeyOf(path) === undefined) === (restartKeyOf(path) === undefined)),
    ).toEqual([]);
    // no row is inside of another, so that the first to fit is the only one
    for (const row of rows) {
      const others = rows.filter((other) => other !== row);
      expect(others.filter((other) => other.startsWith(`${row}.`) || other.startsWith(`${row}[`))).toEqual(
        [],
      );
    }
  });

  it('stand for what is below them, and for nothing beside', () => {
    expect(liveKeyOf('ike.certificate.chain')).toBe('ike.certificate');
    expect(liveKeyOf('n2.amfs')).toBe('n2.amfs');
    expect(liveKeyOf('n2.amfs[].port')).toBe('n2.amfs');
    expect(liveKeyOf('n2.amfsOfOthers')).toBeUndefined();
    expect(liveKeyOf('ike.address')).toBeUndefined();
  });
});

it('the page of the guides is what the schema says; n3iwf config reference writes it', () => {
  expect(text('deploy/guides/configuration.md')).toBe(referencePage());
});
