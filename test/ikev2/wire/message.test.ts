import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCipher } from '../../../ikev2/crypto/cipher.ts';
import { DecodeError } from '../../../ikev2/wire/cursor.ts';
import { describeMessage, describePayloads } from '../../../ikev2/wire/describe.ts';
import { IntegrityError } from '../../../ikev2/wire/errors.ts';
import {
  decodeHeader,
  decodeMessage,
  decodePayloads,
  encodeMessage,
  intermediateOctets,
  openMessage,
  openPlaintext,
  plainChain,
  sealFragments,
  sealMessage,
  sealWithin,
} from '../../../ikev2/wire/message.ts';
import type { DecodedMessage, MessageHeader, Payload } from '../../../ikev2/wire/types.ts';
import { counting, hex, toHex } from '../crypto/vectors.ts';
import { header, payload, payloads } from './arbitraries.ts';

const NONE = new Uint8Array(0);
const HEADER: MessageHeader = {
  spiInitiator: hex('c0c1c2c3c4c5c6c7'),
  spiResponder: hex('d0d1d2d3d4d5d6d7'),
  exchange: 37,
  initiator: false,
  response: false,
  messageId: 9,
};
const GCM = createCipher({ encr: 'aes256-gcm16', integ: 'none' }, counting()(36), NONE);
const CBC = createCipher({ encr: 'aes256-cbc', integ: 'hmac-sha2-256-128' }, counting()(32), counting(9)(32));
const CHACHA_KEY = '808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3';

function decoded(datagram: Uint8Array): DecodedMessage {
  const message = decodeMessage(datagram);
  if (!message.ok) throw message.error;
  return message.value;
}

function notify(notifyType: number, data: Uint8Array = NONE): Payload {
  return { type: 'Notify', protocol: 0, spi: NONE, notifyType, data };
}

describe('header', () => {
  it('[RFC7296 3.1] survives encoding', () => {
    fc.assert(
      fc.property(header, (value) => {
        const read = decodeHeader(encodeMessage(value, []));
        expect(read.ok && read.value).toEqual({
          ...value,
          majorVersion: 2,
          minorVersion: 0,
          nextPayload: 0,
          length: 28,
        });
      }),
    );
  });

  it('[RFC7296 3.1] keeps versions for the caller to judge', () => {
    const read = decodeHeader(encodeMessage({ ...HEADER, majorVersion: 3, minorVersion: 1 }, []));
    expect(read.ok && [read.value.majorVersion, read.value.minorVersion]).toEqual([3, 1]);
  });

  it("[RFC7296 3.1] refuses a length that is not the datagram's, and short datagrams", () => {
    const datagram = encodeMessage(HEADER, []);
    expect(decodeHeader(Buffer.concat([datagram, hex('00')])).ok).toBe(false);
    for (let length = 0; length < 28; length++)
      expect(decodeHeader(datagram.subarray(0, length)).ok).toBe(false);
  });
});

