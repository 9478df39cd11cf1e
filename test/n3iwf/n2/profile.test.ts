import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeNgap, encodeNgap } from '#ngap';
import { bitsToNumber } from '../../../n3iwf/n2/amf/guami.ts';
import { locator, n2Profile, n2ProfileNames } from '../../../n3iwf/n2/profile.ts';
import { ngSetupRequest } from '../../../n3iwf/n2/setup.ts';

const node = {
  name: 'n',
  n3iwfId: 0x87,
  plmn: { mcc: '999', mnc: '70' },
  tac: '00002a',
  slices: [{ sst: 1 }],
};
const gnb = { id: 0x12_3456, idBits: 24, cell: 0x789 };
const remote = { address: '192.0.2.16', port: 0x1194 };

describe('profiles of N2', () => {
  it('the standard one holds where none is named, and none but it goes without a warning', () => {
    expect(n2ProfileNames[0]).toBe('standard');
    expect(n2Profile()).toBe(n2Profile('standard'));
    expect(n2Profile().warning).toBeUndefined();
    for (const name of n2ProfileNames.slice(1))
      expect(n2Profile(name).warning).toMatch(/not by the standard/);
  });

  it('[TS38413 9.3.1.16] an N3IWF tells the address and port at which it hears a UE', () => {
    expect(locator(node)(remote)).toEqual({
      choice: 'userLocationInformationN3IWF',
      value: {
        ipAddress: { bits: Uint8Array.of(192, 0, 2, 16), length: 32 },
        portNumber: Uint8Array.of(0x11, 0x94),
      },
    });
    expect(locator(node)({ address: '2001:db8::1', port: 1 })).toMatchObject({
      value: { ipAddress: { length: 128 } },
    });
  });

  it('[TS38413 9.3.1.6] in the guise of a gNB it has an ID of as many bits as configured', () => {
    const { globalRanNodeId } = ngSetupRequest({ ...node, profile: 'open5gs-gnb-compat', gnb });
    expect(globalRanNodeId).toEqual({
      choice: 'globalGnbId',
      value: {
        plmnIdentity: Uint8Array.of(0x99, 0xf9, 0x07),
        gnbId: { choice: 'gnbId', value: { bits: Uint8Array.of(0x12, 0x34, 0x56), length: 24 } },
      },
    });
    expect(ngSetupRequest(node).globalRanNodeId.choice).toBe('globalN3iwfId');
  });

  it('[TS38413 9.3.1.7] in the guise of a gNB every UE is in one cell, whose identity begins with the ID', () => {
    const place = locator({ ...node, profile: 'open5gs-gnb-compat', gnb })(remote);
    const plmnIdentity = Uint8Array.of(0x99, 0xf9, 0x07);
    expect(place).toEqual({
      choice: 'userLocationInformationNR',
      value: {
        nrCgi: {
          plmnIdentity,
          nrCellIdentity: { bits: Uint8Array.of(0x12, 0x34, 0x56, 0x78, 0x90), length: 36 },
        },
        tai: { plmnIdentity, tac: Uint8Array.of(0, 0, 0x2a) },
      },
    });
  });
});

describe('profiles of N2 in any configuration', () => {
  it('every gNB that the configuration admits travels whole', () => {
    const gnbs = fc.integer({ min: 22, max: 32 }).chain((idBits) =>
      fc.record({
        idBits: fc.constant(idBits),
        id: fc.integer({ min: 0, max: 2 ** idBits - 1 }),
        cell: fc.integer({ min: 0, max: 2 ** (36 - idBits) - 1 }),
      }),
    );
    fc.assert(
      fc.property(gnbs, (own) => {
        const config = { ...node, profile: 'open5gs-gnb-compat', gnb: own } as const;
        const setup = decodeNgap(encodeNgap({ message: 'NGSetupRequest', ies: ngSetupRequest(config) }));
        const place = locator(config)(remote);
        if (place.choice !== 'userLocationInformationNR') throw new Error(place.choice);
        const { nrCellIdentity } = place.value.nrCgi;
        const octets = [...nrCellIdentity.bits].reduce((sum, octet) => sum * 256 + octet, 0);
        expect(octets / 16).toBe(own.id * 2 ** (36 - own.idBits) + own.cell);
        if (!setup.ok || setup.value.message !== 'NGSetupRequest') throw new Error('no NG Setup Request');
        const { globalRanNodeId } = setup.value.ies;
        if (globalRanNodeId.choice !== 'globalGnbId') throw new Error(globalRanNodeId.choice);
        const { gnbId } = globalRanNodeId.value;
        if (gnbId.choice !== 'gnbId') throw new Error(gnbId.choice);
        expect([bitsToNumber(gnbId.value), gnbId.value.length]).toEqual([own.id, own.idBits]);
      }),
    );
  });

  it('a caller who names no gNB is told which key is missing', () => {
    expect(() => ngSetupRequest({ ...node, profile: 'open5gs-gnb-compat' })).toThrow(/n2\.gnb/);
  });
});
