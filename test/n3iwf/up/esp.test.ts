import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ChildKeys, createCipher, type EspSuite } from '#ikev2';
import { EspReceiver, EspSender, spiOf } from '../../../n3iwf/userplane/esp.ts';
import { putU32, u32 } from '../../../n3iwf/userplane/ip.ts';
import { ReplayWindow } from '../../../n3iwf/userplane/replay-window.ts';

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));
const hexOf = (data: Uint8Array) => Buffer.from(data).toString('hex');
const spi = 0xdecafbad;

const suites = [
  [{ encr: 'aes256-gcm16', integ: 'none', esn: false }, 36, 0],
  [{ encr: 'aes128-gcm16', integ: 'none', esn: false }, 20, 0],
  [{ encr: 'chacha20-poly1305', integ: 'none', esn: false }, 36, 0],
  [{ encr: 'aes256-cbc', integ: 'hmac-sha2-256-128', esn: false }, 32, 32],
  [{ encr: 'null', integ: 'hmac-sha2-256-128', esn: false }, 0, 32],
] as const satisfies readonly (readonly [EspSuite, number, number])[];

const both = suites.flatMap(([suite, encr, integ]) =>
  [false, true].map((esn) => ({
    name: `${suite.encr}${esn ? ' with ESN' : ''}`,
    suite: { ...suite, esn } as EspSuite,
    keys: { encr: new Uint8Array(encr).fill(0x11), integ: new Uint8Array(integ).fill(0x22) },
  })),
);

const withEsn = both.filter((row) => row.suite.esn);
const withoutEsn = both.filter((row) => !row.suite.esn);

const random = (length: number) => {
  const octets = new Uint8Array(length);
  for (let i = 0; i < length; i++) octets[i] = (length * 7 + i * 31) & 0xff;
  return octets;
};

function pair(suite: EspSuite, keys: ChildKeys, sequence = 0) {
  return {
    sender: new EspSender(spi, suite, keys, random, sequence),
    receiver: new EspReceiver(spi, suite, keys),
  };
}

function sealed(sender: EspSender, payload: Uint8Array, nextHeader = 4): Uint8Array {
  const packet = sender.seal(nextHeader, payload);
  if (packet === undefined) throw new Error('the SA has ended');
  return packet;
}

/** A packet around a plaintext whose trailer the caller made. */
function raw({ suite, keys }: (typeof both)[number], sequence: number, plaintext: Uint8Array): Uint8Array {
  const cipher = createCipher(suite, keys.encr, keys.integ);
  const iv = new Uint8Array(cipher.ivLength).fill(9);
  const aad = new Uint8Array(8);
  putU32(aad, 0, spi);
  putU32(aad, 4, sequence);
  const packet = new Uint8Array(8 + iv.length + plaintext.length + cipher.icvLength);
  packet.set(aad);
  packet.set(iv, 8);
  cipher.sealInto(packet, 8 + iv.length, iv, aad, plaintext, undefined);
  return packet;
}

