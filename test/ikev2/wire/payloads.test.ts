import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodePayloads } from '../../../ikev2/wire/chain.ts';
import { DecodeError } from '../../../ikev2/wire/cursor.ts';
import { encodeMessage } from '../../../ikev2/wire/message.ts';
import { PAYLOAD_CODECS } from '../../../ikev2/wire/payloads/table.ts';
import { PAYLOAD } from '../../../ikev2/wire/registry.ts';
import type { Payload } from '../../../ikev2/wire/types.ts';
import { hex, toHex } from '../crypto/vectors.ts';
import { PAYLOADS } from './arbitraries.ts';

const HEADER = {
  spiInitiator: new Uint8Array(8),
  spiResponder: new Uint8Array(8),
  exchange: 34,
  initiator: true,
  response: false,
  messageId: 0,
};
const NAMES = Object.keys(PAYLOADS) as (keyof typeof PAYLOADS)[];

/** The octets of one payload with its generic header. */
function encode(payload: Payload): Uint8Array {
  return encodeMessage(HEADER, [payload]).subarray(28);
}

function decodeHex(text: string, type: number) {
  const octets = hex(text);
  return decodePayloads(octets, 0, octets.length, type);
}

/** A payload of `type` with this body, decoded. */
function decodeBody(type: keyof typeof PAYLOAD, bodyHex: string) {
  const length = (4 + bodyHex.length / 2).toString(16).padStart(4, '0');
  return decodeHex(`0000${length}${bodyHex}`, PAYLOAD[type]);
}

function bodyOf(payload: Payload): string {
  return toHex(encode(payload)).slice(8);
}

/** First four octets of a last substructure. */
function length(octets: number): string {
  return octets.toString(16).padStart(8, '0');
}

describe.each(NAMES)('%s payload', (name) => {
  const arbitrary = PAYLOADS[name] as fc.Arbitrary<Payload>;
  const { number } = PAYLOAD_CODECS[name];

  it('decodes to what was encoded, and encodes to what was decoded', () => {
    fc.assert(
      fc.property(arbitrary, (payload) => {
        const octets = encode(payload);
        const decoded = decodePayloads(octets, 0, octets.length, number);
        expect(decoded.ok && decoded.value).toEqual([payload]);
        expect(decoded.ok && toHex(encode(decoded.value[0] as Payload))).toBe(toHex(octets));
      }),
    );
  });

  it('answers every cut and every changed octet with a value or a DecodeError', () => {
    fc.assert(
      fc.property(arbitrary, fc.nat(), fc.integer({ min: 0, max: 255 }), (payload, place, octet) => {
        const octets = encode(payload);
        const cut = place % octets.length;
        const short = decodePayloads(octets, 0, cut, number);
        expect(!short.ok && short.error).toBeInstanceOf(DecodeError);
        octets[cut] = octet;
        const changed = decodePayloads(octets, 0, octets.length, number);
        if (!changed.ok) expect(changed.error).toBeInstanceOf(DecodeError);
      }),
    );
  });

  it('answers any body with a value or a DecodeError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (body) => {
        const result = decodeBody(name, toHex(body));
        if (!result.ok) expect(result.error).toBeInstanceOf(DecodeError);
      }),
    );
  });
});

describe('SA', () => {
  const SA: Payload = {
    type: 'SA',
    proposals: [
      {
        number: 1,
        protocol: 3,
        spi: hex('01020304'),
        transforms: [
          { type: 1, id: 20, keyLength: 256 },
          { type: 5, id: 0 },
        ],
      },
    ],
  };

  it('[RFC7296 3.3] lays out proposal, transforms and Key Length', () => {
    expect(bodyOf(SA)).toBe('0000002001030402010203040300000c01000014800e01000000000805000000');
  });

  it('[RFC7296 3.3.6] marks transforms whose attributes it does not know, short and long', () => {
    for (const attributes of ['8011002a', '0012000401020304', '800e01008011002a']) {
      const transform = `${length(8 + attributes.length / 2)}01000014${attributes}`;
      const decoded = decodeBody('SA', `${length(8 + transform.length / 2)}01010001${transform}`);
      const sa = decoded.ok ? decoded.value[0] : undefined;
      expect(sa?.type === 'SA' && sa.proposals[0]?.transforms[0]?.unknownAttributes).toBe(true);
    }
  });

  it.each([
    ['an SPI size that runs over', '000000080101fe00'],
    ['no proposal', ''],
    ['a proposal shorter than its header', '0000000301010000'],
    ['a length of zero', '0000000001010000'],
    ['a transform with a length of zero', '00000010010100010000000001000014'],
    ['another proposal announced and missing', '0200000801010000'],
    ['another transform announced and missing', '00000010010100010300000801000014'],
    ['fewer transforms than counted', '00000010010100020000000801000014'],
    ['an odd Last Substruc', '0100000801010000'],
    ['octets after the last proposal', '000000080101000000'],
    ['octets after the last transform', '0000001101010001000000080100001400'],
    ['an attribute that runs over', '000000140101000100000c000100001400120004'],
  ])('refuses %s', (_what, body) => {
    expect(decodeBody('SA', body).ok).toBe(false);
  });

  it('refuses more proposals and transforms than its limits', () => {
    const proposal = (last: boolean) => `${last ? '00' : '02'}00000801010000`;
    const many = (count: number) => proposal(false).repeat(count - 1) + proposal(true);
    expect(decodeBody('SA', many(64)).ok).toBe(true);
    expect(decodeBody('SA', many(65)).ok).toBe(false);
    const transform = (last: boolean) => `${last ? '00' : '03'}00000801000014`;
    const body = transform(false).repeat(199) + transform(true);
    const length = (8 + body.length / 2).toString(16).padStart(4, '0');
    expect(decodeBody('SA', `0000${length}010100c8${body}`).ok).toBe(false);
  });
});

