import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatEspProposal,
  formatIkeProposal,
  parseEspProposal,
  parseIkeProposal,
} from '../../../ikev2/crypto/keywords.ts';
import {
  acceptEsp,
  acceptIke,
  chooseEsp,
  chooseIke,
  offerEsp,
  offerIke,
  offersQkd,
  withoutQkd,
} from '../../../ikev2/crypto/proposals.ts';
import { describeEspSuite, describeIkeSuite } from '../../../ikev2/crypto/suites.ts';
import type { ChildProposalConfig, IkeProposalConfig } from '../../../ikev2/crypto/types.ts';
import { hex } from './vectors.ts';

const NONE = new Uint8Array(0);
const SPI = hex('01020304');

function ike(...texts: string[]): IkeProposalConfig[] {
  return texts.map((text) => {
    const parsed = parseIkeProposal(text);
    if (!parsed.ok) throw new Error(parsed.error);
    return parsed.value;
  });
}

function esp(...texts: string[]): ChildProposalConfig[] {
  return texts.map((text) => {
    const parsed = parseEspProposal(text);
    if (!parsed.ok) throw new Error(parsed.error);
    return parsed.value;
  });
}

describe('keywords', () => {
  it('reads strongSwan proposals', () => {
    expect(ike('aes256gcm16-prfsha256-x25519')).toEqual([
      { encr: ['aes256-gcm16'], integ: [], prf: ['hmac-sha2-256'], ke: ['x25519'] },
    ]);
    expect(ike('aes128-sha256-modp2048')).toEqual([
      { encr: ['aes128-cbc'], integ: ['hmac-sha2-256-128'], prf: ['hmac-sha2-256'], ke: ['modp2048'] },
    ]);
    expect(ike('aes256-sha1-modp2048')[0]?.prf).toEqual(['hmac-sha1']);
    expect(esp('aes256gcm16')).toEqual([{ encr: ['aes256-gcm16'], integ: [], ke: [], esn: [false] }]);
    expect(esp('chacha20poly1305-x25519-esn-noesn')[0]?.esn).toEqual([true, false]);
  });

  it.each([
    'aes256gcm16-prfsha256-x25519',
    'aes128gcm16-aes256gcm16-prfsha384-prfsha512-ecp256-ecp384-modp3072',
    'aes128-aes256-sha256-sha512-sha1-prfsha256-modp2048',
    'chacha20poly1305-prfsha512-x25519',
    'aes256ccm16-prfsha256-x25519',
  ])('writes %s back as it was', (text) => {
    expect(ike(text).map(formatIkeProposal)).toEqual([text]);
  });

  it.each([
    'aes256gcm16',
    'aes128-sha256-modp2048',
    'null-sha256',
    'aes128gcm16-x25519-esn',
    'aes256-sha384-esn-noesn',
  ])('writes ESP %s back as it was', (text) => {
    expect(esp(text).map(formatEspProposal)).toEqual([text]);
  });
});

describe('keywords that make no proposal', () => {
  it.each([
    ['', 'is not known'],
    ['aes256gcm16-x25519', 'no prf'],
    ['aes256gcm16-prfsha256', 'no key exchange'],
    ['aes256-x25519-prfsha256', 'no integrity'],
    ['sha256-x25519', 'no cipher'],
    ['null-sha256-x25519', 'encrypts nothing'],
    ['aes256gcm16-sha256-x25519', 'takes no integrity'],
    ['aes256gcm16-prfsha256-x25519-esn', 'ESP only'],
    ['aes256gcm16-prfsha256-toString', '"tostring" is not known'],
  ])('explains what is wrong with IKE proposal "%s"', (text, reason) => {
    const parsed = parseIkeProposal(text);
    expect(!parsed.ok && parsed.error).toContain(reason);
  });

  it('[RFC5282 8] refuses AEAD and other ciphers in one proposal', () => {
    const parsed = parseEspProposal('aes256gcm16-aes256-sha256');
    expect(!parsed.ok && parsed.error).toContain('two proposals');
    expect(parseEspProposal('aes256gcm16-prfsha256').ok).toBe(false);
  });

  it('never throws on any text', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(typeof parseIkeProposal(text).ok).toBe('boolean');
        expect(typeof parseEspProposal(text).ok).toBe('boolean');
      }),
    );
  });
});

