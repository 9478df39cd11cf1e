import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { replay } from '../../../n3iwf/cli/replay.ts';

const captures = fileURLToPath(new URL('../../captures/', import.meta.url));
const matrix = join(captures, 'free5gc', 'matrix.pcap');
const keys = join(captures, 'free5gc', 'keys');
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'replay-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function run(path: string, options: Parameters<typeof replay>[1]) {
  const lines: string[] = [];
  const status = replay(path, options, (line) => void lines.push(line));
  return { status, lines };
}

describe('n3iwf replay', () => {
  it('reads a capture with its keys: every message, none unknown', () => {
    const { status, lines } = run(matrix, { keys, json: true });
    const report = JSON.parse(lines.join('')) as {
      ikeMessages: number;
      sealed: number;
      faults: number;
      messages: { kind: string; exchange?: string; payloads?: string; verdict?: string }[];
    };
    expect(status).toBe(0);
    expect(report.ikeMessages).toBeGreaterThan(100);
    expect([report.sealed, report.faults]).toEqual([0, 0]);
    for (const message of report.messages.filter(({ kind }) => kind === 'ike')) {
      expect(message.exchange).toMatch(/^[A-Z]/);
      expect(message.payloads).toMatch(message.verdict === 'fragment' ? /^$/ : /^\[ .*\]$/);
      expect(message.payloads).not.toMatch(/N\(\d+\)/);
    }
  });

  it('reads it without keys as far as it goes', () => {
    const { status, lines } = run(matrix, {});
    expect(status).toBe(0);
    expect(lines.at(-1)).toMatch(/[1-9]\d* without keys, 0 faulty/);
  });

  it('counts SAs by both SPIs, and one that nobody answered as well', () => {
    const path = join(folder, 'unanswered.pcap');
    const octets = readFileSync(join(captures, 'free5gc', 'n3iwue.pcap'));
    const first = JSON.parse(
      run(join(captures, 'free5gc', 'n3iwue.pcap'), { json: true }).lines.join(''),
    ) as {
      ikeSas: number;
      messages: { frame: number }[];
    };
    expect(first.ikeSas).toBe(5); // of two addresses and one SPI of the initiator
    let at = 24;
    for (let number = 1; number <= first.messages[0]!.frame; number++) at += 16 + octets.readUInt32LE(at + 8);
    writeFileSync(path, octets.subarray(0, at));
    expect(run(path, {}).lines.at(-1)).toContain('1 IKE messages of 1 SAs');
  });
});

describe('n3iwf replay of a faulty file', () => {
  it('a changed octet is a fault, and the status says so', () => {
    const octets = readFileSync(matrix);
    const sealed = run(matrix, { keys, json: true }).lines.join('');
    const { frame } = (
      JSON.parse(sealed) as { messages: { frame: number; exchange: string }[] }
    ).messages.find(({ exchange }) => exchange === 'IKE_AUTH')!;
    let at = 24;
    for (let number = 1; number < frame; number++) at += 16 + octets.readUInt32LE(at + 8);
    octets[at + 16 + octets.readUInt32LE(at + 8) - 1]! ^= 1;
    const path = join(folder, 'changed.pcap');
    writeFileSync(path, octets);
    const { status, lines } = run(path, { keys });
    expect(status).toBe(1);
    expect(lines.filter((line) => line.includes('✗ badIcv'))).toHaveLength(1);
  });

  it('a file that ends early is told after what could be read', () => {
    const path = join(folder, 'short.pcap');
    writeFileSync(path, readFileSync(matrix).subarray(0, 5000));
    const { status, lines } = run(path, { keys });
    expect(status).toBe(1);
    expect(lines.at(-1)).toContain('the file ends early');
  });

  it('what is no capture, and keys that cannot be used, are refused', () => {
    const path = join(folder, 'text');
    writeFileSync(path, 'not a capture');
    expect(() => run(path, {})).toThrow(/is not a capture/);
    expect(() => run(matrix, { keys: path })).toThrow(/line 1: SPIs/);
    expect(() => run(join(folder, 'none'), {})).toThrow(/none/);
  });
});
