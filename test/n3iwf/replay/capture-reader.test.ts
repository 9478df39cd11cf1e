import { createCipheriv, createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createCipher,
  EXCHANGE,
  encodeMessage,
  NOTIFY,
  type Payload,
  sealFragments,
  sealMessage,
} from '#ikev2';
import { CaptureReader, type IkeReport } from '../../../n3iwf/replay/capture-reader.ts';
import type { CapturedDatagram } from '../../../n3iwf/replay/datagrams.ts';
import { readKeyTable } from '../../../n3iwf/replay/key-table.ts';
import { ladderOf } from '../../../n3iwf/replay/ladder.ts';
import {
  readingCipher,
  readingEncryptions,
  readingIntegrities,
} from '../../../n3iwf/replay/reading-cipher.ts';

const hex = (octets: Uint8Array) => Buffer.from(octets).toString('hex');
const fill = (length: number, value: number) => new Uint8Array(length).fill(value);
const spiInitiator = fill(8, 0x11);
const spiResponder = fill(8, 0x22);
const keyI = fill(36, 1);
const keyR = fill(36, 2);
const gcm = 'AES-GCM-256 with 16 octet ICV [RFC5282]';
const line = (i = hex(keyI), r = hex(keyR), encr = gcm, integ = 'NONE [RFC4306]', ai = '', ar = '') =>
  `${hex(spiInitiator)},${hex(spiResponder)},${i},${r},"${encr}",${ai},${ar},"${integ}"`;
const { keys } = readKeyTable(line());
const cipher = createCipher({ encr: 'aes256-gcm16', integ: 'none' }, keyI, new Uint8Array(0));

const header = {
  spiInitiator,
  spiResponder,
  exchange: EXCHANGE.INFORMATIONAL,
  initiator: true,
  response: false,
  messageId: 7,
};
const deletion: Payload[] = [{ type: 'Delete', protocol: 1, spis: [] }];
const cookie: Payload = {
  type: 'Notify',
  protocol: 0,
  spi: new Uint8Array(0),
  notifyType: NOTIFY.COOKIE,
  data: fill(300, 5),
};

let frame = 0;
function datagram(data: Uint8Array, ports: [number, number] = [500, 500]): CapturedDatagram {
  return {
    frame: ++frame,
    timeMs: frame,
    from: { address: '192.0.2.1', port: ports[0] },
    to: { address: '192.0.2.2', port: ports[1] },
    protocol: 'udp',
    data,
  };
}
const marked = (data: Uint8Array) => Buffer.concat([new Uint8Array(4), data]);
const reportOf = (data: Uint8Array, reader = new CaptureReader(keys)) =>
  reader.read(datagram(data)) as IkeReport;

describe('a message', () => {
  it('in clear: payloads, and whether they may stand there', () => {
    const init = { ...header, exchange: EXCHANGE.IKE_SA_INIT, messageId: 0 };
    const good = encodeMessage({ ...init, response: true }, [cookie]);
    expect(reportOf(good)).toMatchObject({
      exchange: 'IKE_SA_INIT',
      direction: 'response',
      verdict: 'ok',
      payloads: '[ N(COOKIE) ]',
      notes: ['its request is not in the capture'],
    });
    expect(reportOf(encodeMessage(init, deletion))).toMatchObject({ verdict: 'breaksRules' });
  });

  it('sealed, with keys: opened; without: as far as its header', () => {
    const sealed = sealMessage(header, deletion, cipher, fill(8, 9));
    expect(reportOf(sealed)).toMatchObject({ verdict: 'ok', payloads: '[ D ]', messageId: 7 });
    expect(reportOf(sealed, new CaptureReader(new Map()))).toMatchObject({
      verdict: 'sealed',
      notes: ['no keys'],
      payloads: '',
    });
  });

  it('[RFC9242 3.3.1] opens by any of the keys that its SA has had', () => {
    const earlier = line(hex(fill(36, 8)), hex(fill(36, 9)));
    const both = readKeyTable(`${earlier}\n${line()}`).keys;
    const sealed = sealMessage(header, deletion, cipher, fill(8, 9));
    expect(reportOf(sealed, new CaptureReader(both)).verdict).toBe('ok');
    expect(reportOf(sealed, new CaptureReader(readKeyTable(earlier).keys)).verdict).toBe('badIcv');
  });
});