describe('[RFC7296 3.2] clear messages', () => {
  it('decode to what was encoded', () => {
    fc.assert(
      fc.property(header, payloads, (value, list) => {
        const datagram = encodeMessage({ ...value, exchange: 34 }, list);
        const message = decoded(datagram);
        expect(message.payloads).toEqual(list);
        expect(toHex(encodeMessage(message.header, message.payloads))).toBe(toHex(datagram));
      }),
    );
  });

  it('[RFC7296 2.5] mark critical payloads of unknown types, and no others', () => {
    const chain = hex('29800005aa0080000840000000');
    const unknown = decodePayloads(chain, 0, 5, 200);
    expect(unknown.ok).toBe(false);
    const read = decodePayloads(hex('0080000640aa'), 0, 6, 200);
    expect(read.ok && read.value).toEqual([
      { type: 'Unknown', payloadType: 200, critical: true, data: hex('40aa') },
    ]);
    const known = decodePayloads(hex('0080000800004001'), 0, 8, 41);
    expect(known.ok && known.value).toEqual([notify(16385)]);
  });

  it.each([
    ['a payload length of zero', '00000000'],
    ['a payload length below its header', '00000003'],
    ['a payload that runs over', '0000000900004001'],
    ['a chain that goes on past the end', '2900000800004001'],
    ['octets after the last payload', '000000080000400100'],
  ])('[RFC7296 3.2] refuse %s', (_what, text) => {
    const octets = hex(text);
    expect(decodePayloads(octets, 0, octets.length, 41).ok).toBe(false);
  });

  it('refuse more payloads than the limit', () => {
    const chain = (count: number) =>
      encodeMessage({ ...HEADER, exchange: 34 }, Array(count).fill(notify(16384)));
    expect(decodeMessage(chain(128)).ok).toBe(true);
    expect(decodeMessage(chain(129)).ok).toBe(false);
  });

  it('any octets decode to a value or a DecodeError', () => {
    fc.assert(
      fc.property(header, fc.uint8Array({ maxLength: 200 }), fc.nat(255), (value, body, first) => {
        const datagram = Buffer.concat([encodeMessage(value, []), body]);
        datagram[16] = first;
        datagram.writeUInt32BE(datagram.length, 24);
        const message = decodeMessage(datagram);
        if (!message.ok) expect(message.error).toBeInstanceOf(DecodeError);
      }),
      { numRuns: 2000 },
    );
  });
});

const sealedHex =
  'c0c1c2c3c4c5c6c7d0d1d2d3d4d5d6d72e202500000000090000004529000029' +
  '1011121314151617610394701f8d017f7c129248896b71bfe25236efd7cdc67066906315b2';

describe('encrypted messages', () => {
  it('[RFC7296 3.14] seal and open the example of RFC 7634 appendix B', () => {
    const cipher = createCipher({ encr: 'chacha20-poly1305', integ: 'none' }, hex(CHACHA_KEY), NONE);
    const inner = [notify(16385, hex('0000000a'))];
    const datagram = sealMessage(HEADER, inner, cipher, hex('1011121314151617'));
    expect(toHex(datagram)).toBe(sealedHex);
    const opened = openMessage(datagram, decoded(datagram), cipher);
    expect(opened.ok && opened.value).toEqual(inner);
  });

  it.each([
    ['AES-GCM', GCM],
    ['AES-CBC', CBC],
  ])('[RFC7296 3.14] survive sealing with %s, also empty', (_name, cipher) => {
    const iv = counting(5)(cipher.ivLength);
    fc.assert(
      fc.property(payloads, (list) => {
        const datagram = sealMessage(HEADER, list, cipher, iv);
        const opened = openMessage(datagram, decoded(datagram), cipher);
        expect(opened.ok && opened.value).toEqual(list);
      }),
      { numRuns: 50 },
    );
  });

  it.each([
    ['AES-GCM', GCM],
    ['AES-CBC', CBC],
  ])('refuse each changed octet with %s: header, IV, text, ICV', (_name, cipher) => {
    const datagram = sealMessage(HEADER, [notify(16384)], cipher, counting(5)(cipher.ivLength));
    for (let at = 0; at < datagram.length; at++) {
      const bad = Uint8Array.from(datagram);
      bad[at] = (bad[at] as number) ^ 0x10;
      const message = decodeMessage(bad);
      const opened = message.ok ? openMessage(bad, message.value, cipher) : message;
      expect(opened.ok).toBe(false);
    }
  });
});