describe.each(both)('ESP $name', (row) => {
  const { suite, keys } = row;

  it('[RFC4303 2.4] every payload comes back, padded to the block and to 4 octets', () => {
    const { sender, receiver } = pair(suite, keys);
    const cipher = createCipher(suite, keys.encr, keys.integ);
    let sequence = 0;
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.constantFrom(4, 41), (payload, nextHeader) => {
        const packet = sealed(sender, payload, nextHeader);
        expect(spiOf(packet)).toBe(spi);
        expect(u32(packet, 4)).toBe(++sequence);
        const text = packet.length - 8 - cipher.ivLength - cipher.icvLength;
        expect(text % Math.max(4, cipher.blockSize)).toBe(0);
        expect(text - payload.length - 2).toBeLessThan(Math.max(4, cipher.blockSize));
        const opened = receiver.open(packet);
        if (!opened.ok) throw new Error(opened.fault);
        expect(opened).toMatchObject({ nextHeader, newest: true });
        expect(hexOf(opened.payload)).toBe(hexOf(payload));
      }),
    );
  });

  it('a payload larger than the scratch buffer goes through whole', () => {
    const { sender, receiver } = pair(suite, keys);
    const payload = new Uint8Array(9000).fill(0x5a);
    const opened = receiver.open(sealed(sender, payload));
    expect(opened.ok && Buffer.compare(opened.payload, payload)).toBe(0);
  });

  it('[RFC4303 3.4.3] a packet is taken once, and reordered ones in their turn', () => {
    const { sender, receiver } = pair(suite, keys);
    const [one, two, three] = [1, 2, 3].map((n) => sealed(sender, Uint8Array.of(n))) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    expect(receiver.open(one)).toMatchObject({ ok: true, newest: true });
    expect(receiver.open(three)).toMatchObject({ ok: true, newest: true });
    expect(receiver.open(two)).toMatchObject({ ok: true, newest: false });
    for (const again of [one, two, three])
      expect(receiver.open(again)).toEqual({ ok: false, fault: 'replay' });
  });

  it('[RFC4303 3.4.3] a forgery does not move the window', () => {
    const { sender, receiver } = pair(suite, keys);
    const packet = sealed(sender, Uint8Array.of(1, 2, 3));
    for (let at = 4; at < packet.length; at++) {
      const forged = Uint8Array.from(packet);
      forged[at] = (forged[at] as number) ^ 0x40;
      const opened = receiver.open(forged);
      expect(opened).toMatchObject({ ok: false });
      expect(receiver.window.highest).toBe(0);
    }
    expect(receiver.open(packet).ok).toBe(true);
  });

  it('refuses every truncation, and other keys', () => {
    const { sender, receiver } = pair(suite, keys);
    const packet = sealed(sender, new Uint8Array(20));
    for (let length = 0; length < packet.length; length++)
      expect(receiver.open(packet.subarray(0, length)).ok).toBe(false);
    expect(receiver.open(packet.subarray(0, 9))).toEqual({ ok: false, fault: 'short' });
    const other = { encr: keys.encr.map((octet) => octet ^ 1), integ: keys.integ.map((octet) => octet ^ 1) };
    expect(new EspReceiver(spi, suite, other).open(packet)).toEqual({ ok: false, fault: 'integrity' });
  });

  it('never throws on random octets', () => {
    const { receiver } = pair(suite, keys);
    fc.assert(fc.property(fc.uint8Array({ maxLength: 120 }), (data) => !receiver.open(data).ok));
  });

  it('[RFC4303 2.6] a dummy packet is told from a fault', () => {
    const { sender, receiver } = pair(suite, keys);
    expect(receiver.open(sealed(sender, new Uint8Array(40), 59))).toEqual({ ok: false, fault: 'dummy' });
  });

  it('[RFC4303 3.3.3] the last number is used and no number comes again', () => {
    const last = suite.esn ? Number.MAX_SAFE_INTEGER : 0xffff_ffff;
    const { sender } = pair(suite, keys, last - 1);
    expect(sender.seal(4, Uint8Array.of(1))).toBeDefined();
    expect(sender.sequence).toBe(last);
    expect(sender.seal(4, Uint8Array.of(1))).toBeUndefined();
    expect(sender.seal(4, Uint8Array.of(1))).toBeUndefined();
    expect(sender.sequence).toBe(last);
  });
});

describe('ESP padding', () => {
  it.each(withoutEsn)('[RFC4303 2.4] refuses padding that is not 1, 2, 3 with $name', (row) => {
    const receiver = new EspReceiver(spi, row.suite, row.keys);
    const plaintext = Uint8Array.of(0x45, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 9, 3, 4);
    expect(receiver.open(raw(row, 1, plaintext))).toEqual({ ok: false, fault: 'padding' });
    plaintext[13] = 3;
    expect(receiver.open(raw(row, 2, plaintext)).ok).toBe(true);
    plaintext[14] = 255;
    expect(receiver.open(raw(row, 3, plaintext))).toEqual({ ok: false, fault: 'padding' });
  });
});

describe('ESP IVs', () => {
  it('[RFC4106 3.1] no IV of an AEAD comes twice; CBC asks for random octets', () => {
    const [gcm, cbc] = [both[0], both[6]] as [(typeof both)[number], (typeof both)[number]];
    const { sender } = pair(gcm.suite, gcm.keys);
    const ivs = Array.from({ length: 100 }, () => hexOf(sealed(sender, Uint8Array.of(1)).subarray(8, 16)));
    expect(new Set(ivs).size).toBe(100);
    expect(cbc.name).toBe('aes256-cbc');
    expect(hexOf(sealed(pair(cbc.suite, cbc.keys).sender, Uint8Array.of(1)).subarray(8, 24))).toBe(
      hexOf(random(16)),
    );
  });

  it('[RFC4106 3.1] the IV goes on past 2^32 with ESN', () => {
    const row = both[1] as (typeof both)[number];
    const { sender } = pair(row.suite, row.keys, 0xffff_fffe);
    const ivs = [0, 1, 2].map(() => hexOf(sealed(sender, Uint8Array.of(1)).subarray(8, 16)));
    expect(ivs).toEqual(['00000000ffffffff', '0000000100000000', '0000000100000001']);
  });
});

