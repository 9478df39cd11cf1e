import { createDecipheriv, createHmac, timingSafeEqual } from 'node:crypto';
import { DecodeError, type IkeCipher, IntegrityError, type Result } from '#ikev2';

/** What reading needs of a cipher. */
export type ReadingCipher = Pick<IkeCipher, 'ivLength' | 'icvLength' | 'open'>;

/** How an encryption algorithm lays out its key, IV and tag. */
interface Encryption {
  /** Octets of the key without the salt. */
  readonly keyLength: number;
  readonly saltLength: number;
  readonly ivLength: number;
  /** OpenSSL's name; undefined stands for no encryption. */
  readonly cipher: string | undefined;
  /** Octets of the tag of a combined-mode cipher, 0 for the others. */
  readonly tagLength: number;
  readonly mode: 'cbc' | 'ctr' | 'gcm' | 'ccm' | 'null';
}

/** How an integrity algorithm lays out its key and ICV; no hash stands for none. */
interface Integrity {
  readonly hash: string | undefined;
  readonly keyLength: number;
  readonly icvLength: number;
}

const sizes = [128, 192, 256] as const;
const cbc = (bits: number): Encryption => ({
  keyLength: bits / 8,
  saltLength: 0,
  ivLength: 16,
  cipher: `aes-${bits}-cbc`,
  tagLength: 0,
  mode: 'cbc',
});
const ctr = (bits: number): Encryption => ({
  keyLength: bits / 8,
  saltLength: 4,
  ivLength: 8,
  cipher: `aes-${bits}-ctr`,
  tagLength: 0,
  mode: 'ctr',
});
const combined = (mode: 'gcm' | 'ccm', bits: number, tagLength: number): Encryption => ({
  keyLength: bits / 8,
  saltLength: mode === 'gcm' ? 4 : 3,
  ivLength: 8,
  cipher: `aes-${bits}-${mode}`,
  tagLength,
  mode,
});

/** Ciphers of IKE by the names of Wireshark's table, which has more of them than anybody should still propose. */
export const readingEncryptions: Readonly<Record<string, Encryption>> = {
  'NULL [RFC2410]': {
    keyLength: 0,
    saltLength: 0,
    ivLength: 0,
    cipher: undefined,
    tagLength: 0,
    mode: 'null',
  },
  '3DES [RFC2451]': {
    keyLength: 24,
    saltLength: 0,
    ivLength: 8,
    cipher: 'des-ede3-cbc',
    tagLength: 0,
    mode: 'cbc',
  },
  ...Object.fromEntries(
    sizes.flatMap((bits): [string, Encryption][] => [
      [`AES-CBC-${bits} [RFC3602]`, cbc(bits)],
      [`AES-CTR-${bits} [RFC5930]`, ctr(bits)],
      ...[16, 12, 8].flatMap((tag): [string, Encryption][] => [
        [`AES-GCM-${bits} with ${tag} octet ICV [RFC5282]`, combined('gcm', bits, tag)],
        [`AES-CCM-${bits} with ${tag} octet ICV [RFC5282]`, combined('ccm', bits, tag)],
      ]),
      // as Wireshark wrote them before version 3
      [`AES-GCM-${bits} [RFC5282]`, combined('gcm', bits, 16)],
      [`AES-CCM-${bits} [RFC5282]`, combined('ccm', bits, 16)],
    ]),
  ),
};

const unchecked = (bits: number): Integrity => ({ hash: undefined, keyLength: 0, icvLength: bits / 8 });

/** Integrity algorithms by Wireshark's names; those of "no checking" leave the ICV unread. */
export const readingIntegrities: Readonly<Record<string, Integrity>> = {
  'NONE [RFC4306]': unchecked(0),
  'HMAC_MD5_96 [RFC2403]': { hash: 'md5', keyLength: 16, icvLength: 12 },
  'HMAC_SHA1_96 [RFC2404]': { hash: 'sha1', keyLength: 20, icvLength: 12 },
  'HMAC_MD5_128 [RFC4595]': { hash: 'md5', keyLength: 16, icvLength: 16 },
  'HMAC_SHA1_160 [RFC4595]': { hash: 'sha1', keyLength: 20, icvLength: 20 },
  'HMAC_SHA2_256_96 [draft-ietf-ipsec-ciph-sha-256-00]': { hash: 'sha256', keyLength: 32, icvLength: 12 },
  'HMAC_SHA2_256_128 [RFC4868]': { hash: 'sha256', keyLength: 32, icvLength: 16 },
  'HMAC_SHA2_384_192 [RFC4868]': { hash: 'sha384', keyLength: 48, icvLength: 24 },
  'HMAC_SHA2_512_256 [RFC4868]': { hash: 'sha512', keyLength: 64, icvLength: 32 },
  ...Object.fromEntries(
    [64, 96, 128, 160, 192, 256].map((bits): [string, Integrity] => [
      `ANY ${bits}-bits of Authentication [No Checking]`,
      unchecked(bits),
    ]),
  ),
};

