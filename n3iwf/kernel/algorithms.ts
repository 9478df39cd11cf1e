import { type ChildKeys, ENCR_ALGORITHMS, type EspSuite, INTEG_ALGORITHMS } from '#ikev2';
import type { XfrmAttributes } from './xfrm.ts';

/** The kernel's names of ciphers, by the mode that the table of the IKE engine gives them. */
const ciphers = {
  gcm: 'rfc4106(gcm(aes))',
  ccm: 'rfc4309(ccm(aes))',
  chacha: 'rfc7539esp(chacha20,poly1305)',
  cbc: 'cbc(aes)',
  null: 'ecb(cipher_null)',
} as const;

/** Modules without which a kernel does not know a cipher, for whoever has to load them. */
const modules = {
  gcm: 'gcm, ctr',
  ccm: 'ccm, ctr',
  chacha: 'chacha20poly1305',
  cbc: 'cbc, authenc, hmac',
  null: 'authenc, hmac, crypto_null',
} as const;

/** Octets to bits, in which the kernel counts keys and ICVs. */
const bits = 8;

/** What a kernel needs for a suite, as words for `modprobe`. */
export function modulesOf({ encr }: Pick<EspSuite, 'encr'>): string {
  return modules[ENCR_ALGORITHMS[encr].mode];
}

/** The algorithms of a state with their keys, as they were cut from KEYMAT: the salt stands behind the key [RFC4106 8.1]. */
export function algorithmsOf(
  { encr, integ }: Pick<EspSuite, 'encr' | 'integ'>,
  keys: ChildKeys,
): XfrmAttributes {
  const cipher = ENCR_ALGORITHMS[encr];
  const key = { name: ciphers[cipher.mode], keyBits: keys.encr.length * bits, tail: keys.encr };
  if (cipher.icvLength > 0) return { algAead: { ...key, icvBits: cipher.icvLength * bits } };
  const { hash, icvLength } = INTEG_ALGORITHMS[integ];
  return {
    algCrypt: key,
    algAuthTrunc: {
      name: `hmac(${hash})`,
      keyBits: keys.integ.length * bits,
      truncBits: icvLength * bits,
      tail: keys.integ,
    },
  };
}
