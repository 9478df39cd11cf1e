import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { shownConfig } from '../../../n3iwf/cli/config-commands.ts';
import { placeOf, readNamedFile } from '../../../n3iwf/cli/configuration-file.ts';
import { readConfig } from '../../../n3iwf/config.ts';
import { cli } from '../../support/command-line.ts';

const usable = `
ike: { address: 192.0.2.1, identity: n3iwf.example, auth: eap-only, ppk: none }
inner: { pool: 10.45.0.0/16, address: 10.45.0.1 }
n2: { n3iwfId: 135, plmn: { mcc: "208", mnc: "93" }, tac: "000001", slices: [{ sst: 1 }], amfs: [{ addresses: [192.0.2.10] }] }
n3: { address: 192.0.2.1 }
`;
let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'config-'));
  file = join(folder, 'n.yaml');
  writeFileSync(file, usable);
});
afterEach(() => {
  rmSync(folder, { recursive: true });
  vi.unstubAllEnvs();
});

describe('config check', () => {
  it('says that a file is usable, and what the environment did to it', async () => {
    expect(await cli('config', 'check', '-c', file)).toMatchObject({
      status: 0,
      text: `${file} is usable\n`,
    });
    vi.stubEnv('N3IWF_IKE_PORT', '600');
    vi.stubEnv('N3IWF_IKE_PROT', '600');
    const { status, text } = await cli('config', 'check', '-c', file);
    expect(status).toBe(0);
    expect(text).toContain('ike.port: by N3IWF_IKE_PORT of the environment\n');
    expect(text).toContain('warning: N3IWF_IKE_PROT names no key');
    const json = await cli('config', 'check', '-c', file, '--json');
    expect(JSON.parse(json.text)).toMatchObject({ usable: true, notes: { length: 2 } });
  });

  it.each([
    ['a wrong value', 'ike: { address: 192.0.2 }', /ike\.address: must be.*"192\.0\.2"/],
    [
      'a proposal that is none',
      usable.replace('ppk: none', 'ppk: none, proposals: [rot13]'),
      /ike\.proposals: "rot13"/,
    ],
    [
      'a file that is not there',
      usable.replace('auth: eap-only', 'auth: psk, preSharedKeyFile: /none'),
      /preSharedKeyFile/,
    ],
    ['no YAML', '{', /n\.yaml: /],
  ])('names %s', async (_, text, wanted) => {
    writeFileSync(file, text);
    const { status, text: said } = await cli('config', 'check', '-c', file);
    expect(status).toBe(2);
    expect(said).toMatch(wanted);
  });

  it('names a wrong value of the environment, too', async () => {
    vi.stubEnv('N3IWF_N2_TAC', '1');
    expect((await cli('config', 'check', '-c', file)).text).toMatch(/n2\.tac: must be six.*"1"/);
  });
});

describe('config show', () => {
  it('has every default and what the environment gave', async () => {
    vi.stubEnv('N3IWF_IKE_ADDRESS', '192.0.2.77');
    const { text } = await cli('config', 'show', '-c', file);
    expect(text).toMatch(/^# ike\.address is by N3IWF_IKE_ADDRESS\n/);
    expect(parse(text)).toMatchObject({
      ike: { address: '192.0.2.77', port: 500 },
      timers: { drainSeconds: 8 },
    });
    const json = JSON.parse((await cli('config', 'show', '-c', file, '--json')).text);
    expect(readConfig(json, 'shown').n2.plmn).toEqual({ mcc: '208', mnc: '93' });
  });

  it('shows no password of a database', () => {
    const qkd = {
      ...{ kme: 'https://k', kmeId: 'k', saeId: 'a', ueSaeId: 'b', ca: 'c', certificate: 'd', key: 'e' },
      store: 'postgres://n3iwf:secret@db/keys',
    };
    const config = readConfig({ ...parse(usable), qkd }, 'f');
    expect(shownConfig(config).qkd?.store).toBe('postgres://n3iwf:***@db/keys');
    expect(config.qkd?.store).toContain('secret');
    const { qkd: _, ...without } = config;
    expect(shownConfig(without)).toBe(without);
  });
});

it('config reference prints the page, or the keys as JSON', async () => {
  expect((await cli('config', 'reference')).text).toMatch(/^# Configuration\n/);
  const keys = JSON.parse((await cli('config', 'reference', '--json')).text);
  expect(keys.find(({ path }: { path: string }) => path === 'ike.port').byDefault).toBe(500);
});

describe('secrets', () => {
  it('are found where the service manager put them', () => {
    writeFileSync(join(folder, 'psk'), 'shared');
    vi.stubEnv('CREDENTIALS_DIRECTORY', folder);
    expect(new TextDecoder().decode(readNamedFile('ike.preSharedKeyFile', 'credential:psk'))).toBe('shared');
    expect(placeOf('k', '/etc/psk')).toBe('/etc/psk');
  });

  it.each(['credential:', 'credential:..', 'credential:../psk', 'credential:a/b'])(
    'are not at %s',
    (named) => {
      expect(() => placeOf('k', named, { CREDENTIALS_DIRECTORY: folder })).toThrow(/k: "credential:.*slash/);
    },
  );

  it('are nowhere without a service manager', () => {
    expect(() => placeOf('k', 'credential:psk', {})).toThrow(/CREDENTIALS_DIRECTORY is not set/);
  });
});
