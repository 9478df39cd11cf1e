// needs: tshark
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runLab } from './run-lab.ts';

/** IKE_INTERMEDIATE, which tshark 4.0 does not know: it takes what is encrypted there for a payload of its own. */
const intermediate = 'isakmp.exchangetype == 43';
const faulty = '_ws.malformed || _ws.expert.severity == error || _ws.short';

/** Wireshark's dissectors are the independent second reader: they decrypt with the key log and judge every layer. */
describe('capture of a lab run, read by tshark', () => {
  const folder = mkdtempSync(join(tmpdir(), 'capture-'));
  const pcap = join(folder, 'a.pcap');
  const keylog = join(folder, 'k');
  let keyIds: readonly string[] = [];

  const tshark = (withKeys: boolean, ...options: string[]): string[] =>
    execFileSync('tshark', ['-r', pcap, ...options], {
      encoding: 'utf8',
      env: { ...process.env, WIRESHARK_CONFIG_DIR: withKeys ? keylog : join(folder, 'empty') },
      stdio: ['ignore', 'pipe', 'ignore'],
      maxBuffer: 1 << 26,
    })
      .split('\n')
      .filter((line) => line !== '');

  beforeAll(async () => {
    const { summary, status } = await runLab('--ppk', 'rfc8784', '--pcap', pcap, '--keylog', keylog);
    expect([status, summary.errors]).toEqual([0, []]);
    keyIds = summary.ues[0]?.keyIds ?? [];
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test('[TS38412 7] every frame is NGAP, ISAKMP, EAP, ESP or GTP-U, and none is malformed', () => {
    const protocols = tshark(false, '-T', 'fields', '-e', '_ws.col.Protocol');
    expect([...new Set(protocols)].sort()).toEqual([
      'ESP',
      'GTP <ECHO>',
      'GTP <ICMP>',
      'GTP <TCP>',
      'ISAKMP',
      'NGAP',
      'NGAP/NAS-5GS',
    ]);
    for (const withKeys of [false, true]) {
      expect(tshark(withKeys, '-Y', `!(${intermediate}) && (${faulty})`)).toEqual([]);
    }
  });

  test('[TS38413 9.4.4] the NGAP messages of an attach stand in their order', () => {
    const names = tshark(false, '-Y', 'ngap', '-T', 'fields', '-e', '_ws.col.Info').map(
      (line) => line.split(',')[0],
    );
    expect(names.slice(0, 3)).toEqual(['NGSetupRequest', 'NGSetupResponse', 'InitialUEMessage']);
    for (const name of [
      'InitialContextSetupRequest',
      'InitialContextSetupResponse',
      'PDUSessionResourceSetupRequest',
      'PDUSessionResourceSetupResponse',
      'PDUSessionResourceReleaseCommand',
      'PDUSessionResourceReleaseResponse',
      'UEContextReleaseCommand',
      'UEContextReleaseComplete',
    ]) {
      expect(names).toContain(name);
    }
  });

  test('NAS-5GS is dissected message by message', () => {
    const types = new Set(
      tshark(true, '-Y', 'nas-5gs', '-T', 'fields', '-e', 'nas_5gs.mm.message_type').flatMap((l) =>
        l.split(','),
      ),
    );
    for (const type of [
      '0x41',
      '0x56',
      '0x57',
      '0x5d',
      '0x5e',
      '0x42',
      '0x43',
      '0x67',
      '0x68',
      '0x45',
      '0x46',
    ]) {
      expect(types).toContain(type);
    }
    const sessions = new Set(
      tshark(true, '-Y', 'nas_5gs.sm.message_type', '-T', 'fields', '-e', 'nas_5gs.sm.message_type').flatMap(
        (l) => l.split(','),
      ),
    );
    for (const type of ['0xc1', '0xc2', '0xd1', '0xd3', '0xd4']) expect(sessions).toContain(type);
  });

  test('[RFC7296 2.14] with the key log IKE_AUTH opens: an independent derivation agrees with our keys', () => {
    const notifies = tshark(
      true,
      '-Y',
      'isakmp.exchangetype == 35',
      '-T',
      'fields',
      '-e',
      'isakmp.notify.msgtype',
      '-e',
      'isakmp.notify.data',
    );
    const ppk = notifies.find((line) => line.startsWith('16436'));
    const named = Buffer.from(ppk?.split('\t')[1]?.split(',')[0] ?? '', 'hex');
    expect(named[0]).toBe(2);
    expect(keyIds).toContain(named.subarray(1).toString());
    expect(notifies.some((line) => line.includes('55502') && line.includes('55506'))).toBe(true);
    const eap = tshark(true, '-Y', 'eap.ext.vendor_id == 10415', '-T', 'fields', '-e', 'eap.ext.vendor_type');
    expect(eap.length).toBe(6);
    expect(new Set(eap)).toEqual(new Set(['0x03']));
    expect(tshark(false, '-Y', 'eap')).toEqual([]);
  });

  test('[RFC4303 2] with the key log every ESP packet opens, and its ICV is good', () => {
    const all = tshark(true, '-Y', 'esp').length;
    expect(all).toBeGreaterThan(20);
    expect(tshark(true, '-Y', 'esp.icv_bad == 1')).toEqual([]);
    expect(tshark(true, '-Y', 'tcp.port == 20000 && esp').length).toBeGreaterThan(10);
    expect(tshark(true, '-Y', 'gre && esp').length).toBe(tshark(true, '-Y', 'gtp').length);
    expect(tshark(true, '-Y', '(tcp || gre) && esp').length).toBe(all);
  });

  test('the key log is readable by its owner only', () => {
    expect(readFileSync(join(keylog, 'esp_sa'), 'utf8')).toMatch(/AES-GCM with 16 octet ICV/);
  });
});