describe('encrypted messages that are wrong', () => {
  it('tell forgery from broken syntax of a peer with the keys', () => {
    const iv = new Uint8Array(8);
    const datagram = sealMessage(HEADER, [notify(16384)], GCM, iv);
    const forged = Uint8Array.from(datagram);
    forged[datagram.length - 1] = (forged.at(-1) as number) ^ 1;
    const refused = openMessage(forged, decoded(forged), GCM);
    expect(!refused.ok && refused.error).toBeInstanceOf(IntegrityError);
    const broken = { type: 'Unknown', payloadType: 40, critical: false, data: hex('00') } as const;
    const short = sealMessage(HEADER, [broken], GCM, iv);
    const opened = openMessage(short, decoded(short), GCM);
    expect(!opened.ok && opened.error).not.toBeInstanceOf(IntegrityError);
  });

  it('refuse SK that is too short for IV and ICV, and padding longer than the text', () => {
    for (let length = 0; length < 8 + 17; length++) {
      const sk = { type: 'Unknown', payloadType: 46, critical: false, data: new Uint8Array(length) } as const;
      const datagram = encodeMessage(HEADER, [sk]);
      expect(openMessage(datagram, decoded(datagram), GCM).ok).toBe(false);
    }
    const aad = encodeMessage(HEADER, [
      { type: 'Unknown', payloadType: 46, critical: false, data: new Uint8Array(25) },
    ]);
    aad.set(GCM.seal(new Uint8Array(8), aad.subarray(0, 32), hex('01')), 40);
    const opened = openMessage(aad, decoded(aad), GCM);
    expect(!opened.ok && opened.error.field).toBe('Pad Length');
  });

  it('throw when our own IV has the wrong length', () => {
    expect(() => sealMessage(HEADER, [], GCM, new Uint8Array(7))).toThrow(RangeError);
  });
});

describe('who may speak in clear', () => {
  const clear = (exchange: number, list: Payload[]) =>
    decodeMessage(encodeMessage({ ...HEADER, exchange }, list));
  const sk: Payload = { type: 'Unknown', payloadType: 46, critical: false, data: new Uint8Array(40) };

  it.each([35, 36, 37, 43, 44])('[RFC7296 3.14] exchange %i must be one SK and nothing else', (exchange) => {
    const remove: Payload = { type: 'Delete', protocol: 1, spis: [] };
    expect(clear(exchange, []).ok).toBe(false);
    expect(clear(exchange, [remove]).ok).toBe(false);
    expect(clear(exchange, [remove, sk]).ok).toBe(false);
    expect(clear(exchange, [sk]).ok).toBe(true);
  });

  it('[RFC7296 3.14] IKE_SA_INIT has no SK, and nothing follows SK', () => {
    expect(clear(34, [sk]).ok).toBe(false);
    const datagram = Buffer.concat([encodeMessage(HEADER, [sk]), hex('0000000800004001')]);
    datagram.writeUInt32BE(datagram.length, 24);
    expect(decodeMessage(datagram).ok).toBe(false);
  });

  it('[RFC7296 3.14] SK inside SK is refused', () => {
    const datagram = sealMessage(HEADER, [sk], GCM, new Uint8Array(8));
    expect(openMessage(datagram, decoded(datagram), GCM).ok).toBe(false);
  });

  it('a message without SK cannot be opened', () => {
    const datagram = encodeMessage({ ...HEADER, exchange: 34 }, []);
    expect(openMessage(datagram, decoded(datagram), GCM).ok).toBe(false);
  });
});