const ours = ike('aes256gcm16-prfsha256-x25519', 'aes128-sha256-modp2048');

describe('IKE proposals', () => {
  it('[RFC7296 3.3.5] carry the key length of AES and none for ChaCha20', () => {
    const [gcm] = offerIke(ike('aes256gcm16-prfsha256-x25519'), NONE);
    expect(gcm?.transforms[0]).toEqual({ type: 1, id: 20, keyLength: 256 });
    const [chacha] = offerIke(ike('chacha20poly1305-prfsha256-x25519'), NONE);
    expect(chacha?.transforms[0]).toEqual({ type: 1, id: 28 });
  });

  it('[RFC7296 3.3.3] leave INTEG out with an AEAD', () => {
    const [gcm] = offerIke(ours, NONE);
    expect(gcm?.transforms.map(({ type }) => type)).toEqual([1, 2, 4]);
  });
});

describe('what is chosen of IKE proposals', () => {
  it('[RFC7296 2.7] meet in the first of ours that the peer offers', () => {
    const theirs = offerIke(
      ike('aes128-sha256-sha1-modp2048-x25519', 'aes256gcm16-prfsha512-prfsha256-x25519'),
      NONE,
    );
    const chosen = chooseIke(ours, theirs);
    expect(chosen?.suite).toEqual({
      encr: 'aes256-gcm16',
      integ: 'none',
      prf: 'hmac-sha2-256',
      ke: 'x25519',
    });
    expect(chosen?.proposal.number).toBe(2);
    expect(chosen?.proposal.transforms).toHaveLength(3);
    expect(chosen && describeIkeSuite(chosen.suite)).toBe('aes256-gcm16/hmac-sha2-256/x25519');
  });

  it('[RFC7296 2.7] have no answer when a type finds no match or a key length differs', () => {
    for (const text of [
      'aes128gcm16-prfsha256-x25519',
      'aes256gcm16-prfsha512-x25519',
      'aes256-sha256-modp2048',
    ]) {
      expect(chooseIke(ours, offerIke(ike(text), NONE))).toBeUndefined();
    }
    expect(chooseIke(ours, [])).toBeUndefined();
    expect(chooseIke(ours, offerEsp(esp('aes256gcm16'), SPI, false))).toBeUndefined();
  });
});

describe('what is not chosen of IKE proposals', () => {
  it('are refused when the peer adds a type that we do not know, unless it may be NONE', () => {
    const [offer] = offerIke(ours, NONE);
    const transforms = offer?.transforms ?? [];
    const withType = (type: number, id: number) => {
      return chooseIke(ours, [
        { number: 1, protocol: 1, spi: NONE, transforms: [...transforms, { type, id }] },
      ]);
    };
    expect(withType(6, 36)).toBeUndefined();
    expect(withType(3, 12)).toBeUndefined();
    expect(withType(3, 0)?.suite.integ).toBe('none');
  });

  it('[RFC7296 3.3.6] pass over transforms with attributes that we do not know', () => {
    const [offer] = offerIke(ours, NONE);
    const transforms = (offer?.transforms ?? []).map((transform) => ({
      ...transform,
      unknownAttributes: true as const,
    }));
    expect(chooseIke(ours, [{ number: 1, protocol: 1, spi: NONE, transforms }])).toBeUndefined();
  });

  it('are accepted back only as a single choice out of the offer', () => {
    const theirs = chooseIke(ours, offerIke(ours, NONE));
    const answer = theirs?.proposal;
    if (answer === undefined) throw new Error('no choice');
    expect(acceptIke(ours, [answer])).toEqual(theirs?.suite);
    expect(acceptIke(ours, [])).toBeUndefined();
    expect(acceptIke(ours, [answer, answer])).toBeUndefined();
    expect(acceptIke(ours, [{ ...answer, number: 2 }])).toBeUndefined();
    expect(acceptIke(ours, [{ ...answer, number: 9 }])).toBeUndefined();
    expect(acceptIke(ours, [{ ...answer, transforms: answer.transforms.slice(1) }])).toBeUndefined();
    const twice = [...answer.transforms, answer.transforms[0] as never];
    expect(acceptIke(ours, [{ ...answer, transforms: twice }])).toBeUndefined();
  });
});

