import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LabCapture } from '../../../n3iwf/io/lab-capture.ts';
import { PcapWriter } from '../../../n3iwf/io/pcap-writer.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'pcap-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Packets of a file with their times in microseconds. */
function recordsOf(file: Buffer): { at: number; packet: Buffer }[] {
  const records: { at: number; packet: Buffer }[] = [];
  for (let at = 24; at < file.length; ) {
    const length = file.readUInt32LE(at + 8);
    expect(file.readUInt32LE(at + 12)).toBe(length);
    const time = file.readUInt32LE(at) * 1e6 + file.readUInt32LE(at + 4);
    records.push({ at: time, packet: file.subarray(at + 16, at + 16 + length) });
    at += 16 + length;
  }
  return records;
}

describe('pcap file', () => {
  it('begins with the header of version 2.4, microseconds, raw IP', () => {
    const path = join(folder, 'empty.pcap');
    new PcapWriter(path).close();
    expect(readFileSync(path).toString('hex')).toBe('d4c3b2a1020004000000000000000000000004006500' + '0000');
  });

  it('holds each packet with its time as soon as it is written', () => {
    const path = join(folder, 'two.pcap');
    const writer = new PcapWriter(path);
    writer.write(Uint8Array.of(0x45, 1), 1_700_000_000_123.5);
    expect(recordsOf(readFileSync(path))).toHaveLength(1);
    writer.write(new Uint8Array(0), 1_700_000_001_000);
    writer.close();
    expect(recordsOf(readFileSync(path))).toEqual([
      { at: 1_700_000_000_123_500, packet: Buffer.from([0x45, 1]) },
      { at: 1_700_000_001_000_000, packet: Buffer.alloc(0) },
    ]);
  });

  it('says which file cannot be written', () => {
    expect(() => new PcapWriter(join(folder, 'none', 'x.pcap'))).toThrow(/ENOENT.*x\.pcap/);
  });
});

describe('capture of the lab', () => {
  it('shows IKE on its own port and both ends of N2, with chunks numbered', () => {
    const path = join(folder, 'lab.pcap');
    const capture = new LabCapture({ pcap: path });
    const [ue, n3iwf] = [
      { address: '127.0.0.2', port: 10500 },
      { address: '127.0.0.1', port: 4500 },
    ];
    capture.nwu(Uint8Array.of(1), ue, n3iwf);
    capture.n2(Uint8Array.of(2), 1, true);
    capture.n2(Uint8Array.of(3), 1, false);
    capture.close();
    const [nwu, up, down] = recordsOf(readFileSync(path)).map(({ packet }) => packet);
    expect([nwu?.readUInt16BE(20), nwu?.readUInt16BE(22)]).toEqual([500, 4500]);
    expect([...(up?.subarray(12, 20) ?? [])]).toEqual([192, 0, 2, 1, 192, 0, 2, 2]);
    expect([...(down?.subarray(12, 20) ?? [])]).toEqual([192, 0, 2, 2, 192, 0, 2, 1]);
    expect([up?.readUInt32BE(36), down?.readUInt32BE(36)]).toEqual([1, 2]);
  });

  it('does nothing without options', () => {
    const capture = new LabCapture({});
    capture.nwu(Uint8Array.of(1), { address: 'x', port: 1 }, { address: 'y', port: 1 });
    capture.n2(Uint8Array.of(1), 0, true);
    capture.close();
  });
});