describe('KE and Nonce', () => {
  it('[RFC7296 3.4] writes the method and two reserved octets', () => {
    expect(bodyOf({ type: 'KE', method: 31, data: hex('aabb') })).toBe('001f0000aabb');
  });

  it.each([0, 15, 257])('[RFC7296 3.9] refuses a nonce of %i octets', (length) => {
    expect(decodeBody('Nonce', '11'.repeat(length)).ok).toBe(false);
  });

  it.each([16, 256])('[RFC7296 3.9] takes a nonce of %i octets', (length) => {
    expect(decodeBody('Nonce', '11'.repeat(length)).ok).toBe(true);
  });
});

describe('identities, certificates and AUTH', () => {
  it('[RFC7296 3.5] ignores what stands in reserved octets', () => {
    const decoded = decodeBody('IDi', '0bffffff5545');
    expect(decoded.ok && decoded.value).toEqual([{ type: 'IDi', id: { type: 11, data: hex('5545') } }]);
  });

  it('[RFC7296 3.6] puts one encoding octet before a certificate', () => {
    expect(bodyOf({ type: 'CERT', encoding: 4, data: hex('3082') })).toBe('043082');
  });

  it('[RFC7296 3.7] reads an empty certificate request', () => {
    const decoded = decodeBody('CERTREQ', '04');
    expect(decoded.ok && decoded.value).toEqual([{ type: 'CERTREQ', encoding: 4, data: hex('') }]);
    expect(decodeBody('CERTREQ', '').ok).toBe(false);
  });

  it('[RFC7296 3.8] puts method and three reserved octets before AUTH data', () => {
    expect(bodyOf({ type: 'AUTH', method: 14, data: hex('ab') })).toBe('0e000000ab');
  });
});

describe('Notify, Delete and Vendor ID', () => {
  it('[RFC7296 3.10] carries an SPI between type and data', () => {
    const payload = {
      type: 'Notify',
      protocol: 3,
      spi: hex('01020304'),
      notifyType: 16393,
      data: hex(''),
    } as const;
    expect(bodyOf(payload)).toBe('0304400901020304');
  });

  it.each(['fc', 'fd', 'fe', 'ff'])('[RFC7296 3.10] refuses SPI size %s that runs over', (size) => {
    expect(decodeBody('Notify', `00${size}4001aabb`).ok).toBe(false);
  });

  it.each([
    ['a body that is not a multiple of the SPIs', '030400010102030405'],
    ['fewer SPIs than counted', '0304000201020304'],
    ['an SPI size of zero with ESP', '03000005'],
    ['an SPI with IKE', '010800010102030405060708'],
    ['an SPI size of one', '0301000101'],
  ])('[RFC7296 3.11] refuses %s', (_what, body) => {
    expect(decodeBody('Delete', body).ok).toBe(false);
  });

  it('[RFC7296 3.11] refuses more SPIs than its limit', () => {
    expect(decodeBody('Delete', `03040400${'00000001'.repeat(1024)}`).ok).toBe(true);
    expect(decodeBody('Delete', `03040401${'00000001'.repeat(1025)}`).ok).toBe(false);
  });

  it('[RFC7296 3.12] takes a vendor identity as it is', () => {
    expect(bodyOf({ type: 'VendorId', data: hex('cafe') })).toBe('cafe');
  });
});

describe('traffic selectors', () => {
  const any4 = '070000100000ffff00000000ffffffff';

  it('[RFC7296 3.13] counts and lays out selectors', () => {
    const start = hex('00000000');
    const end = hex('ffffffff');
    const selectors = [{ protocol: 0, startPort: 0, endPort: 65535, start, end }];
    expect(bodyOf({ type: 'TSi', selectors })).toBe(`01000000${any4}`);
  });

  it('[RFC7296 3.13.1] leaves selectors of unknown types out', () => {
    const decoded = decodeBody('TSr', `0200000009000008aabbccdd${any4}`);
    expect(decoded.ok && decoded.value[0]?.type === 'TSr' && decoded.value[0].selectors.length).toBe(1);
  });

  it.each([
    ['fewer selectors than counted', `02000000${any4}`],
    ['octets after the last one', `01000000${any4}00`],
    ['a selector length of zero', `0100000007000000${any4.slice(8)}`],
    ['IPv4 addresses in an IPv6 selector', `0100000008${any4.slice(2)}`],
    ['a selector longer than its addresses', '01000000070000140000ffff00000000ffffffff00000000'],
  ])('[RFC7296 3.13] refuses %s', (_what, body) => {
    expect(decodeBody('TSi', body).ok).toBe(false);
  });
});

describe('[RFC7296 3.16] CP and EAP', () => {
  it('[RFC7296 3.15] ignores the reserved bit of an attribute type', () => {
    const decoded = decodeBody('CP', '0100000080010000');
    expect(decoded.ok && decoded.value).toEqual([
      { type: 'CP', cfgType: 1, attributes: [{ type: 1, value: hex('') }] },
    ]);
  });

  it('[RFC7296 3.15] refuses an attribute that runs over and too many of them', () => {
    expect(decodeBody('CP', '0100000000010004c0a801').ok).toBe(false);
    expect(decodeBody('CP', `01000000${'00010000'.repeat(128)}`).ok).toBe(true);
    expect(decodeBody('CP', `01000000${'00010000'.repeat(129)}`).ok).toBe(false);
  });

  it.each(['', '0301', '03010005', '0301000400'])('[RFC7296 3.16] refuses EAP packet "%s"', (packet) => {
    expect(decodeBody('EAP', packet).ok).toBe(false);
  });
});
