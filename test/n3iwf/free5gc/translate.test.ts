import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { migrateConfig } from '../../../n3iwf/cli/migrate.ts';
import { readNodeConfig, translationLines, withAddresses } from '../../../n3iwf/cli/node-config.ts';
import { runCli } from '../../../n3iwf/cli/program.ts';
import { readConfig } from '../../../n3iwf/config.ts';
import { OperatorError } from '../../../n3iwf/errors.ts';
import { isFree5gc } from '../../../n3iwf/free5gc/translate.ts';

const original = new URL('n3iwfcfg.yaml', import.meta.url).pathname;
const text = readFileSync(original, 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'free5gc-'));
let files = 0;
afterAll(() => rmSync(folder, { recursive: true }));

/** The configuration of the test with one piece of its text changed. */
function changed(from: string | RegExp, to: string): string {
  const next = text.replace(from, to);
  if (next === text) throw new Error(`the file has no ${String(from)}`);
  return written(next);
}

function written(content: string): string {
  const path = join(folder, `${++files}.yaml`);
  writeFileSync(path, content);
  return path;
}

function complaint(path: string): string {
  try {
    readNodeConfig(path);
  } catch (error) {
    expect(error).toBeInstanceOf(OperatorError);
    return (error as Error).message.split('\n').slice(1).join('\n').trim();
  }
  return 'accepted';
}

function translationOf(path: string) {
  const { translation } = readNodeConfig(path);
  if (translation === undefined) throw new Error('not seen as a configuration of free5GC');
  return translation;
}

const { config } = readNodeConfig(original);

describe("free5GC's configuration as it is, in ours", () => {
  test('digits that YAML takes for numbers keep their zeros: 001, 000001, 010203, 1e1111', () => {
    expect(config.n2).toMatchObject({
      plmn: { mcc: '001', mnc: '01' },
      tac: '000001',
      slices: [
        { sst: 1, sd: '010203' },
        { sst: 1, sd: '112233' },
      ],
      moreTrackingAreas: [
        { tac: '000001', plmns: [{ mcc: '208', mnc: '93', slices: [{ sst: 2, sd: '1e1111' }] }] },
        { tac: '00000a', plmns: [{ mcc: '001', mnc: '01', slices: [{ sst: 1, sd: '000012' }] }] },
      ],
    });
  });

  test('every other key finds its place', () => {
    expect(config).toMatchObject({
      ike: {
        address: '192.0.2.15',
        identity: 'n3iwf.example.org',
        auth: 'certificate',
        ppk: 'none',
        certificate: { chain: 'cert/n3iwf.pem', key: 'cert/n3iwf.key' },
      },
      inner: { pool: '10.0.0.0/24', address: '10.0.0.1', nasPort: 20000 },
      n2: {
        name: 'gateway',
        n3iwfId: 135,
        localAddresses: ['192.0.2.15'],
        amfs: [
          { addresses: ['amf.example.org', '192.0.2.18'], port: 38412 },
          { addresses: ['192.0.2.28'], port: 38412 },
        ],
      },
      n3: { address: 'n3iwf.example.org' },
      timers: { livenessMs: 90_000 },
      log: 'debug',
    });
  });

  test('the suites of its UE come last, after better ones', () => {
    expect(config.ike.proposals.at(-1)).toBe('aes256-sha1-prfsha1-modp2048');
    expect(config.ike.espProposals.at(-1)).toBe('aes256-sha1');
    expect(config.ike.proposals[0]).toBe('aes256gcm16-prfsha256-x25519');
  });

  test('what its UE cannot do otherwise is on: an offer without a choice for Child SAs, and IPv4 as the type of GRE', () => {
    expect(config.ike.childOffer).toBe('as-first');
    expect(config.userPlane.gre).toBe('free5gc');
  });
});

describe("what is told of free5GC's configuration", () => {
  test('tells each key that it took, each that it did not, and why', () => {
    const lines = translationLines(translationOf(original));
    expect(lines).toContain('taken: configuration.nasTcpPort -> inner.nasPort: 20000');
    expect(lines.filter((line) => line.startsWith('ignored: ')).map((line) => line.split(': ')[1])).toEqual([
      'configuration.xfrmInterfaceName',
      'configuration.xfrmInterfaceID',
      'configuration.certificateAuthority',
      'configuration.livenessCheck.maxRetryTimes',
      'configuration.metrics',
      'logger.reportCaller',
    ]);
    expect(lines.some((line) => line.startsWith('warning: ') && line.includes('SHA-1'))).toBe(true);
  });

  test('every key of the file is told, taken or ignored', () => {
    const { taken, ignored } = translationOf(original);
    const told = [...taken, ...ignored].map(({ key }) => key);
    const leaves = (value: unknown, path: string): string[] =>
      typeof value !== 'object' || value === null || Array.isArray(value)
        ? [path]
        : Object.entries(value).flatMap(([key, inner]) =>
            leaves(inner, path === '' ? key : `${path}.${key}`),
          );
    const silent = leaves(parse(text), '').filter(
      (path) => !told.some((key) => path === key || path.startsWith(`${key}.`)),
    );
    expect(silent).toEqual(['info.version', 'info.description', 'logger.enable']);
  });
});

