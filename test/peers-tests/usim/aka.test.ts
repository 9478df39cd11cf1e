import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  deriveAccessKey,
  deriveAlgorithmKey,
  deriveHresStar,
  deriveKamf,
  deriveKausf,
  deriveKseaf,
  deriveResStar,
  homeEnvironment,
  kdf,
  servingNetworkName,
  userEquipment,
} from '../../peers/usim/index.ts';
import { hex, toHex, vectors } from '../vectors.ts';

type Text =
  | 'mcc'
  | 'mnc'
  | 'imsi'
  | 'ck'
  | 'ik'
  | 'rand'
  | 'res'
  | 'sqnXorAk'
  | 'kAusf'
  | 'resStar'
  | 'hresStar';
type Keys = 'kSeaf' | 'kAmf' | 'knasEnc' | 'knasInt' | 'kN3iwf';
type Set = Record<Text | Keys, string> & { readonly set: number; readonly uplinkCount: number };
const { sets } = vectors<{ sets: Set[] }>('key-hierarchy');

describe('key hierarchy', () => {
  it.each(sets)('[TS33501 A.2] [TS33501 A.4] [TS33501 A.5] K_AUSF, RES* and HRES* of set $set', (vector) => {
    const snn = servingNetworkName(vector);
    const [ck, ik] = [hex(vector.ck), hex(vector.ik)];
    expect(toHex(deriveKausf(ck, ik, snn, hex(vector.sqnXorAk)))).toBe(vector.kAusf);
    const resStar = deriveResStar(ck, ik, snn, hex(vector.rand), hex(vector.res));
    expect(toHex(resStar)).toBe(vector.resStar);
    expect(toHex(deriveHresStar(hex(vector.rand), resStar))).toBe(vector.hresStar);
  });

  it.each(sets)(
    '[TS33501 A.6] [TS33501 A.7] [TS33501 A.8] [TS33501 A.9] K_SEAF to K_N3IWF of set $set',
    (vector) => {
      const kSeaf = deriveKseaf(hex(vector.kAusf), servingNetworkName(vector));
      expect(toHex(kSeaf)).toBe(vector.kSeaf);
      const kAmf = deriveKamf(kSeaf, vector.imsi, Uint8Array.of(0, 0));
      expect(toHex(kAmf)).toBe(vector.kAmf);
      expect(toHex(deriveAlgorithmKey(kAmf, 'ciphering', 2))).toBe(vector.knasEnc);
      expect(toHex(deriveAlgorithmKey(kAmf, 'integrity', 2))).toBe(vector.knasInt);
      expect(toHex(deriveAccessKey(kAmf, vector.uplinkCount))).toBe(vector.kN3iwf);
    },
  );

  it('[TS33220 B.2] puts each length behind its parameter', () => {
    const key = new Uint8Array(32);
    expect(kdf(key, 1, hex('aa'), hex('bb'))).not.toEqual(kdf(key, 1, hex('aabb'), hex('')));
  });

  it('[TS24501 9.12.1] names the serving network with three digits of MNC', () => {
    const name = (mcc: string, mnc: string) => new TextDecoder().decode(servingNetworkName({ mcc, mnc }));
    expect(name('208', '93')).toBe('5G:mnc093.mcc208.3gppnetwork.org');
    expect(name('310', '410')).toBe('5G:mnc410.mcc310.3gppnetwork.org');
  });
});

describe('5G-AKA', () => {
  const plmn = { mcc: '208', mnc: '93' };
  const subscriber = {
    imsi: '208930000000003',
    k: new Uint8Array(16).fill(7),
    opc: new Uint8Array(16).fill(9),
  };
  const rands = fc.uint8Array({ minLength: 16, maxLength: 16 });
  const sqns = fc.integer({ min: 0, max: 2 ** 48 - 1 });

  it('[TS33501 6.1.3.2] both sides come to the same RES* and K_AMF', () => {
    fc.assert(
      fc.property(rands, sqns, (rand, sqn) => {
        const vector = homeEnvironment({ ...subscriber, sqn }, plmn, rand);
        const answer = userEquipment(subscriber, plmn, rand, vector.autn);
        expect(answer).toEqual({ resStar: vector.xresStar, kAmf: vector.kAmf, sqn });
        expect(vector.hxresStar).toEqual(deriveHresStar(rand, vector.xresStar));
      }),
    );
  });

  it('[TS33501 6.1.3.2] the UE refuses an AUTN with any bit turned', () => {
    const rand = new Uint8Array(16).fill(3);
    const { autn } = homeEnvironment({ ...subscriber, sqn: 32 }, plmn, rand);
    for (let bit = 0; bit < 128; bit++) {
      const wrong = Uint8Array.from(autn);
      wrong[bit >>> 3]! ^= 1 << (bit & 7);
      expect(userEquipment(subscriber, plmn, rand, wrong)).toBeUndefined();
    }
  });

  it('the UE refuses fields of a wrong length and another subscription', () => {
    const rand = new Uint8Array(16);
    const { autn } = homeEnvironment({ ...subscriber, sqn: 32 }, plmn, rand);
    expect(userEquipment(subscriber, plmn, rand.subarray(1), autn)).toBeUndefined();
    expect(userEquipment(subscriber, plmn, rand, autn.subarray(1))).toBeUndefined();
    expect(userEquipment({ ...subscriber, k: new Uint8Array(16) }, plmn, rand, autn)).toBeUndefined();
  });

  it('another serving network leads to another RES*', () => {
    const rand = new Uint8Array(16);
    const vector = homeEnvironment({ ...subscriber, sqn: 1 }, plmn, rand);
    const answer = userEquipment(subscriber, { mcc: '208', mnc: '92' }, rand, vector.autn);
    expect(answer?.resStar).not.toEqual(vector.xresStar);
  });
});