describe('ESP proposals', () => {
  const ours = esp('aes256gcm16-x25519', 'aes128-sha256');

  it('[RFC7296 1.2] leave key exchange out in IKE_AUTH, whatever the peer says', () => {
    expect(offerEsp(ours, SPI, false)[0]?.transforms.map(({ type }) => type)).toEqual([1, 5]);
    const chosen = chooseEsp(ours, offerEsp(ours, SPI, true), false);
    expect(chosen?.suite).toEqual({ encr: 'aes256-gcm16', integ: 'none', esn: false });
    expect(chosen && describeEspSuite(chosen.suite)).toBe('aes256-gcm16');
  });

  it('name the key exchange when there is one', () => {
    const chosen = chooseEsp(ours, offerEsp(ours, SPI, true), true);
    expect(chosen?.suite.ke).toBe('x25519');
    expect(acceptEsp(ours, chosen ? [chosen.proposal] : [], true)).toEqual(chosen?.suite);
    expect(chosen && describeEspSuite(chosen.suite)).toBe('aes256-gcm16/x25519');
  });

  it('settle integrity and extended sequence numbers', () => {
    const both = esp('aes128-sha256-esn-noesn');
    const chosen = chooseEsp(both, offerEsp(esp('aes128-sha256-noesn-esn'), SPI, false), false);
    expect(chosen?.suite).toEqual({ encr: 'aes128-cbc', integ: 'hmac-sha2-256-128', esn: true });
    expect(chosen && describeEspSuite(chosen.suite)).toBe('aes128-cbc/hmac-sha2-256-128/esn');
    expect(chosen?.proposal.spi).toEqual(SPI);
    expect(acceptEsp(both, [], false)).toBeUndefined();
    expect(
      chooseEsp(esp('aes128-sha256-esn'), offerEsp(both.slice(0, 0), SPI, false), false),
    ).toBeUndefined();
  });
});

const offer = (words: string) => offerIke(ike(words), new Uint8Array(0));
const answerTo = (ours: string, theirs: string) => {
  const chosen = chooseIke(ike(ours), offer(theirs));
  return chosen && describeIkeSuite(chosen.suite);
};

describe('additional key exchanges', () => {
  it('are read and written as strongSwan does', () => {
    const text = 'aes256gcm16-prfsha256-x25519-ke1_mlkem768-ke1_none-ke3_mlkem1024';
    const parsed = parseIkeProposal(text);
    expect(parsed.ok && parsed.value.additional).toEqual([['mlkem768', 'none'], [], ['mlkem1024']]);
    expect(parsed.ok && formatIkeProposal(parsed.value)).toBe(text);
    expect(parseIkeProposal('aes256gcm16-prfsha256-x25519-ke8_mlkem768').ok).toBe(false);
    expect(parseIkeProposal('aes256gcm16-prfsha256-x25519-ke1_rsa').ok).toBe(false);
    expect(parseEspProposal('aes256gcm16-ke1_mlkem768').ok).toBe(false);
    const esp = parseEspProposal('aes256gcm16-x25519-ke1_mlkem768');
    expect(esp.ok && formatEspProposal(esp.value)).toBe('aes256gcm16-x25519-ke1_mlkem768');
  });

  it('[RFC9370 2.2.1] are agreed on slot by slot, ours first', () => {
    const base = 'aes256gcm16-prfsha256-x25519';
    const suite = 'aes256-gcm16/hmac-sha2-256/x25519';
    const both = answerTo(`${base}-ke1_mlkem1024-ke1_mlkem768`, `${base}-ke1_mlkem768-ke1_mlkem1024`);
    expect(both).toBe(`${suite}/ke1_mlkem1024`);
    expect(answerTo(`${base}-ke1_mlkem768`, base)).toBeUndefined();
    expect(answerTo(base, `${base}-ke1_mlkem768`)).toBeUndefined();
    expect(answerTo(`${base}-ke2_mlkem768`, `${base}-ke1_mlkem768`)).toBeUndefined();
  });

  it('[RFC9370 2.2.1] may be left out where one side says NONE and the other nothing', () => {
    const base = 'aes256gcm16-prfsha256-x25519';
    const suite = 'aes256-gcm16/hmac-sha2-256/x25519';
    expect(answerTo(`${base}-ke1_mlkem768-ke1_none`, base)).toBe(suite);
    expect(answerTo(base, `${base}-ke1_mlkem768-ke1_none`)).toBe(suite);
    const hybrid = answerTo(`${base}-ke1_mlkem768-ke1_none`, `${base}-ke1_mlkem768-ke1_none`);
    expect(hybrid).toBe(`${suite}/ke1_mlkem768`);
    const config = ike(`${base}-ke1_mlkem768-ke1_none`);
    const chosen = chooseIke(ike(base), offerIke(config, new Uint8Array(0)));
    const accepted = acceptIke(config, chosen === undefined ? [] : [{ ...chosen.proposal, number: 1 }]);
    expect(accepted && describeIkeSuite(accepted)).toBe(suite);
  });
});

