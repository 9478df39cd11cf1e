import { attempt, DecodeError, type Result } from '#ikev2';

/** One captured frame. */
export interface CapturedFrame {
  /** Time since 1970 in ms, with fractions. */
  readonly timeMs: number;
  /** LINKTYPE number of the interface that it was captured on. */
  readonly linkType: number;
  readonly data: Uint8Array;
  /** Octets on the wire; more than `data` has where the capture cut the frame. */
  readonly originalLength: number;
}

/** A capture as far as it could be read; `cutShort` says where and why reading ended early. */
export interface Capture {
  readonly frames: readonly CapturedFrame[];
  readonly cutShort?: string;
}

/** Octets with a byte order, read from left to right; every read is checked. */
class Fields {
  readonly octets: Uint8Array;
  at: number;
  private readonly view: DataView;
  private readonly little: boolean;

  constructor(octets: Uint8Array, little: boolean, at = 0) {
    this.octets = octets;
    this.little = little;
    this.at = at;
    this.view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  }

  /** Octets that are still to be read. */
  get left(): number {
    return this.octets.length - this.at;
  }

  /** A field of two octets, in the order of the file. */
  u16(field: string): number {
    return this.view.getUint16(this.step(2, field), this.little);
  }

  /** A field of four octets, in the order of the file. */
  u32(field: string): number {
    return this.view.getUint32(this.step(4, field), this.little);
  }

  /** The next octets, as a part of the file. */
  take(length: number, field: string): Uint8Array {
    const from = this.step(length, field);
    return this.octets.subarray(from, from + length);
  }

  /** @throws DecodeError that names the field and its place */
  fail(field: string, reason: string): never {
    throw new DecodeError(field, this.at, reason);
  }

  private step(length: number, field: string): number {
    if (length > this.left) this.fail(field, `needs ${length} octets, ${this.left} are left`);
    const from = this.at;
    this.at += length;
    return from;
  }
}

/** First four octets of a pcap file, big-endian reading: byte order and fractions of a second. */
const pcapMagics: Readonly<Record<number, { readonly little: boolean; readonly perMs: number }>> = {
  2712847316: { little: false, perMs: 1e3 },
  3569595041: { little: true, perMs: 1e3 },
  2712812621: { little: false, perMs: 1e6 },
  1295823521: { little: true, perMs: 1e6 },
};
const sectionHeader = 0x0a0d0d0a;

/**
 * Reads a file of libpcap (micro- or nanoseconds, either byte order) or of pcapng. A file that ends in the middle of a
 * frame gives the frames before it.
 */
export function readCapture(octets: Uint8Array): Result<Capture> {
  return attempt(() => {
    const magic = new Fields(octets, false).u32('magic number');
    if (magic === sectionHeader) return readPcapng(octets);
    const kind = pcapMagics[magic];
    if (kind === undefined)
      throw new DecodeError('magic number', 0, `0x${magic.toString(16)} is that of neither pcap nor pcapng`);
    return readPcap(new Fields(octets, kind.little), kind.perMs);
  });
}

/** The classic format: a header, then records. What a file that ends early has is still given. */
function readPcap(fields: Fields, perMs: number): Capture {
  fields.take(20, 'file header');
  const linkType = fields.u32('link type') & 0xffff;
  const frames: CapturedFrame[] = [];
  return untilError(frames, () => {
    if (fields.left === 0) return false;
    const seconds = fields.u32('seconds');
    const timeMs = seconds * 1000 + fields.u32('fraction') / perMs;
    const length = fields.u32('captured length');
    const originalLength = fields.u32('original length');
    frames.push({ timeMs, linkType, data: fields.take(length, 'frame'), originalLength });
    return true;
  });
}

/** Calls `step` until it is done or the file is; what was read before a fault stays. */
function untilError(frames: CapturedFrame[], step: () => boolean): Capture {
  try {
    while (step());
    return { frames };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return { frames, cutShort: error.message };
  }
}

