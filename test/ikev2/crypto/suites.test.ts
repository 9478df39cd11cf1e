import { getCiphers, getHashes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createCipher } from '../../../ikev2/crypto/cipher.ts';
import {
  describeEspSuite,
  describeIkeSuite,
  ENCR_ALGORITHMS,
  INTEG_ALGORITHMS,
  isAead,
  KE_ALGORITHMS,
  keNameOf,
  PRF_ALGORITHMS,
} from '../../../ikev2/crypto/suites.ts';
import type { EncrName, IntegName } from '../../../ikev2/crypto/types.ts';
import { KE } from '../../../ikev2/wire/registry.ts';
import { hex, toHex, vectors } from './vectors.ts';

const NONE = new Uint8Array(0);

interface IntegVector {
  name: string;
  origin: string;
  integ: IntegName;
  key: string;
  data: string;
  icv: string;
}

describe('integrity algorithms', () => {
  it.each(vectors<IntegVector[]>('integ'))('$name ($origin)', (vector) => {
    const cipher = createCipher({ encr: 'null', integ: vector.integ }, NONE, hex(vector.key));
    expect(toHex(cipher.seal(NONE, hex(vector.data), NONE))).toBe(vector.icv);
    expect(cipher.open(NONE, hex(vector.data), hex(vector.icv)).ok).toBe(true);
  });

  it('read the associated data and the text in a row', () => {
    const [vector] = vectors<IntegVector[]>('integ') as [IntegVector];
    const cipher = createCipher({ encr: 'null', integ: vector.integ }, NONE, hex(vector.key));
    const sealed = cipher.seal(NONE, hex(vector.data.slice(0, 4)), hex(vector.data.slice(4)));
    expect(toHex(sealed)).toBe(vector.data.slice(4) + vector.icv);
  });
});

describe('tables', () => {
  it('name ciphers and hashes that this OpenSSL has', () => {
    const ciphers = getCiphers();
    const openssl = (name: string) =>
      ciphers.includes(name) || ciphers.includes(`id-${name.replace('-', '')}`);
    for (const { mode, cipher } of Object.values(ENCR_ALGORITHMS)) {
      expect(mode === 'null' || openssl(cipher), cipher).toBe(true);
    }
    for (const { hash } of [...Object.values(INTEG_ALGORITHMS), ...Object.values(PRF_ALGORITHMS)]) {
      expect(hash === undefined || getHashes().includes(hash), hash).toBe(true);
    }
  });

  it('tell AEADs from the rest, and give each a nonce of its algorithm', () => {
    for (const [name, row] of Object.entries(ENCR_ALGORITHMS)) {
      expect(isAead(name as EncrName)).toBe(['gcm', 'ccm', 'chacha'].includes(row.mode));
      if (isAead(name as EncrName)) expect(row.saltLength + row.ivLength).toBe(row.mode === 'ccm' ? 11 : 12);
    }
  });

  it('find a key exchange by its number, and none that cannot be computed', () => {
    for (const [name, { id }] of Object.entries(KE_ALGORITHMS)) expect(keNameOf(id)).toBe(name);
    expect(keNameOf(KE.MODP_1024)).toBeUndefined();
    expect(keNameOf(KE.NONE)).toBeUndefined();
  });
});

describe('descriptions', () => {
  it('leave out what the suite does not have', () => {
    const ike = { encr: 'aes128-cbc', integ: 'hmac-sha1-96', prf: 'hmac-sha1', ke: 'modp2048' } as const;
    expect(describeIkeSuite(ike)).toBe('aes128-cbc/hmac-sha1-96/hmac-sha1/modp2048');
    expect(describeEspSuite({ encr: 'chacha20-poly1305', integ: 'none', esn: false })).toBe(
      'chacha20-poly1305',
    );
    expect(
      describeEspSuite({ encr: 'aes256-cbc', integ: 'hmac-sha2-512-256', esn: true, ke: 'ecp384' }),
    ).toBe('aes256-cbc/hmac-sha2-512-256/ecp384/esn');
  });
});
