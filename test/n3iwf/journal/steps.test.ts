import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nasName } from '../../../n3iwf/journal/nas-names.ts';
import { eapStep, ikeMessageStep, ngapStep } from '../../../n3iwf/journal/steps.ts';
import { nameOfIdentity } from '../../../n3iwf/nwu/ue-identity.ts';

const octets = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));

describe('names of NAS messages', () => {
  it.each([
    ['7e0041', 'Registration request'],
    ['7e01 aabbccdd 00 7e005e', 'Security mode complete'],
    ['7e02 aabbccdd 00 7e0043', 'Registration complete'],
    ['7e02 aabbccdd 00 93a1f5', 'ciphered NAS message'],
    ['7e02', 'ciphered NAS message'],
    ['7e0067 01 0004 2e0101c1', 'UL NAS transport (PDU session establishment request)'],
    ['7e0068 01 0004 2e0101c2', 'DL NAS transport (PDU session establishment accept)'],
    ['7e0068 02 0004 2e0101c2', 'DL NAS transport'],
    ['2e0101d3', 'PDU session release command'],
    ['7e00ff', 'unknown 5GMM message'],
    ['2e0101ff', 'unknown 5GSM message'],
    ['', 'unreadable NAS message'],
    ['4500', 'unreadable NAS message'],
  ])('[TS24501 9.7] %s is %s', (hex, name) => {
    expect(nasName(octets(hex))).toBe(name);
  });

  it('are found for any octets', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (any) => {
        expect(nasName(any)).not.toBe('');
      }),
    );
  });
});

describe('names of UEs', () => {
  it.each([
    ['01 02f839 f0ff 00 00 00000010', 'imsi-2089300000001'],
    ['01 02f839 f0ff 01 05 aabbccddeeff0011', 'suci-20893-1-5-..eeff0011'],
    ['f2 02f839 ca fe05 01020304', '5g-guti-20893-cafe05-01020304'],
    ['f4 fe05 01020304', '5g-s-tmsi-fe0501020304'],
  ])('[TS24501 9.11.3.4] %s is %s', (hex, text) => {
    expect(nameOfIdentity(octets(hex))?.text).toBe(text);
  });

  it('a SUPI is one only where it was in clear', () => {
    expect(nameOfIdentity(octets('01 00f110 f0ff 00 00 21436587f9'))).toEqual({
      text: 'imsi-00101123456789',
      supi: 'imsi-00101123456789',
    });
    expect(nameOfIdentity(octets('01 02f839 f0ff 01 05 aabbccdd'))).not.toHaveProperty('supi');
  });

  it('are not found in equipment identities, short ones or garbage, which is never an error', () => {
    for (const hex of ['', '00', '03 1234', 'f2 02f839', '11 61626364'])
      expect(nameOfIdentity(octets(hex))).toBeUndefined();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), (any) => {
        expect(() => nameOfIdentity(any)).not.toThrow();
      }),
    );
  });
});

/** An IKE header with that next payload, exchange, flags and message ID, and the start of a body. */
const ikeMessage = (nextPayload: string, exchange: string, flags: string, body = '') => {
  const length = (28 + body.length / 2).toString(16).padStart(8, '0');
  return octets(
    `1111111111111111 2222222222222222 ${nextPayload} 20 ${exchange} ${flags} 00000007 ${length} ${body}`,
  );
};

describe('IKE messages', () => {
  it('are told by their headers', () => {
    const read = ikeMessageStep(ikeMessage('2e', '24', '08'), 'UE');
    expect(read?.step).toEqual({
      kind: 'message',
      from: 'UE',
      to: 'N3IWF',
      protocol: 'IKE',
      name: 'CREATE_CHILD_SA request',
      detail: 'message 7',
    });
    expect(ikeMessageStep(ikeMessage('2e', '25', '20'), 'N3IWF')?.step.name).toBe('INFORMATIONAL response');
  });

  it('[RFC7383 2.5] count once where they come in fragments', () => {
    const fragment = (number: string) => ikeMessage('35', '23', '08', `00000010${number}0003aabbccdd`);
    expect(ikeMessageStep(fragment('0001'), 'UE')?.step.detail).toBe('message 7, in fragments');
    expect(ikeMessageStep(fragment('0002'), 'UE')).toBeUndefined();
  });

  it('are none where the header does not hold', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 27 }), (any) => {
        expect(ikeMessageStep(any, 'UE')).toBeUndefined();
      }),
    );
  });
});

describe('other messages', () => {
  it('EAP packets are told with their method, and told to be unreadable', () => {
    expect(eapStep(octets('03 09 0004'), 'N3IWF').name).toBe('EAP-Success');
    expect(eapStep(octets('02 09 0005 01'), 'UE').name).toBe('EAP-Response/method 1');
    expect(eapStep(octets('02'), 'UE').name).toBe('unreadable EAP packet');
  });

  it('NGAP messages are told with their cause', () => {
    const cause = { choice: 'radioNetwork', value: 'user-inactivity' };
    expect(ngapStep('UEContextReleaseRequest', { cause }, 'N3IWF')).toMatchObject({
      to: 'AMF',
      detail: 'cause user-inactivity',
    });
    for (const ies of [{}, undefined, null, { cause: {}, nasPdu: new Uint8Array(0) }])
      expect(ngapStep('NGReset', ies, 'AMF')).not.toHaveProperty('detail');
  });
});
