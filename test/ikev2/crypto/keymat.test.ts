import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { Keymat, sharedKeyMac } from '../../../ikev2/crypto/keymat.ts';
import { prf, prfPlus } from '../../../ikev2/crypto/prf.ts';
import type { IkeSuite } from '../../../ikev2/crypto/types.ts';
import { counting, hex, toHex, vectors } from './vectors.ts';

const PRF = 'hmac-sha2-256';
const CBC: IkeSuite = { encr: 'aes256-cbc', integ: 'hmac-sha2-256-128', prf: PRF, ke: 'modp2048' };
const GCM: IkeSuite = { encr: 'aes256-gcm16', integ: 'none', prf: PRF, ke: 'x25519' };
const kdf = vectors('keymat') as Record<string, string>;
const at = (field: string) => hex(kdf[field] as string);
const INPUTS = {
  nonceInitiator: at('nonceInitiator'),
  nonceResponder: at('nonceResponder'),
  spiInitiator: at('spiInitiator'),
  spiResponder: at('spiResponder'),
};
const KEYS = kdf.keys as string;
const SK_D = hex(KEYS.slice(0, 64));
const ID = { type: 11, data: hex('5545') };
const MESSAGE = hex('00112233');
const IDENTITY_BODY = hex('0b0000005545');

function derive(suite: IkeSuite = CBC): Keymat {
  return Keymat.derive(suite, INPUTS, at('sharedSecret'));
}

/** SK_d by its effect: keys of a Child SA with empty nonces. */
function skdMark(keymat: Keymat): string {
  const none = new Uint8Array(0);
  return toHex(
    keymat.childKeys({ encr: 'aes128-cbc', integ: 'hmac-sha2-256-128' }, none, none).fromInitiator.encr,
  );
}

function markOf(skd: Uint8Array): string {
  return toHex(prfPlus(PRF, skd, new Uint8Array(0), 16));
}

describe('keys of an IKE SA', () => {
  it(`[RFC7296 2.14] match the published ones (${kdf.origin})`, () => {
    const { skAi, skAr, skEi, skEr } = derive().expose();
    const cut = (n: number) => KEYS.slice(64 * n, 64 * (n + 1));
    expect([toHex(skAi), toHex(skAr), toHex(skEi)]).toEqual([cut(1), cut(2), cut(3)]);
    expect(toHex(skEr).startsWith(KEYS.slice(256))).toBe(true);
    expect(skdMark(derive())).toBe(markOf(SK_D));
  });

  it('[RFC7296 2.14] wipe the shared secret', () => {
    const secret = at('sharedSecret');
    Keymat.derive(GCM, INPUTS, secret);
    expect(toHex(secret)).toBe('00'.repeat(32));
  });

  it('[RFC7296 2.14] leave no room for SK_a with an AEAD and add its salt to SK_e', () => {
    const { skAi, skAr, skEi, skEr } = derive(GCM).expose();
    expect([skAi.length, skAr.length]).toEqual([0, 0]);
    expect(toHex(skEi)).toBe(KEYS.slice(64, 136));
    expect(toHex(skEr)).toBe(KEYS.slice(136, 208));
  });
});