/** What an interface description block says of the packets that name it. */
interface Interface {
  readonly linkType: number;
  /** Ticks of its time stamps in one ms. */
  readonly perMs: number;
}

const block = { interfaceDescription: 1, packet: 2, simplePacket: 3, enhancedPacket: 6 } as const;
const littleEndianMark = 0x4d3c2b1a;
const timeResolution = 9;

/** The blocks of one file, section by section; blocks of other kinds are passed over. */
class PcapngReader {
  readonly frames: CapturedFrame[] = [];
  private readonly octets: Uint8Array;
  private interfaces: Interface[] = [];
  private little = true;
  private at = 0;

  constructor(octets: Uint8Array) {
    this.octets = octets;
  }

  /** Reads one block; false at the end. */
  step(): boolean {
    if (this.at === this.octets.length) return false;
    if (new Fields(this.octets, false, this.at).u32('block type') === sectionHeader) this.startSection();
    const fields = new Fields(this.octets, this.little, this.at);
    const type = fields.u32('block type');
    const length = fields.u32('block length');
    if (length < 12 || length % 4 !== 0) fields.fail('block length', `${length} is not possible`);
    const body = new Fields(fields.take(length - 12, 'block'), this.little);
    fields.u32('block length again');
    this.at = fields.at;
    this.readBlock(type, body);
    return true;
  }

  private startSection(): void {
    const mark = new Fields(this.octets, false, this.at + 8).u32('byte order');
    this.little = mark === littleEndianMark;
    this.interfaces = [];
  }

  private readBlock(type: number, body: Fields): void {
    if (type === block.interfaceDescription) this.interfaces.push(readInterface(body));
    else if (type === block.enhancedPacket) this.readPacket(body, body.u32('interface'));
    else if (type === block.packet) this.readPacket(body, readOldInterface(body));
    else if (type === block.simplePacket) this.readSimplePacket(body);
  }

  private readPacket(body: Fields, number: number): void {
    const { linkType, perMs } = this.interfaceOf(body, number);
    const ticks = body.u32('time, high') * 2 ** 32 + body.u32('time, low');
    const length = body.u32('captured length');
    const originalLength = body.u32('original length');
    this.frames.push({ timeMs: ticks / perMs, linkType, data: body.take(length, 'frame'), originalLength });
  }

  private readSimplePacket(body: Fields): void {
    const { linkType } = this.interfaceOf(body, 0);
    const originalLength = body.u32('original length');
    const data = body.take(Math.min(originalLength, body.left), 'frame');
    this.frames.push({ timeMs: 0, linkType, data, originalLength });
  }

  private interfaceOf(body: Fields, number: number): Interface {
    return this.interfaces[number] ?? body.fail('interface', `${number} was not described`);
  }
}

/** The block format, of one section or several. */
function readPcapng(octets: Uint8Array): Capture {
  const reader = new PcapngReader(octets);
  return untilError(reader.frames, () => reader.step());
}

/** The packet block that was given up has its interface in two octets. */
function readOldInterface(body: Fields): number {
  const number = body.u16('interface');
  body.u16('drops');
  return number;
}

/** Link type, and the time resolution out of the options: a power of ten, or of two where the high bit is set. */
function readInterface(body: Fields): Interface {
  const linkType = body.u16('link type');
  body.take(6, 'reserved and snap length');
  let perMs = 1e3;
  while (body.left >= 4) {
    const code = body.u16('option');
    const length = body.u16('option length');
    const value = body.take(length, 'option');
    body.take(Math.min((4 - (length % 4)) % 4, body.left), 'padding');
    if (code === 0) break;
    if (code === timeResolution) {
      const exponent = value[0] ?? 6;
      perMs = (exponent & 0x80) === 0 ? 10 ** exponent / 1000 : 2 ** (exponent & 0x7f) / 1000;
    }
  }
  return { linkType, perMs };
}