describe("a section qn3iwf in free5GC's configuration", () => {
  test('a section qn3iwf goes over what is taken: QKD in front of a free5GC', () => {
    const qkd = { kme: 'https://192.0.2.30:8443', kmeId: 'k', saeId: 'a', ueSaeId: 'b' };
    const files = { ca: 'ca', certificate: 'c', key: 'k', store: 's' };
    const overlay = JSON.stringify({ ike: { auth: 'qkd', ppk: 'rfc8784' }, qkd: { ...qkd, ...files } });
    const { config: laidOver } = readNodeConfig(written(`${text}\nqn3iwf: ${overlay}\n`));
    expect(laidOver.ike).toMatchObject({ auth: 'qkd', ppk: 'rfc8784', identity: 'n3iwf.example.org' });
    expect(laidOver.qkd).toMatchObject(qkd);
    expect(laidOver.n2).toEqual(config.n2);
  });

  test('null in that section takes a key away', () => {
    const { config: without } = readNodeConfig(
      written(`${text}\nqn3iwf: { ike: { auth: eap-only, certificate: null } }\n`),
    );
    expect(without.ike).not.toHaveProperty('certificate');
  });

  test('a wrong key of that section is told as ours', () => {
    expect(complaint(written(`${text}\nqn3iwf: { ike: { auth: quantum } }\n`))).toMatch(/^ike\.auth: /);
  });
});

describe('older files', () => {
  const older = text
    .replace('1.0.5', '1.0.4')
    .replace(/n3iwfGtpBindAddress/, 'GTPBindAddress')
    .replace(/amfSCTPAddresses/, 'AMFSCTPAddresses')
    .replace(/ikeBindAddress/, 'IKEBindAddress')
    .replaceAll(/\bmcc:/g, 'MCC:')
    .replaceAll(/\bsnssai:/g, 'SNSSAI:');

  test('the spelling of 1.0.4 is read, with a warning that names each key', () => {
    const { config, translation } = readNodeConfig(written(older));
    expect(config).toEqual(readNodeConfig(original).config);
    const warnings = translation?.warnings.join('\n') ?? '';
    expect(warnings).toContain('1.0.4 is an older schema; 1.0.5 is the one to write');
    expect(warnings).toContain('configuration.GTPBindAddress -> n3iwfGtpBindAddress');
    expect(warnings).toContain('configuration.AMFSCTPAddresses -> amfSCTPAddresses');
    expect(warnings).toContain('plmnID.MCC -> mcc');
  });

  test('a file of 1.0.5 in today’s spelling has no such warning', () => {
    expect(translationOf(original).warnings).toHaveLength(1);
  });

  test.each(['1.0.3', '1.0.6', '2', 'nonsense'])(
    'version %s is refused: key, value and right form',
    (version) => {
      expect(complaint(changed('1.0.5', version))).toBe(
        `info.version: must be 1.0.5 (or 1.0.4), but it is ${version}`,
      );
    },
  );

  test('no version is refused as well', () => {
    expect(complaint(changed('version: 1.0.5', 'versions: 1.0.5'))).toContain('but it is missing');
  });
});

const brokenFiles: [string | RegExp, string, string][] = [
  [
    '{ mcc: 001, mnc: 01 }',
    '{ mcc: 1, mnc: 01 }',
    'plmnID.mcc: must be three digits, such as 208 or 001, but it is "1"',
  ],
  ['{ mcc: 001, mnc: 01 }', '00101', 'plmnID: must have the keys mcc and mnc, but it is "00101"'],
  [
    'n3iwfID: 135',
    'n3iwfID: 65536',
    'globalN3IWFID.n3iwfID: must be a whole number from 0 to 65535, but it is "65536"',
  ],
  [
    'n3iwfID: 135',
    'n3iwfID: [1]',
    'globalN3IWFID.n3iwfID: must be a whole number from 0 to 65535, but it is ["1"]',
  ],
  [
    'tac: 000001',
    'tac: 1',
    'supportedTAList.0.tac: must be six hexadecimal digits, such as 000001, but it is "1"',
  ],
  ['sst: 2', 'sst: 256', 'snssai.sst: must be a whole number from 0 to 255, but it is "256"'],
  ['sd: 112233', 'sd: 11223', 'snssai.sd: must be six hexadecimal digits, such as 010203, but it is "11223"'],
  [
    'nasTcpPort: 20000',
    'nasTcpPort: many',
    'configuration.nasTcpPort: must be a whole number from 1 to 65535, but it is "many"',
  ],
  [
    / {2}nasTcpPort: 20000\n/,
    '',
    'configuration.nasTcpPort: must be a whole number from 1 to 65535, but it is nothing',
  ],
  [
    'fqdn: n3iwf.example.org',
    'fqdn: "n3iwf example"',
    'configuration.fqdn: must be an address such as 10.100.200.15, or a host name',
  ],
  [
    'transFreq: 1m30s',
    'transFreq: 90',
    'livenessCheck.transFreq: must be a duration such as 60s or 1m30s, but it is "90"',
  ],
  [
    '{ enable: true, transFreq',
    '{ enable: maybe, transFreq',
    'livenessCheck.enable: must be true or false, but it is "maybe"',
  ],
  [
    'level: trace',
    'level: loud',
    'logger.level: must be trace, debug, info, warn, error, fatal or panic, but it is "loud"',
  ],
  ['ip: [192.0.2.28]', 'ip: []', 'amfSCTPAddresses.1.ip: must have at least one of addresses of one AMF'],
  [
    'ip: [192.0.2.28]',
    'ip: 192.0.2.28',
    'amfSCTPAddresses.1.ip: must be a list of addresses of one AMF, but it is "192.0.2.28"',
  ],
  [
    '10.0.0.0/24',
    '10.0.0.0',
    'configuration.ueIpAddressRange: must be an IPv4 prefix such as 10.0.0.0/24, but it is "10.0.0.0"',
  ],
  [
    'ikeBindAddress: 192.0.2.15',
    'ikeBindAddress: 192.0.2',
    'ike.address: must be an IPv4 address such as 192.0.2.1, or a host name',
  ],
];