describe('keys after a rekey or one more key exchange', () => {
  it('[RFC7296 2.18] of a rekeyed SA start from the published SKEYSEED', () => {
    const rekeyed = derive().deriveRekeyed(CBC, INPUTS, at('newSharedSecret'));
    const expected = Keymat.fromSeed(CBC, INPUTS, at('rekeyedSkeyseed'));
    expect(rekeyed.expose()).toEqual(expected.expose());
    expect(skdMark(rekeyed)).toBe(skdMark(expected));
  });

  it('[RFC7296 2.18] of a rekeyed SA use the old prf for the seed and the new suite for the keys', () => {
    const suite: IkeSuite = { ...GCM, prf: 'hmac-sha2-512' };
    const seed = prf(PRF, SK_D, hex('0708'), INPUTS.nonceInitiator, INPUTS.nonceResponder);
    const rekeyed = derive().deriveRekeyed(suite, INPUTS, hex('0708'));
    expect(rekeyed.expose()).toEqual(Keymat.fromSeed(suite, INPUTS, seed).expose());
  });

  it('[RFC9370 2.2.4] of a rekeyed SA take SK(1) to SK(n) after the nonces', () => {
    const [first, second, third] = [hex('0708'), hex('090a0b'), hex('0c')];
    const seed = prf(PRF, SK_D, first, INPUTS.nonceInitiator, INPUTS.nonceResponder, second, third);
    const expected = Keymat.fromSeed(GCM, INPUTS, seed).expose();
    const rekeyed = derive().deriveRekeyed(GCM, INPUTS, first, [second, third]);
    expect(rekeyed.expose()).toEqual(expected);
    expect([first, second, third].flatMap((secret) => [...secret]).every((octet) => octet === 0)).toBe(true);
  });

  it('[RFC9370 2.2.4] of a Child SA come from SK(0) | Ni | Nr | SK(1) | ... SK(n)', () => {
    const [first, second, third] = [hex('0708'), hex('090a0b'), hex('0c')];
    const seed = hex('07080102030405090a0b0c');
    const octets = prfPlus(PRF, SK_D, seed, 128);
    const keys = derive().childKeys(CBC, hex('0102'), hex('030405'), first, [second, third]);
    expect(keys.fromInitiator.encr).toEqual(octets.subarray(0, 32));
    expect(keys.fromResponder.integ).toEqual(octets.subarray(96, 128));
    expect([first, second, third].flatMap((secret) => [...secret]).every((octet) => octet === 0)).toBe(true);
  });

  it('[RFC9370 2.2.2] after one more key exchange keep nonces and SPIs', () => {
    const seed = prf(PRF, SK_D, hex('0708'), INPUTS.nonceInitiator, INPUTS.nonceResponder);
    const additional = derive().deriveAdditional(hex('0708'));
    expect(additional.expose()).toEqual(derive().update(seed).expose());
  });

  it('mix a secret into SK_d as prf+(secret, SK_d)', () => {
    expect(toHex(derive().mixIntoSkd(hex('aa')))).toBe(toHex(prfPlus(PRF, hex('aa'), SK_D, 32)));
  });
});

describe('PPK', () => {
  const ppk = counting(5)(32);

  it('[RFC8784 3] changes SK_d, SK_pi and SK_pr and nothing else', () => {
    const plain = derive();
    const mixed = plain.applyPpk(ppk);
    const { skPi, skPr, ...ciphers } = mixed.expose();
    const { skPi: plainPi, skPr: plainPr, ...plainCiphers } = plain.expose();
    expect(ciphers).toEqual(plainCiphers);
    expect(toHex(skPi)).toBe(toHex(prfPlus(PRF, ppk, plainPi, plainPi.length)));
    expect(toHex(skPr)).toBe(toHex(prfPlus(PRF, ppk, plainPr, plainPr.length)));
    expect(skdMark(mixed)).toBe(markOf(prfPlus(PRF, ppk, SK_D, 32)));
    for (const signer of ['initiator', 'responder'] as const) {
      const inputs = { signer, message: MESSAGE, identity: ID };
      expect(toHex(mixed.authOctets(inputs))).not.toBe(toHex(plain.authOctets(inputs)));
    }
  });

  it('[RFC8784 3] leaves the keys without it usable for NO_PPK_AUTH, each with its own life', () => {
    const plain = derive();
    const mixed = plain.applyPpk(ppk);
    mixed.wipe();
    expect(skdMark(plain)).toBe(markOf(SK_D));
    expect(toHex(plain.expose().skEi)).not.toMatch(/^(00)+$/);
  });
});

describe('Child SA keys', () => {
  const nonces = [hex('0a0b'), hex('0c0d')] as const;
  const stream = (length: number, secret = '') => toHex(prfPlus(PRF, SK_D, hex(`${secret}0a0b0c0d`), length));

  it('[RFC7296 2.17] are cut encryption first, then integrity, from the initiator first', () => {
    const suite = { encr: 'aes128-cbc', integ: 'hmac-sha2-256-128' } as const;
    const { fromInitiator, fromResponder } = derive().childKeys(suite, ...nonces);
    const keys = [fromInitiator.encr, fromInitiator.integ, fromResponder.encr, fromResponder.integ];
    expect(keys.map((key) => key.length)).toEqual([16, 32, 16, 32]);
    expect(keys.map(toHex).join('')).toBe(stream(96));
  });

  it('[RFC7296 2.17] carry the salt behind an AEAD key and no integrity key', () => {
    const { fromInitiator, fromResponder } = derive().childKeys(
      { encr: 'aes256-gcm16', integ: 'none' },
      ...nonces,
    );
    expect(toHex(fromInitiator.encr) + toHex(fromResponder.encr)).toBe(stream(72));
    expect(fromInitiator.integ).toHaveLength(0);
  });

  it('[RFC7296 2.17] take a fresh shared secret in front of the nonces, and wipe it', () => {
    const secret = hex('beef');
    const { fromInitiator } = derive().childKeys({ encr: 'aes256-gcm16', integ: 'none' }, ...nonces, secret);
    expect(toHex(fromInitiator.encr)).toBe(stream(36, 'beef'));
    expect(toHex(secret)).toBe('0000');
  });
});