describe('additional key exchanges that cannot be', () => {
  it('[RFC9370 2.2.1] never repeat a method', () => {
    const base = 'aes256gcm16-prfsha256-mlkem768';
    expect(answerTo(`${base}-ke1_mlkem768`, `${base}-ke1_mlkem768`)).toBeUndefined();
    const other = answerTo(`${base}-ke1_mlkem768-ke1_x25519`, `${base}-ke1_mlkem768-ke1_x25519`);
    expect(other).toBe('aes256-gcm16/hmac-sha2-256/mlkem768/ke1_x25519');
  });

  it('[RFC7296 1.2] have no place in IKE_AUTH', () => {
    const parsed = parseEspProposal('aes256gcm16-x25519-ke1_mlkem768');
    if (!parsed.ok) throw new Error(parsed.error);
    const offered = offerEsp([parsed.value], Uint8Array.of(0, 0, 1, 0), true);
    const chosen = chooseEsp([parsed.value], offered, false);
    expect(chosen && describeEspSuite(chosen.suite)).toBe('aes256-gcm16');
    const whole = chooseEsp([parsed.value], offered, true);
    expect(whole && describeEspSuite(whole.suite)).toBe('aes256-gcm16/x25519/ke1_mlkem768');
  });

  it('[RFC9370 2.2.1] without a QKD key its method goes, and with it what insists on it', () => {
    const esp = (text: string) => {
      const parsed = parseEspProposal(text);
      if (!parsed.ok) throw new Error(parsed.error);
      return parsed.value;
    };
    const left = (...texts: string[]) => withoutQkd(texts.map(esp)).map(formatEspProposal);
    expect(left('aes256gcm16-qkd', 'aes128gcm16')).toEqual(['aes128gcm16']);
    expect(left('aes256gcm16-qkd-x25519')).toEqual(['aes256gcm16-x25519']);
    expect(left('aes256gcm16-x25519-ke1_qkd')).toEqual([]);
    expect(left('aes256gcm16-x25519-ke1_qkd-ke1_none')).toEqual(['aes256gcm16-x25519-ke1_none']);
    expect(offersQkd([esp('aes256gcm16-qkd')])).toBe(true);
    expect(offersQkd([esp('aes256gcm16-x25519-ke1_qkd')])).toBe(true);
    expect(offersQkd([esp('aes256gcm16-x25519-ke1_mlkem768')])).toBe(false);
  });

  it('takes qkd as the key exchange of a Child SA, of an IKE SA only as one more', () => {
    const esp = parseEspProposal('aes256gcm16-qkd');
    expect(esp.ok && esp.value.ke).toEqual(['qkd']);
    expect(esp.ok && formatEspProposal(esp.value)).toBe('aes256gcm16-qkd');
    const refused = parseIkeProposal('aes256gcm16-prfsha256-qkd');
    expect(refused).toMatchObject({ ok: false, error: expect.stringContaining('ke1_qkd') });
  });
});
