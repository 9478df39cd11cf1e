import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Amf } from '../../../n3iwf/n2/amf/amf.ts';
import { bitsToNumber, guamiOfNgap, guamiOfUe, numberToBits } from '../../../n3iwf/n2/amf/guami.ts';
import { type AmfWish, selectAmf } from '../../../n3iwf/n2/amf/selection.ts';
import { sliceOfNgap, sliceOfUe } from '../../../n3iwf/n2/amf/slices.ts';
import { AmfTable } from '../../../n3iwf/n2/amf/table.ts';
import { amfsOf, guami, ngapGuami, setupFacts } from '../../support/amf-facts.ts';

const wish = (more: Partial<AmfWish> = {}): AmfWish => ({ cause: 'mo-Signalling', slices: [], ...more });
const chosen = (amfs: readonly Amf[], more: Partial<AmfWish> = {}, draw = 0): number | string => {
  const selection = selectAmf(amfs, wish(more), () => draw);
  return 'amf' in selection ? selection.amf.number : selection.none;
};

describe('identities to compare', () => {
  it('[TS23003 2.10.1] a GUAMI reads the same from NGAP and from AN-parameters', () => {
    const own = { plmn: '02f839', regionId: 0xca, setId: 1016, pointer: 5 };
    expect(guamiOfNgap(ngapGuami(own))).toEqual(own);
    const plmn = Uint8Array.of(0x02, 0xf8, 0x39);
    expect(guamiOfUe({ plmn, amfRegionId: 0xca, amfSetId: 1016, amfPointer: 5 })).toEqual(own);
  });

  it('bit strings up to 32 bits hold their number', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 32 }), fc.nat(2 ** 31 - 1), (length, any) => {
        const value = any % 2 ** length;
        const string = numberToBits(value, length);
        expect(string.bits.length).toBe(Math.ceil(length / 8));
        expect(bitsToNumber(string)).toBe(value);
      }),
    );
  });

  it('[TS23003 28.4.2] an SD of FFFFFF is none', () => {
    const none = Uint8Array.of(255, 255, 255);
    expect(sliceOfNgap({ sst: Uint8Array.of(1), sd: none })).toBe('1');
    expect(sliceOfUe({ sst: 1 })).toBe('1');
    expect(sliceOfUe({ sst: 1, sd: Uint8Array.of(1, 2, 3) })).toBe('1-010203');
  });
});

describe('choice of an AMF', () => {
  it('[TS23501 6.3.5] the AMF that registered the UE comes first', () => {
    const amfs = amfsOf({ guamis: [guami(1)] }, { guamis: [guami(2)] }, { guamis: [guami(3)] });
    for (const draw of [0, 0.5, 0.99]) expect(chosen(amfs, { guami: guami(2) }, draw)).toBe(1);
  });

  it('[TS23501 5.21.1.1] when it is gone, its stand-in, then any AMF of its set, then others', () => {
    const amfs = amfsOf(
      { guamis: [guami(9, 7)] },
      { guamis: [guami(2)], backup: 'amf3' },
      { guamis: [guami(4)] },
      { guamis: [guami(5)] },
    );
    expect(chosen(amfs, { guami: guami(1) }, 0.99)).toBe(3);
    expect(chosen(amfs.slice(0, 3), { guami: guami(1) }, 0)).toBe(1);
    expect(chosen(amfs.slice(0, 3), { guami: guami(1) }, 0.99)).toBe(2);
    expect(chosen(amfs.slice(0, 1), { guami: guami(1) })).toBe(0);
  });

  it('[TS23501 6.3.5] then the PLMN that the UE selected, then the slices that it requests', () => {
    const amfs = amfsOf(
      { plmn: '00f110', slices: ['1', '2'] },
      { slices: ['1'] },
      { slices: ['1', '1-010203'] },
    );
    for (const draw of [0, 0.99]) {
      expect(chosen(amfs, { plmn: '00f110' }, draw)).toBe(0);
      expect(chosen(amfs, { plmn: '02f839', slices: ['1', '1-010203'] }, draw)).toBe(2);
      expect(chosen(amfs, { slices: ['2'] }, draw)).toBe(0);
      expect(chosen(amfs, { plmn: '02f839', slices: ['2'] }, draw)).not.toBe(0);
    }
    expect(chosen(amfs, { plmn: '123456', slices: ['77'] })).toBe(0);
  });
});