describe('AUTH', () => {
  it('[RFC7296 2.15] signs the own message, the other nonce and the MACed identity', () => {
    const keymat = derive(GCM);
    const stream = toHex(prfPlus(PRF, at('skeyseed'), seedOf(), 32 + 72 + 64));
    const [pi, pr] = [hex(stream.slice(208, 272)), hex(stream.slice(272))];
    const own = keymat.authOctets({ signer: 'initiator', message: MESSAGE, identity: ID });
    expect(toHex(own)).toBe(`00112233${kdf.nonceResponder}${toHex(prf(PRF, pi, IDENTITY_BODY))}`);
    const other = keymat.authOctets({
      signer: 'responder',
      message: MESSAGE,
      identity: ID,
      intermediate: hex('ff'),
    });
    expect(toHex(other)).toBe(`00112233${kdf.nonceInitiator}${toHex(prf(PRF, pr, IDENTITY_BODY))}ff`);
  });

  it('[RFC7296 2.15] by shared key is prf(prf(secret, "Key Pad for IKEv2"), octets)', () => {
    const keymat = derive();
    const inputs = { signer: 'initiator', message: MESSAGE, identity: ID } as const;
    const padKey = prf(PRF, hex('5ec7e7'), Buffer.from('Key Pad for IKEv2'));
    const expected = prf(PRF, padKey, keymat.authOctets(inputs));
    expect(toHex(keymat.sharedKeyAuth(inputs, hex('5ec7e7')))).toBe(toHex(expected));
    expect(toHex(sharedKeyMac(PRF, hex('5ec7e7'), keymat.authOctets(inputs)))).toBe(toHex(expected));
    expect(keymat.verifySharedKeyAuth(expected, inputs, hex('5ec7e7'))).toBe(true);
    expect(keymat.verifySharedKeyAuth(expected, inputs, hex('5ec7e8'))).toBe(false);
    expect(keymat.verifySharedKeyAuth(expected.subarray(1), inputs, hex('5ec7e7'))).toBe(false);
    expect(keymat.verifySharedKeyAuth(expected, { ...inputs, signer: 'responder' }, hex('5ec7e7'))).toBe(
      false,
    );
  });

  it('[RFC7296 2.16] without a key from EAP uses SK_pi and SK_pr', () => {
    const keymat = derive();
    const [mine, peers] = (['initiator', 'responder'] as const).map((signer) => {
      return toHex(keymat.sharedKeyAuth({ signer, message: MESSAGE, identity: ID }));
    });
    expect(mine).not.toBe(peers);
    expect(
      keymat.verifySharedKeyAuth(hex(mine as string), {
        signer: 'initiator',
        message: MESSAGE,
        identity: ID,
      }),
    ).toBe(true);
  });
});

describe('life of the keys', () => {
  it('gives ciphers whose directions differ and fit the peer', () => {
    const [own, peer] = [derive(GCM), derive(GCM)];
    const iv = new Uint8Array(8);
    const sealed = own.cipher('initiator').seal(iv, MESSAGE, MESSAGE);
    expect(peer.cipher('initiator').open(iv, MESSAGE, sealed).ok).toBe(true);
    expect(peer.cipher('initiator', 'noble').open(iv, MESSAGE, sealed).ok).toBe(true);
    expect(peer.cipher('responder').open(iv, MESSAGE, sealed).ok).toBe(false);
  });

  it('prints no key and ends with wipe', () => {
    const keymat = derive();
    expect(inspect(keymat, { depth: 9, showHidden: true })).toBe('Keymat [secret]');
    expect(JSON.stringify({ keymat })).toBe('{"keymat":"[secret]"}');
    keymat.wipe();
    expect(toHex(keymat.expose().skEi)).toMatch(/^(00)+$/);
  });
});

function seedOf(): Uint8Array {
  return hex(`${kdf.nonceInitiator}${kdf.nonceResponder}${kdf.spiInitiator}${kdf.spiResponder}`);
}
