import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ChildSa, EspSuite, IkeEvent } from '#ikev2';
import { LabCapture } from '../../../n3iwf/io/lab-capture.ts';
import { WiresharkKeys } from '../../../n3iwf/io/wireshark-keys.ts';

let folder = '';
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'keys-')), 'wireshark');
});
afterEach(() => rmSync(join(folder, '..'), { recursive: true }));

const octets = (length: number, value: number) => new Uint8Array(length).fill(value);
const rows = (file: string) => readFileSync(join(folder, file), 'utf8');

function ikeKeys(encr: string, integ: string): Extract<IkeEvent, { type: 'ikeKeysDerived' }> {
  const [spiInitiator, spiResponder] = [octets(8, 1), octets(8, 2)];
  const ciphers = { skEi: octets(2, 3), skEr: octets(2, 4), skAi: octets(1, 5), skAr: octets(1, 6) };
  const keys = { ...ciphers, skPi: octets(2, 11), skPr: octets(2, 12), prf: 'hmac-sha2-256' } as const;
  return { type: 'ikeKeysDerived', ikeSaId: 1, spiInitiator, spiResponder, ...keys, encr, integ };
}

function child(encr: EspSuite['encr'], integ: EspSuite['integ'], integLength: number): ChildSa {
  const at = { address: '127.0.0.1', port: 4500 };
  return {
    id: 1,
    ikeSaId: 1,
    spiIn: 0x10,
    spiOut: 0xffff_fffe,
    suite: { encr, integ, esn: false },
    suiteName: encr,
    keysIn: { encr: octets(2, 7), integ: octets(integLength, 8) },
    keysOut: { encr: octets(2, 9), integ: octets(integLength, 10) },
    trafficSelectorsLocal: [],
    trafficSelectorsRemote: [],
    udpEncapsulation: true,
    local: at,
    remote: at,
  };
}

describe('key tables for Wireshark', () => {
  it('has one row for an IKE SA: SPIs, keys and algorithms by their names there', () => {
    const keys = new WiresharkKeys(folder);
    keys.ike(ikeKeys('aes256-gcm16', 'none'));
    keys.ike(ikeKeys('aes128-cbc', 'hmac-sha2-256-128'));
    const spis = '0101010101010101,0202020202020202';
    expect(rows('ikev2_decryption_table').split('\n')).toEqual([
      `${spis},0303,0404,"AES-GCM-256 with 16 octet ICV [RFC5282]",05,06,"NONE [RFC4306]"`,
      `${spis},0303,0404,"AES-CBC-128 [RFC3602]",05,06,"HMAC_SHA2_256_128 [RFC4868]"`,
      '',
    ]);
  });

  it('has a row for each direction of a child SA', () => {
    const keys = new WiresharkKeys(folder);
    keys.child(child('aes256-gcm16', 'none', 0));
    keys.child(child('null', 'hmac-sha1-96', 1));
    expect(rows('esp_sa').split('\n')).toEqual([
      '"IPv4","*","*","0x00000010","AES-GCM with 16 octet ICV [RFC4106]","0x0707","NULL",""',
      '"IPv4","*","*","0xfffffffe","AES-GCM with 16 octet ICV [RFC4106]","0x0909","NULL",""',
      '"IPv4","*","*","0x00000010","NULL","0x0707","HMAC-SHA-1-96 [RFC2404]","0x08"',
      '"IPv4","*","*","0xfffffffe","NULL","0x0909","HMAC-SHA-1-96 [RFC2404]","0x0a"',
      '',
    ]);
  });

  it('leaves out what Wireshark cannot decipher', () => {
    const keys = new WiresharkKeys(folder);
    keys.ike(ikeKeys('chacha20-poly1305', 'none'));
    keys.ike(ikeKeys('aes128-cbc', 'something new'));
    keys.child(child('chacha20-poly1305', 'none', 0));
    expect(rows('ikev2_decryption_table') + rows('esp_sa')).toBe('');
  });

  it('empties the tables of an earlier run and keeps them from other users', () => {
    new WiresharkKeys(folder).child(child('aes128-gcm16', 'none', 0));
    new WiresharkKeys(folder);
    for (const file of ['esp_sa', 'ikev2_decryption_table']) {
      expect(rows(file)).toBe('');
      expect(statSync(join(folder, file)).mode & 0o777).toBe(0o600);
    }
    expect(rows('preferences')).toContain('esp.enable_encryption_decode: TRUE');
  });

  it('is filled from the events of the lab', () => {
    const capture = new LabCapture({ keylog: folder });
    capture.ikeEvent(ikeKeys('aes128-gcm16', 'none'));
    capture.ikeEvent({
      type: 'childSaEstablished',
      ikeSaId: 1,
      child: child('aes128-gcm16', 'none', 0),
      notifies: [],
    });
    capture.ikeEvent({ type: 'livenessConfirmed', ikeSaId: 1 });
    capture.close();
    expect(rows('ikev2_decryption_table').trim().split('\n')).toHaveLength(1);
    expect(rows('esp_sa').trim().split('\n')).toHaveLength(2);
  });
});