describe('a message that is sealed wrongly, cut or of another protocol', () => {
  it('[RFC7296 3.14] with another ICV, a wrong length or inner padding is told as what it is', () => {
    const sealed = sealMessage(header, deletion, cipher, fill(8, 9));
    const forged = Uint8Array.from(sealed);
    forged[forged.length - 1]! ^= 1;
    expect(reportOf(forged).verdict).toBe('badIcv');
    const longer = Uint8Array.from(sealed);
    longer[27]! += 1;
    expect(reportOf(longer).verdict).toBe('malformed');
    const iv = fill(8, 3);
    const inner = Uint8Array.of(0xff);
    const aad = sealed.subarray(0, 32);
    const bad = Buffer.concat([aad, iv, cipher.seal(iv, fixLengths(aad, 32 + 8 + 1 + 16), inner)]);
    fixLengths(bad, bad.length);
    expect(reportOf(bad)).toMatchObject({
      verdict: 'malformed',
      notes: [expect.stringContaining('Pad Length')],
    });
  });

  it('[RFC7383 2.6] in fragments, in any order, with one sent again', () => {
    let iv = 0;
    const pieces = sealFragments(header, [cookie, cookie, cookie], cipher, () => fill(8, ++iv), 400);
    expect(pieces.length).toBeGreaterThan(2);
    const reader = new CaptureReader(keys);
    const order = [...pieces.slice(1), pieces[1]!, pieces[0]!];
    const reports = order.map((piece) => reportOf(piece, reader));
    expect(reports.map(({ verdict }) => verdict)).toEqual([...order.slice(1).map(() => 'fragment'), 'ok']);
    expect(reports.at(-1)?.payloads).toBe('[ N(COOKIE) N(COOKIE) N(COOKIE) ]');
    expect(reports.at(-2)?.notes).toContain('sent again');
  });

  it('of IKEv1, or no IKE at all, on the port of IKE', () => {
    const old = encodeMessage({ ...header, exchange: EXCHANGE.IKE_SA_INIT }, []);
    old[17] = 0x10;
    expect(reportOf(old)).toMatchObject({ verdict: 'notIkev2', notes: ['version 1'] });
    expect(reportOf(fill(60, 0xee))).toMatchObject({ verdict: expect.stringMatching(/malformed|notIkev2/) });
    expect(new CaptureReader(keys).read(datagram(fill(60, 0xee), [53, 53]))).toBeUndefined();
  });
});

/** Sets the message length and that of the SK payload behind the header. */
function fixLengths(octets: Uint8Array, length: number): Uint8Array {
  const view = new DataView(octets.buffer, octets.byteOffset);
  view.setUint32(24, length);
  view.setUint16(30, length - 28);
  return octets;
}

describe('what else is on the ports', () => {
  it('[RFC3948 2.2] ESP where there is no marker, keepalives nothing', () => {
    const reader = new CaptureReader(keys);
    const esp = Buffer.concat([Buffer.from('c0ffee0100000007', 'hex'), fill(40, 1)]);
    expect(reader.read(datagram(esp, [4500, 4500]))).toMatchObject({
      kind: 'esp',
      spi: 'c0ffee01',
      sequence: 7,
    });
    expect(reader.read(datagram(Uint8Array.of(0xff), [4500, 4500]))).toBeUndefined();
    expect(reader.read({ ...datagram(esp, [0, 0]), protocol: 'esp' })).toMatchObject({ kind: 'esp' });
  });

  it('ports of a lab are known by the first marked IKE message between them', () => {
    const reader = new CaptureReader(keys);
    const esp = Buffer.concat([Buffer.from('c0ffee0100000007', 'hex'), fill(40, 1)]);
    expect(reader.read(datagram(esp, [40_000, 40_001]))).toBeUndefined();
    const sealed = marked(sealMessage(header, deletion, cipher, fill(8, 9)));
    expect(reader.read(datagram(sealed, [40_000, 40_001]))).toMatchObject({ verdict: 'ok' });
    expect(reader.read(datagram(esp, [40_000, 40_001]))).toMatchObject({ kind: 'esp' });
  });
});