describe('[RFC7383 2.5] fragments', () => {
  const big: Payload[] = [notify(16430, new Uint8Array(900).fill(7)), notify(16384)];

  it.each([
    ['AES-GCM', GCM],
    ['AES-CBC', CBC],
  ])('[RFC7383 2.5] carry a message in pieces with %s', (_name, cipher) => {
    const ivs = counting(3);
    const fragments = sealFragments(HEADER, big, cipher, () => ivs(cipher.ivLength), 300);
    expect(fragments.length).toBeGreaterThan(3);
    const parts = fragments.map((fragment, i) => {
      expect(fragment.length).toBeLessThanOrEqual(300);
      const message = decoded(fragment);
      expect(message.encrypted?.fragment).toEqual({ number: i + 1, total: fragments.length });
      expect(message.encrypted?.innerFirstPayload).toBe(i === 0 ? 41 : 0);
      const part = openPlaintext(fragment, message, cipher);
      return part.ok ? part.value : NONE;
    });
    const whole = Buffer.concat(parts);
    const list = decodePayloads(whole, 0, whole.length, 41);
    expect(list.ok && list.value).toEqual(big);
  });

  it.each([
    ['number 0', '00000003'],
    ['a number above the total', '00040003'],
    ['no total', '0001'],
  ])('[RFC7383 2.5] with %s are refused', (_what, numbers) => {
    const data = Buffer.concat([hex(numbers), numbers.length < 8 ? NONE : new Uint8Array(40)]);
    const datagram = encodeMessage(HEADER, [{ type: 'Unknown', payloadType: 53, critical: false, data }]);
    expect(decodeMessage(datagram).ok).toBe(false);
  });
});

describe('summaries', () => {
  it('name payloads as RFC 7296 writes them', () => {
    const list: Payload[] = [
      { type: 'SA', proposals: [] },
      { type: 'KE', method: 31, data: NONE },
      { type: 'Nonce', data: NONE },
      notify(16435),
      notify(40000),
      { type: 'Delete', protocol: 1, spis: [] },
      { type: 'Delete', protocol: 3, spis: [hex('01020304')] },
      { type: 'CP', cfgType: 1, attributes: [{ type: 1, value: NONE }] },
      { type: 'EAP', packet: hex('01020004') },
      { type: 'VendorId', data: NONE },
      { type: 'Unknown', payloadType: 200, critical: true, data: NONE },
    ];
    expect(describeMessage({ ...HEADER, exchange: 34, messageId: 0 }, list)).toBe(
      'IKE_SA_INIT request 0 [ SA KE No N(USE_PPK) N(40000) D D(01020304) CP(INTERNAL_IP4_ADDRESS) EAP(1) V 200! ]',
    );
    expect(describeMessage({ ...HEADER, exchange: 99, response: true }, [])).toBe('99 response 9 [ ]');
  });

  it('are one line for any payload', () => {
    fc.assert(
      fc.property(payload, (value) => {
        expect(describePayloads([value])).not.toMatch(/[\n\r]/);
      }),
    );
  });
});

describe('messages within a length', () => {
  const big = Array.from({ length: 12 }, (_, i) => notify(40_000 + i, new Uint8Array(100).fill(i)));

  it.each([
    ['AES-GCM', GCM],
    ['AES-CBC', CBC],
  ])('[RFC7383 2.5] stay whole exactly as long as they fit, with %s', (_name, cipher) => {
    const iv = () => new Uint8Array(cipher.ivLength);
    const [whole] = sealWithin(HEADER, big, cipher, iv, Number.POSITIVE_INFINITY);
    expect(whole).toEqual(sealMessage(HEADER, big, cipher, iv()));
    const length = whole?.length ?? 0;
    expect(sealWithin(HEADER, big, cipher, iv, length)).toEqual([whole]);
    const cut = sealWithin(HEADER, big, cipher, iv, length - 1);
    expect(cut.length).toBeGreaterThan(1);
    expect(cut).toEqual(sealFragments(HEADER, big, cipher, iv, length - 1));
  });

  it('[RFC9242 3.3.2] are authenticated as if they were whole, unpadded and in clear', () => {
    const { firstPayload, inner } = plainChain(big);
    const octets = intermediateOctets(HEADER, firstPayload, inner);
    expect(octets.length).toBe(28 + 4 + inner.length);
    expect(octets[16]).toBe(46);
    expect(new DataView(octets.buffer).getUint32(24)).toBe(octets.length);
    expect([...octets.subarray(28, 32)]).toEqual([41, 0, (inner.length + 4) >> 8, (inner.length + 4) & 0xff]);
    const read = decodePayloads(octets, 32, octets.length, firstPayload);
    expect(read.ok && read.value).toEqual(big);
  });
});
