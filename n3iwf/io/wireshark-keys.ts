import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ChildKeys, ChildSa, EspSuite, IkeEvent } from '#ikev2';
import { hexOf } from '../hex.ts';

type IkeKeys = Extract<IkeEvent, { type: 'ikeKeysDerived' }>;

/** Wireshark's names of the ciphers of an IKE SA (RFC 5282 and RFC 3602). */
const ikeEncryption: Readonly<Record<string, string>> = {
  'aes128-gcm16': 'AES-GCM-128 with 16 octet ICV [RFC5282]',
  'aes256-gcm16': 'AES-GCM-256 with 16 octet ICV [RFC5282]',
  'aes128-cbc': 'AES-CBC-128 [RFC3602]',
  'aes256-cbc': 'AES-CBC-256 [RFC3602]',
};
const ikeIntegrity: Readonly<Record<string, string>> = {
  none: 'NONE [RFC4306]',
  'hmac-sha1-96': 'HMAC_SHA1_96 [RFC2404]',
  'hmac-sha2-256-128': 'HMAC_SHA2_256_128 [RFC4868]',
  'hmac-sha2-384-192': 'HMAC_SHA2_384_192 [RFC4868]',
  'hmac-sha2-512-256': 'HMAC_SHA2_512_256 [RFC4868]',
};
const espEncryption: Readonly<Record<EspSuite['encr'], string | undefined>> = {
  'aes128-gcm16': 'AES-GCM with 16 octet ICV [RFC4106]',
  'aes256-gcm16': 'AES-GCM with 16 octet ICV [RFC4106]',
  'aes128-ccm16': undefined,
  'aes256-ccm16': undefined,
  'aes128-cbc': 'AES-CBC [RFC3602]',
  'aes256-cbc': 'AES-CBC [RFC3602]',
  'chacha20-poly1305': undefined,
  null: 'NULL',
};
const espIntegrity: Readonly<Record<EspSuite['integ'], string>> = {
  none: 'NULL',
  'hmac-sha1-96': 'HMAC-SHA-1-96 [RFC2404]',
  'hmac-sha2-256-128': 'HMAC-SHA-256-128 [RFC4868]',
  'hmac-sha2-384-192': 'HMAC-SHA-384-192 [RFC4868]',
  'hmac-sha2-512-256': 'HMAC-SHA-512-256 [RFC4868]',
};

const preferences = [
  'esp.enable_encryption_decode: TRUE',
  'esp.enable_authentication_check: TRUE',
  'esp.enable_null_encryption_decode_heuristic: FALSE',
  'nas-5gs.null_decipher: TRUE',
  '',
].join('\n');

/**
 * A file of our own beside Wireshark's: a line for each time that an IKE SA got keys, with SPIi, SPIr, prf, SK_pi and SK_pr,
 * by which `n3iwf replay` checks AUTH.
 */
export const authTableName = 'ikev2_auth_keys';

/**
 * A folder that Wireshark and tshark can use as their configuration folder (WIRESHARK_CONFIG_DIR): with it they open
 * the IKE messages and ESP packets of a capture. The files hold keys in clear: for the lab.
 */
export class WiresharkKeys {
  private readonly ikeFile: string;
  private readonly espFile: string;
  private readonly authFile: string;
  private lastIkeLine = '';

  /** Creates `folder` and empties the tables that an earlier run left in it. */
  constructor(folder: string) {
    mkdirSync(folder, { recursive: true });
    this.ikeFile = join(folder, 'ikev2_decryption_table');
    this.espFile = join(folder, 'esp_sa');
    this.authFile = join(folder, authTableName);
    for (const file of [this.ikeFile, this.espFile, this.authFile]) writeFileSync(file, '', { mode: 0o600 });
    writeFileSync(join(folder, 'preferences'), preferences);
  }

  ike(keys: IkeKeys): void {
    const encryption = ikeEncryption[keys.encr];
    const integrity = ikeIntegrity[keys.integ];
    if (encryption === undefined || integrity === undefined) return;
    const { spiInitiator, spiResponder, skEi, skEr, skAi, skAr } = keys;
    const spis = [hexOf(spiInitiator), hexOf(spiResponder)];
    appendFileSync(this.authFile, `${[...spis, keys.prf, hexOf(keys.skPi), hexOf(keys.skPr)].join(',')}\n`);
    const cells = [...spis, hexOf(skEi), hexOf(skEr), `"${encryption}"`, hexOf(skAi), hexOf(skAr)];
    const line = `${[...cells, `"${integrity}"`].join(',')}\n`;
    // A PPK of IKE_AUTH changes SK_p alone.
    if (line !== this.lastIkeLine) appendFileSync(this.ikeFile, line);
    this.lastIkeLine = line;
  }

  child(child: ChildSa): void {
    this.direction(child.suite, child.keysIn, child.spiIn);
    this.direction(child.suite, child.keysOut, child.spiOut);
  }

  private direction(suite: EspSuite, keys: ChildKeys, spi: number): void {
    const encryption = espEncryption[suite.encr];
    if (encryption === undefined) return;
    const key = (octets: Uint8Array) => (octets.length === 0 ? '' : `0x${hexOf(octets)}`);
    const spiText = `0x${spi.toString(16).padStart(8, '0')}`;
    const cells = [
      'IPv4',
      '*',
      '*',
      spiText,
      encryption,
      key(keys.encr),
      espIntegrity[suite.integ],
      key(keys.integ),
    ];
    appendFileSync(this.espFile, `${cells.map((cell) => `"${cell}"`).join(',')}\n`);
  }
}
