import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Capture, readCapture } from '../../../n3iwf/replay/capture-file.ts';

const frames = [Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5, 6, 7, 8)];
const seconds = 1_700_000_000;

function word(value: number, little: boolean): Uint8Array {
  const octets = Buffer.alloc(4);
  if (little) octets.writeUInt32LE(value);
  else octets.writeUInt32BE(value);
  return octets;
}

function pcap(little: boolean, nanoseconds: boolean): Uint8Array {
  const words = (...values: number[]) => Buffer.concat(values.map((value) => word(value, little)));
  const magic = nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4;
  const half = nanoseconds ? 500_000_000 : 500_000;
  return Buffer.concat([
    words(magic, 0x00020004, 0, 0, 65_535, 101),
    ...frames.flatMap((frame) => [words(seconds, half, frame.length, frame.length + 1), frame]),
  ]);
}

function block(type: number, little: boolean, ...parts: Uint8Array[]): Uint8Array {
  const body = Buffer.concat(parts);
  const padded = Buffer.concat([body], Math.ceil(body.length / 4) * 4);
  const length = word(12 + padded.length, little);
  return Buffer.concat([word(type, little), length, padded, length]);
}

/** A section with one interface whose clock ticks 10^-9 s, an unknown block, and the frames in three kinds of blocks. */
function pcapng(little: boolean): Uint8Array {
  const half = (value: number) => word(little ? value : value * 65_536, little).subarray(0, 2);
  const ticks = BigInt(seconds) * 1_000_000_000n + 500_000_000n;
  const time = [word(Number(ticks >> 32n), little), word(Number(ticks & 0xffffffffn), little)];
  const sizes = (frame: Uint8Array) => [word(frame.length, little), word(frame.length + 1, little)];
  const [first, second] = frames as [Uint8Array, Uint8Array];
  const resolution = Buffer.concat([half(9), half(1), Uint8Array.of(9, 0, 0, 0), half(0), half(0)]);
  return Buffer.concat([
    block(
      0x0a0d0d0a,
      little,
      word(0x1a2b3c4d, little),
      half(1),
      half(0),
      word(0xffffffff, little),
      word(0xffffffff, little),
    ),
    block(1, little, half(101), half(0), word(65_535, little), resolution),
    block(0xbad, little, Uint8Array.of(1, 2, 3, 4)),
    block(6, little, word(0, little), ...time, ...sizes(first), first),
    block(2, little, half(0), half(0), ...time, ...sizes(second), second),
    block(3, little, word(first.length, little), first),
  ]);
}

function read(octets: Uint8Array): Capture {
  const capture = readCapture(octets);
  if (!capture.ok) throw capture.error;
  return capture.value;
}

describe('pcap', () => {
  it.each([
    [true, false],
    [false, false],
    [true, true],
    [false, true],
  ])('little-endian %s, nanoseconds %s', (little, nanoseconds) => {
    const { frames: found, cutShort } = read(pcap(little, nanoseconds));
    expect(found.map(({ data }) => Uint8Array.from(data))).toEqual(frames);
    expect(found[0]).toMatchObject({ timeMs: seconds * 1000 + 500, linkType: 101, originalLength: 4 });
    expect(cutShort).toBeUndefined();
  });

  it('a file that ends in a frame gives those before it, and says so', () => {
    const { frames: found, cutShort } = read(pcap(true, false).subarray(0, -2));
    expect(found).toHaveLength(1);
    expect(cutShort).toContain('frame');
  });

  it('other files are refused', () => {
    expect(readCapture(Buffer.from('GIF89a, not a capture'))).toMatchObject({ ok: false });
    expect(readCapture(new Uint8Array(0))).toMatchObject({ ok: false });
  });
});

describe('pcapng', () => {
  it.each([true, false])(
    'little-endian %s: three kinds of packet blocks, an unknown one passed over',
    (little) => {
      const { frames: found, cutShort } = read(pcapng(little));
      expect(cutShort).toBeUndefined();
      const [first, second] = frames;
      expect(found.map(({ data }) => Uint8Array.from(data))).toEqual([first, second, first]);
      expect(found.map(({ timeMs }) => timeMs)).toEqual([seconds * 1000 + 500, seconds * 1000 + 500, 0]);
    },
  );

  it('two sections of different byte order', () => {
    expect(read(Buffer.concat([pcapng(true), pcapng(false)])).frames).toHaveLength(6);
  });

  it('a packet of an interface that was not described, and a block without end, end the reading', () => {
    const whole = pcapng(true);
    const section = whole.subarray(0, 28);
    const packet = block(6, true, word(7, true), new Uint8Array(20));
    expect(read(Buffer.concat([section, packet])).cutShort).toContain('interface');
    expect(read(Buffer.concat([section, word(1, true), word(4, true), word(0, true)])).cutShort).toContain(
      'block length',
    );
  });
});

it('no octets make it throw or run on', () => {
  const starts = [pcap(true, false), pcap(false, true), pcapng(true), pcapng(false)];
  fc.assert(
    fc.property(fc.constantFrom(...starts), fc.array(fc.tuple(fc.nat(400), fc.nat(255))), (start, edits) => {
      const octets = Uint8Array.from(start);
      for (const [at, value] of edits) if (at < octets.length) octets[at] = value;
      const capture = readCapture(octets);
      if (capture.ok) expect(capture.value.frames.length).toBeLessThan(50);
    }),
  );
});