describe('extended sequence numbers', () => {
  it.each(withEsn)('[RFC4303 A2.1] $name crosses 2^32, out of order too', ({ suite, keys }) => {
    const wrap = 0x1_0000_0000;
    const sender = new EspSender(spi, suite, keys, random, wrap - 6);
    const receiver = new EspReceiver(spi, suite, keys);
    receiver.window.mark(wrap - 6);
    const packets = Array.from({ length: 10 }, (_, i) => sealed(sender, Uint8Array.of(i)));
    for (const at of [0, 3, 7, 9, 4, 1, 2, 5, 6, 8]) {
      const opened = receiver.open(packets[at] as Uint8Array);
      expect(opened.ok && opened.payload[0], `packet ${at}`).toBe(at);
    }
    for (const packet of packets) expect(receiver.open(packet)).toEqual({ ok: false, fault: 'replay' });
    expect(receiver.window.highest).toBe(wrap + 4);
  });

  it.each(withEsn)(
    '[RFC4303 2.2.1] $name authenticates the high half that it does not send',
    ({ suite, keys }) => {
      const packet = sealed(new EspSender(spi, suite, keys, random, 0x1_0000_0000), Uint8Array.of(1));
      expect(u32(packet, 4)).toBe(1);
      expect(new EspReceiver(spi, suite, keys).open(packet)).toEqual({ ok: false, fault: 'integrity' });
      const receiver = new EspReceiver(spi, suite, keys);
      receiver.window.mark(0x1_0000_0000);
      expect(receiver.open(packet).ok).toBe(true);
    },
  );
});

describe('vectors', () => {
  /** RFC 7634 appendix A: an ICMP echo in tunnel mode. */
  const packet = hex(`01020304 00000005 1011121314151617
    240394 28b97f41 7e3c1375 3a4f0508 7b67c352 e6a7fab1 b982d466 ef407ae5 c614ee80 99d52844
    eb61aa95 dfab4c02 f72aa71e 7c4c4f64 c9befe2f acc638e8 f3cbec16 3fac469b 502773f6 fb94e664
    da9165b8 2829f641 e0 76aaa826 6b7fb0f7 b11b3699 07e1ad43`);
  const echo = hex(`45000054 a6f20000 4001e778 c6336405 c0000205 08005b7a 3a080000 553bec10 00073627
    08090a0b 0c0d0e0f 10111213 14151617 18191a1b 1c1d1e1f 20212223 24252627 28292a2b 2c2d2e2f
    30313233 34353637`);
  const keys = { encr: Uint8Array.from({ length: 36 }, (_, i) => 0x80 + i), integ: new Uint8Array(0) };

  it('[RFC7634 A] the ChaCha20-Poly1305 packet of the appendix opens to its echo request', () => {
    const receiver = new EspReceiver(
      0x01020304,
      { encr: 'chacha20-poly1305', integ: 'none', esn: false },
      keys,
    );
    const opened = receiver.open(packet);
    if (!opened.ok) throw new Error(opened.fault);
    expect(opened.nextHeader).toBe(4);
    expect(hexOf(opened.payload)).toBe(hexOf(echo));
    expect(receiver.window.highest).toBe(5);
  });
});

describe('replay window', () => {
  /** Every number that was marked, in a set. */
  class Model {
    readonly #seen = new Set<number>();
    readonly #size: number;
    #highest = 0;
    constructor(size: number) {
      this.#size = size;
    }
    accepts(sequence: number) {
      return sequence > 0 && sequence > this.#highest - this.#size && !this.#seen.has(sequence);
    }
    mark(sequence: number) {
      this.#seen.add(sequence);
      this.#highest = Math.max(this.#highest, sequence);
    }
  }

  it('[RFC4303 3.4.3] answers as a set of all numbers would', () => {
    const step = fc.oneof(
      { weight: 8, arbitrary: fc.integer({ min: -80, max: 5 }) },
      { weight: 1, arbitrary: fc.integer({ min: -300, max: 300 }) },
      { weight: 1, arbitrary: fc.integer({ min: 0, max: 5000 }) },
    );
    const starts = fc.constantFrom(0, 1, 31, 32, 0xffff_ffe0, 2 ** 40);
    const sizes = fc.constantFrom(64, 96, 128, 1024);
    fc.assert(
      fc.property(starts, sizes, fc.array(step, { maxLength: 300 }), (start, size, steps) => {
        const window = new ReplayWindow(size);
        const model = new Model(window.size);
        let highest = start;
        for (const by of steps) {
          const sequence = Math.max(0, highest + by);
          expect(window.accepts(sequence), String(sequence)).toBe(model.accepts(sequence));
          if (!window.accepts(sequence)) continue;
          window.mark(sequence);
          model.mark(sequence);
          highest = Math.max(highest, sequence);
          expect(window.highest).toBe(highest === start && window.highest < start ? window.highest : highest);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('[RFC4303 3.4.3] still knows the oldest numbers of the window when it moves into a new word', () => {
    const window = new ReplayWindow(64);
    for (let sequence = 1; sequence <= 200; sequence++) {
      window.mark(sequence);
      for (let old = Math.max(1, sequence - 63); old <= sequence; old++)
        expect(window.accepts(old)).toBe(false);
    }
  });

  it('[RFC4303 3.4.3] remembers a whole number of words, at least 64', () => {
    expect([new ReplayWindow(1).size, new ReplayWindow(65).size, new ReplayWindow().size]).toEqual([
      64, 96, 1024,
    ]);
  });
});