describe('choice of an AMF by weight and state', () => {
  it('[TS38413 9.3.1.32] equals are drawn by their relative capacities; 0 is for when nobody else is there', () => {
    const amfs = amfsOf({ capacity: 10 }, { capacity: 30 }, { capacity: 0 });
    const counts = [0, 0, 0];
    for (let at = 0; at < 400; at++) counts[chosen(amfs, {}, at / 400) as number]!++;
    expect(counts).toEqual([100, 300, 0]);
    expect(chosen(amfs.slice(2))).toBe(2);
  });

  it('one that is not ready, was tried or is of another set than asked for is no choice', () => {
    const amfs = amfsOf({}, { guamis: [guami(0, 7)] });
    expect(chosen(amfs, { not: amfs })).toBe('unreachable');
    expect(chosen(amfs, { setId: 7 })).toBe(1);
    expect(chosen(amfs, { setId: 8 })).toBe('unreachable');
    for (const amf of amfs) amf.ready = false;
    expect(chosen(amfs)).toBe('unreachable');
    expect(chosen([])).toBe('unreachable');
  });

  it('[TS38413 8.7.7.2] an overloaded AMF is passed over for one of the set, or the UE is turned away', () => {
    const amfs = amfsOf({ guamis: [guami(1)] }, { guamis: [guami(2)] }, { guamis: [guami(1, 7)] });
    const amfOverloadResponse = { choice: 'overloadAction', value: 'reject-rrc-cr-signalling' } as const;
    amfs[0]?.startOverload({ amfOverloadResponse });
    expect(chosen(amfs, { guami: guami(1) })).toBe(1);
    amfs[1]?.startOverload({ amfOverloadResponse });
    expect(chosen(amfs, { guami: guami(1) })).toBe('congestion');
    expect(chosen(amfs, { guami: guami(1), cause: 'emergency' })).toBe(0);
    expect(chosen(amfs)).toBe(2);
  });
});

describe('what an AMF said of itself', () => {
  it('[TS38413 8.7.1.2] NG Setup makes everything earlier void', () => {
    const [amf] = amfsOf({}) as [Amf];
    amf.startOverload({});
    amf.markUnavailable({ unavailableGuamiList: [{ guami: ngapGuami(guami(0)) }] });
    expect(amf.available).toBe(false);
    amf.accept(setupFacts({ name: 'again' }));
    expect([amf.available, amf.overload, amf.name]).toEqual([true, undefined, 'again']);
  });

  it('[TS38413 8.7.3.2] an update replaces the lists that it has', () => {
    const [amf] = amfsOf({ slices: ['1'] }) as [Amf];
    const { plmnSupportList } = setupFacts({ slices: ['5'] });
    amf.update({ plmnSupportList, relativeAmfCapacity: 3 });
    expect([amf.capacity, amf.countSlices(['1'], undefined), amf.countSlices(['5'], '02f839')]).toEqual([
      3, 0, 1,
    ]);
    expect(amf.serves(guami(0))).toBeDefined();
    amf.update({ servedGuamiList: [{ guami: ngapGuami(guami(3)) }], amfName: 'new' });
    expect([amf.name, amf.serves(guami(0)), amf.serves(guami(3)) !== undefined]).toEqual([
      'new',
      undefined,
      true,
    ]);
  });

  it('[TS38413 8.7.6.2] a withdrawn GUAMI is not served until it is listed again', () => {
    const [amf] = amfsOf({ guamis: [guami(0), guami(1)] }) as [Amf];
    amf.markUnavailable({ unavailableGuamiList: [{ guami: ngapGuami(guami(0)), backupAmfName: 'b' }] });
    expect(amf.serves(guami(0))).toBeUndefined();
    expect(amf.available).toBe(true);
    amf.update({ servedGuamiList: [{ guami: ngapGuami(guami(0)) }] });
    expect(amf.serves(guami(0))).toBeDefined();
  });
});

describe('all AMFs of a node', () => {
  it('begin when they are first named; a gap in the numbers is nobody', () => {
    const table = new AmfTable(() => 0);
    expect([...table]).toEqual([]);
    table.ofNumber(2).accept(setupFacts());
    expect([...table].map(({ number }) => number)).toEqual([2]);
    expect(table.ofNumber(2)).toBe(table.ofNumber(2));
    expect(table.anyAvailable).toBe(true);
  });

  it('[TS23501 5.21.2.2.1] a stand-in is of the same set', () => {
    const table = new AmfTable(() => 0);
    table.ofNumber(0).accept(setupFacts({ guamis: [guami(1)] }));
    table.ofNumber(1).accept(setupFacts({ guamis: [guami(1, 7)] }));
    expect(table.standIn(guami(1), table.ofNumber(0))).toBeUndefined();
    table.ofNumber(2).accept(setupFacts({ guamis: [guami(2)] }));
    expect(table.standIn(guami(1), table.ofNumber(0))?.number).toBe(2);
    expect(table.shareContexts(table.ofNumber(0), table.ofNumber(2))).toBe(true);
    expect(table.shareContexts(table.ofNumber(0), table.ofNumber(1))).toBe(false);
  });
});