describe('ladder', () => {
  it('an arrow for each message, one line for a run of ESP', () => {
    const reader = new CaptureReader(keys);
    const esp = (sequence: number) => {
      const packet = Buffer.alloc(48, 1);
      packet.writeUInt32BE(sequence, 4);
      return reader.read(datagram(packet, [4500, 4500]))!;
    };
    const forged = sealMessage(header, deletion, cipher, fill(8, 9));
    forged[forged.length - 1]! ^= 1;
    const reports = [
      reportOf(sealMessage(header, deletion, cipher, fill(8, 9)), reader),
      esp(1),
      esp(2),
      reportOf(forged, reader),
    ];
    const text = [...ladderOf(reports)].join('\n');
    expect(text).toContain('──► INFORMATIONAL request 7 [ D ]');
    expect(text).toMatch(/ESP 01010101, 2 packets, 96 octets/);
    expect(text).toContain('✗ badIcv');
  });
});

describe('the table of keys', () => {
  it('names every line that cannot be used, and why', () => {
    const text = [
      '# a comment',
      '',
      line(),
      line('00'),
      line(hex(keyI), hex(keyR), 'ROT13'),
      `zz,${line()}`,
      line('xx'),
    ];
    const { keys: found, faults } = readKeyTable(text.join('\n'));
    expect(found.size).toBe(1);
    expect(faults).toEqual([
      'line 4: an encryption key of 36 octets is needed',
      'line 5: no cipher is called "ROT13"',
      'line 6: SPIs must be 16 digits each',
      'line 7: "xx" is not hexadecimal',
    ]);
  });

  it('no text makes it throw', () => {
    fc.assert(fc.property(fc.string(), (text) => void readKeyTable(text)));
  });
});

/** Seals by node:crypto as the standard says, to hold the reading ciphers against. */
function seal(name: string, integName: string, plaintext: Uint8Array, aad: Uint8Array) {
  const encr = readingEncryptions[name]!;
  const integ = readingIntegrities[integName]!;
  const key = fill(encr.keyLength, 7);
  const salt = fill(encr.saltLength, 8);
  const iv = fill(encr.ivLength, 9);
  const keyInteg = fill(integ.keyLength, 10);
  const open = readingCipher(encr, Buffer.concat([key, salt]), integ, keyInteg).open;
  if (encr.tagLength > 0) {
    const options = { authTagLength: encr.tagLength };
    const sealing = createCipheriv(encr.cipher as 'aes-128-gcm', key, Buffer.concat([salt, iv]), options);
    sealing.setAAD(aad, { plaintextLength: plaintext.length } as never);
    const text = sealing.update(plaintext);
    sealing.final();
    return { open, iv, body: Buffer.concat([text, sealing.getAuthTag()]) };
  }
  const start = encr.mode === 'ctr' ? Buffer.concat([salt, iv, Uint8Array.of(0, 0, 0, 1)]) : iv;
  const text =
    encr.cipher === undefined
      ? plaintext
      : createCipheriv(encr.cipher, key, start).setAutoPadding(false).update(plaintext);
  const icv =
    integ.hash === undefined
      ? fill(integ.icvLength, 0)
      : createHmac(integ.hash, keyInteg)
          .update(aad)
          .update(iv)
          .update(text)
          .digest()
          .subarray(0, integ.icvLength);
  return { open, iv, body: Buffer.concat([text, icv]) };
}

describe('ciphers for reading', () => {
  const plaintext = Uint8Array.from({ length: 48 }, (_, at) => at);
  const aad = fill(32, 4);
  const names = Object.keys(readingEncryptions).flatMap((encr) =>
    (readingEncryptions[encr]?.tagLength ?? 0) > 0
      ? [[encr, 'NONE [RFC4306]'] as const]
      : Object.keys(readingIntegrities).map((integ) => [encr, integ] as const),
  );

  it.each(names)('[RFC5930 3] %s with %s opens what was sealed, and not what was changed', (encr, integ) => {
    const { open, iv, body } = seal(encr, integ, plaintext, aad);
    const opened = open(iv, aad, body);
    expect(opened.ok && Uint8Array.from(opened.value)).toEqual(plaintext);
    const isChecked =
      (readingEncryptions[encr]?.tagLength ?? 0) > 0 || readingIntegrities[integ]?.hash !== undefined;
    const forged = Uint8Array.from(body);
    forged[0]! ^= 1;
    expect(open(iv, aad, forged).ok).toBe(!isChecked);
  });

  it('no octets make them throw', () => {
    for (const [encr, integ] of names) {
      const { open, iv } = seal(encr, integ, plaintext, aad);
      for (const length of [0, 1, 7, 16, 31, 33]) expect(() => open(iv, aad, fill(length, 1))).not.toThrow();
    }
  });
});