describe('faults in the file', () => {
  test.each(brokenFiles)('%s as %s', (from, to, expected) => {
    expect(complaint(changed(from, to))).toContain(expected);
  });

  test('several faults are told at once', () => {
    const path = written(text.replace('nasTcpPort: 20000', 'nasTcpPort: x').replace('tac: 000001', 'tac: 1'));
    expect(complaint(path).split('\n')).toHaveLength(2);
  });

  test('a file without its sections', () => {
    expect(complaint(written('info: { version: 1.0.5 }\n'))).toContain('configuration: must be the section');
  });

  test('keys that the schema does not have are ignored aloud, with the key that may have been meant', () => {
    const path = written(text.replace('  fqdn:', '  fqdm: x\n  colour: blue\n  fqdn:'));
    expect(translationOf(path).ignored).toEqual(
      expect.arrayContaining([
        { key: 'configuration.fqdm', why: 'no such key in the schema; fqdn is one' },
        { key: 'configuration.colour', why: 'no such key in the schema' },
      ]),
    );
  });

  test('any text in place of any scalar is taken or refused with its key, never thrown otherwise', () => {
    const scalar = /(?<=: )[A-Za-z0-9./]+$/gm;
    const places = [...text.matchAll(scalar)].map(({ index, 0: found }) => ({ index, found }));
    fc.assert(
      fc.property(fc.constantFrom(...places), fc.string({ maxLength: 12 }), ({ index, found }, value) => {
        const next = `${text.slice(0, index)}${JSON.stringify(value)}${text.slice(index + found.length)}`;
        expect(complaint(written(next))).toMatch(/^(?:accepted|[\w.]+: )/);
      }),
      { numRuns: 60 },
    );
  });
});

describe('names in the configuration', () => {
  const { config } = readNodeConfig(original);

  test('its own names are looked up before a socket opens; those of AMFs stay for each connection', async () => {
    const found = await withAddresses(config, (name) =>
      Promise.resolve(name === config.n3.address ? ['192.0.2.77'] : []),
    );
    expect(found.n3.address).toBe('192.0.2.77');
    expect(found.n2.amfs).toEqual(config.n2.amfs);
  });

  test('a name without an address is told with its key', async () => {
    const nobody = () => Promise.reject(new Error('no such name'));
    await expect(withAddresses(config, nobody)).rejects.toThrow(
      /n3\.address: must be an address, or a name that has one here, but it is "n3iwf\.example\.org": no such name/,
    );
    await expect(withAddresses(config, () => Promise.resolve([]))).rejects.toThrow(/has no IPv4 address/);
  });
});

describe('n3iwf config migrate', () => {
  test('writes what `run` would have used: our own reading of it is the same', () => {
    const output = join(folder, 'ours.yaml');
    const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    expect(migrateConfig({ config: original, output })).toBe(0);
    const lines = said.mock.calls.map(([line]) => line);
    said.mockRestore();
    expect(lines).toContain('taken: configuration.nasTcpPort -> inner.nasPort: 20000\n');
    const document: unknown = parse(readFileSync(output, 'utf8'));
    expect(isFree5gc(document)).toBe(false);
    expect(readConfig(document, output)).toEqual(readNodeConfig(original).config);
    expect(() => migrateConfig({ config: original, output })).toThrow(/must be a new file/);
    expect(() => migrateConfig({ config: output })).toThrow(/is ours already/);
  });

  test('is a command, whose fault is status 2 and one message', async () => {
    const said = vi.spyOn(console, 'error').mockReturnValue();
    expect(await runCli(['config', 'migrate', '-c', join(folder, 'absent.yaml')])).toBe(2);
    expect(said.mock.calls.flat().join()).toContain('absent.yaml');
    said.mockRestore();
  });
});