/**
 * A cipher that reads one direction of an SA.
 *
 * @throws RangeError for keys of a length that the algorithms do not have
 */
export function readingCipher(
  encr: Encryption,
  keyEncr: Uint8Array,
  integ: Integrity,
  keyInteg: Uint8Array,
): ReadingCipher {
  if (keyEncr.length !== encr.keyLength + encr.saltLength)
    throw new RangeError(`an encryption key of ${encr.keyLength + encr.saltLength} octets is needed`);
  if (integ.hash !== undefined && keyInteg.length !== integ.keyLength)
    throw new RangeError(`an integrity key of ${integ.keyLength} octets is needed`);
  const key = keyEncr.subarray(0, encr.keyLength);
  const salt = keyEncr.subarray(encr.keyLength);
  const isCombined = encr.tagLength > 0;
  return {
    ivLength: encr.ivLength,
    icvLength: isCombined ? encr.tagLength : integ.icvLength,
    open: (iv, aad, body) =>
      isCombined
        ? openCombined(encr, key, salt, iv, aad, body)
        : openMac(encr, key, salt, integ, keyInteg, iv, aad, body),
  };
}

/** Combined modes: nonce = salt | IV [RFC5282 4]. */
function openCombined(
  { cipher, tagLength }: Encryption,
  key: Uint8Array,
  salt: Uint8Array,
  iv: Uint8Array,
  aad: Uint8Array,
  body: Uint8Array,
): Result<Uint8Array> {
  const end = body.length - tagLength;
  try {
    const name = cipher as 'aes-128-gcm' & 'aes-128-ccm';
    const decipher = createDecipheriv(name, key, Buffer.concat([salt, iv]), { authTagLength: tagLength });
    decipher.setAuthTag(body.subarray(end));
    decipher.setAAD(aad, { plaintextLength: end });
    const plaintext = decipher.update(body.subarray(0, end));
    decipher.final();
    return { ok: true, value: Uint8Array.from(plaintext) };
  } catch {
    return { ok: false, error: new IntegrityError('ICV') };
  }
}

/** Encryption and, over header, IV and ciphertext, a MAC [RFC7296 3.14]. */
function openMac(
  encr: Encryption,
  key: Uint8Array,
  salt: Uint8Array,
  { hash, icvLength }: Integrity,
  keyInteg: Uint8Array,
  iv: Uint8Array,
  aad: Uint8Array,
  body: Uint8Array,
): Result<Uint8Array> {
  const end = body.length - icvLength;
  if (end < 0) return { ok: false, error: new IntegrityError('ICV') };
  const ciphertext = body.subarray(0, end);
  if (hash !== undefined) {
    const mac = createHmac(hash, keyInteg).update(aad).update(iv).update(ciphertext).digest();
    if (!timingSafeEqual(mac.subarray(0, icvLength), body.subarray(end)))
      return { ok: false, error: new IntegrityError('ICV') };
  }
  if (encr.cipher === undefined) return { ok: true, value: Uint8Array.from(ciphertext) };
  // [RFC5930 3] the counter block of AES-CTR: nonce, IV and a counter that begins with 1
  const start = encr.mode === 'ctr' ? Buffer.concat([salt, iv, Uint8Array.of(0, 0, 0, 1)]) : iv;
  try {
    const decipher = createDecipheriv(encr.cipher, key, start).setAutoPadding(false);
    const plaintext = decipher.update(ciphertext);
    decipher.final();
    return { ok: true, value: Uint8Array.from(plaintext) };
  } catch {
    return { ok: false, error: new DecodeError('ciphertext', 0, 'is no whole number of blocks') };
  }
}
