import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeInitialNas } from '../../../n3iwf/nwu/initial-nas.ts';

const octets = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const read = (hex: string) => {
  const decoded = decodeInitialNas(octets(hex));
  return decoded.ok ? decoded.value : decoded.error.message;
};
const guti = '000b f2 02f839 ca fe05 01020304';
const name = { text: '5g-guti-20893-cafe05-01020304' };
const identity = { amfSetId: 0x3f8, amfPointer: 5, tmsi: Uint8Array.of(1, 2, 3, 4) };
const guami = { plmn: Uint8Array.of(2, 0xf8, 0x39), amfRegionId: 0xca, amfSetId: 0x3f8, amfPointer: 5 };

describe('first NAS message of a UE', () => {
  it('[TS24501 8.2.6] an initial registration with SUCI names nobody', () => {
    expect(read('7e00 41 79 000d 01 02f839 0000 0000 00000000 10 2e02f0f0')).toEqual({
      isInitialRegistration: true,
      name: { text: 'imsi-208930000000001', supi: 'imsi-208930000000001' },
    });
  });

  it.each([
    ['initial', '79', true],
    ['mobility updating', '7a', false],
    ['periodic updating', '7b', false],
    ['emergency', '7c', true],
  ])('[TS24501 9.11.3.7] registration type %s', (_, octet, isInitialRegistration) => {
    expect(read(`7e00 41 ${octet} ${guti}`)).toEqual({
      isInitialRegistration,
      identity: { ...identity, guami },
      name,
    });
  });

  it('[TS24501 9.11.3.4] a service request has the short identity, under integrity protection too', () => {
    const short = { text: '5g-s-tmsi-fe0501020304' };
    const service = '7e00 4c 10 0007 f4 fe05 01020304';
    expect(read(service)).toEqual({ isInitialRegistration: false, identity, name: short });
    expect(read(`7e01 aabbccdd 05 ${service}`)).toEqual({
      isInitialRegistration: false,
      identity,
      name: short,
    });
    expect(read(`7e00 45 01 ${guti}`)).toMatchObject({ identity: { guami } });
  });

  it.each([
    ['another protocol', '2e01 01 c1'],
    ['a ciphered message', `7e02 aabbccdd 05 7e00 41 79 ${guti}`],
    ['a message that names nobody', '7e00 43'],
  ])('%s tells nothing', (_, hex) => {
    expect(read(hex)).toEqual({ isInitialRegistration: false });
  });

  it('an identity without octets names nobody; a short message is an error, whatever is in it', () => {
    expect(read('7e00 41 79 0000')).toEqual({ isInitialRegistration: true });
    expect(read('7e00 41 79 000b f2 02f839')).toMatch(/identity/);
    expect(read('7e00 4c 10 0003 f4 fe05')).toMatch(/TMSI/);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (any) => {
        expect(() => decodeInitialNas(any)).not.toThrow();
        expect(() => decodeInitialNas(Uint8Array.of(0x7e, 0, 0x41, ...any))).not.toThrow();
      }),
    );
  });
});
