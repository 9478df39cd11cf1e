import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { doctorKme } from '../../../n3iwf/cli/doctor-kme.ts';
import { type RunningKmes, startKmes } from '../../../n3iwf/cli/kme.ts';
import { readKmeConfig } from '../../../n3iwf/cli/kme-config.ts';
import { runCli } from '../../../n3iwf/cli/program.ts';
import { ran } from '../../support/command-line.ts';

const folder = mkdtempSync(join(tmpdir(), 'doctor-'));
const config = join(folder, 'n3iwf.yaml');
let kmes: RunningKmes;
let document: { qkd?: Record<string, unknown> };

beforeAll(async () => {
  kmes = await startKmes(
    readKmeConfig(
      {
        nodes: [
          { kmeId: 'kme-n3iwf', saeIds: ['sae-n3iwf'] },
          { kmeId: 'kme-ue', saeIds: ['sae-ue'] },
        ],
        links: [{ between: ['kme-n3iwf', 'kme-ue'], initialBits: 256 * 1000 }],
        credentialsFolder: folder,
      },
      'f',
    ),
  );
  const example = new URL('../../../deploy/n3iwf.example.yaml', import.meta.url);
  document = parse(readFileSync(example, 'utf8'));
  document.qkd = {
    ...document.qkd,
    kme: kmes.sites[0]?.url,
    ca: join(folder, 'authority.pem'),
    certificate: join(folder, 'sae-n3iwf.pem'),
    key: join(folder, 'sae-n3iwf.key'),
  };
  writeFileSync(config, stringify(document));
});

afterAll(async () => {
  await kmes.close();
  rmSync(folder, { recursive: true });
});

const peer = (): object => ({
  peerUrl: kmes.sites[1]?.url,
  peerKmeId: 'kme-ue',
  peerCert: join(folder, 'sae-ue.pem'),
  peerKey: join(folder, 'sae-ue.key'),
});

describe('n3iwf doctor --kme', () => {
  it('passes our own KME, the round trip and the closed door included', async () => {
    const { status, output: text } = await ran(() => doctorKme({ config, ...peer() }));
    expect(text).toContain('18 passed, 0 warnings, 0 failed, 0 skipped');
    expect(text).toMatch(/pass {2}refuses a client without a certificate \[5\.1\]/);
    expect(status).toBe(0);
  });

  it('prints one object with --json, from the command line', async () => {
    const { status, output: text } = await ran(() => runCli(['doctor', '--kme', '-c', config, '--json']));
    expect(status).toBe(0);
    const report = JSON.parse(text);
    expect(report).toMatchObject({ kmeId: 'kme-n3iwf', keysSpent: expect.any(Number) });
    expect(report.findings.map((finding: { verdict: string }) => finding.verdict)).toContain('skip');
  });

  it('fails with status 1 for a KME of another name, and says which', async () => {
    const wrong = join(folder, 'wrong.yaml');
    writeFileSync(wrong, stringify({ ...document, qkd: { ...document.qkd, kmeId: 'kme-x' } }));
    const { status, output: text } = await ran(() => doctorKme({ config: wrong }));
    expect(status).toBe(1);
    expect(text).toContain('its certificate names kme-n3iwf');
  });

  it('says what is missing in the configuration', async () => {
    const without = join(folder, 'without.yaml');
    const ike = { address: '192.0.2.10', identity: 'n', auth: 'eap-only', ppk: 'none' };
    writeFileSync(without, stringify({ ...document, ike, qkd: undefined }));
    await expect(doctorKme({ config: without })).rejects.toThrow('qkd.kme is missing');
    await expect(doctorKme({ config, peerUrl: 'https://h' })).rejects.toThrow('--peer-kme-id');
  });
});

describe('n3iwf doctor', () => {
  /** The configuration with addresses of this machine and ports that anybody may have. */
  const local = (): string => {
    const path = join(folder, 'local.yaml');
    const { ike, n2, n3 } = document as Record<string, object>;
    writeFileSync(
      path,
      stringify({
        ...document,
        ike: { ...ike, address: '127.0.0.1', port: 0, natTraversalPort: 0 },
        n2: { ...n2, amfs: [{ addresses: ['127.0.0.1'], port: 9 }] },
        n3: { ...n3, address: '127.0.0.1', port: 0 },
      }),
    );
    return path;
  };

  it('looks at this machine, finds the KME in order, and fails for the AMF that is not there', async () => {
    const line = ['doctor', '-c', local(), '--json', '--key-rate', '10', '--ues', '100'];
    const { status, output: text } = await ran(() => runCli(line));
    expect(status).toBe(1);
    const report: { findings: { check: string; severity: string }[] } = JSON.parse(text);
    const of = (check: string) => report.findings.filter((finding) => finding.check === check);
    expect(of('ports').map(({ severity }) => severity)).toEqual(['ok', 'ok', 'ok']);
    expect(of('certificates')).toContainEqual(expect.objectContaining({ severity: 'warn' }));
    expect(of('KME')).toMatchObject([{ severity: 'ok' }]);
    expect(of('key rate')).toMatchObject([{ severity: 'ok' }]);
    expect([...of('SCTP'), ...of('AMF')]).toContainEqual(expect.objectContaining({ severity: 'fail' }));
  });

  it('prints the worst finding first', async () => {
    const { output: text } = await ran(() => runCli(['doctor', '-c', local(), '--key-rate', '10']));
    expect(text.split('\n')[0]).toMatch(/^FAIL (?:SCTP|AMF): /);
    expect(text).toMatch(/\d+ good, \d+ warnings, 1 failed, \d+ skipped\n$/);
  });
});
