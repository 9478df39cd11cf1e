// needs: tshark
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { encodeNgap } from '../../ngap/index.ts';
import { placeOf } from '../../ngap/schema/procedures.ts';
import { declaredMessages, example } from '../support/ngap-examples.ts';
import { crc32c, ngapPcap } from '../support/sctp-pcap.ts';

function dissect(octets: readonly Uint8Array[], ...fields: string[]): string[][] {
  const folder = mkdtempSync(join(tmpdir(), 'ngap-'));
  try {
    const file = join(folder, 'n2.pcap');
    writeFileSync(file, ngapPcap(octets));
    const wanted = fields.flatMap((field) => ['-e', field]);
    const text = execFileSync('tshark', ['-r', file, '-T', 'fields', '-E', 'occurrence=a', ...wanted], {
      encoding: 'utf8',
      maxBuffer: 1 << 26,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return text
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

it('CRC-32C of the SCTP checksum by its check value', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
});

describe('tshark', () => {
  it('reads one full example of every declared message, names its procedure and finds nothing malformed', () => {
    const rows = dissect(
      declaredMessages.map((message) => encodeNgap(example(message))),
      'ngap.procedureCode',
      'ngap.protocolIEs',
      '_ws.malformed',
      '_ws.expert.message',
      'frame.protocols',
    );
    expect(rows).toHaveLength(declaredMessages.length);
    for (const [at, message] of declaredMessages.entries()) {
      const [code, ies, malformed, expert, protocols] = rows[at] ?? [];
      const told = `${message}: ${malformed} ${expert}`;
      expect(code?.split(',')[0], told).toBe(`${placeOf.get(message)?.procedure.code}`);
      expect(ies?.split(',')[0], told).toBe(`${Object.keys(example(message).ies).length}`);
      expect(`${malformed}${expert}`, told).not.toMatch(/malformed|\bBER\b|undecoded|extra/i);
      expect(protocols, told).toContain('ngap');
    }
  });

  it('reads the same numbers, names and keys', () => {
    const request = example('InitialContextSetupRequest');
    const setup = example('NGSetupRequest');
    const rows = dissect(
      [encodeNgap(request), encodeNgap(setup)],
      'ngap.AMF_UE_NGAP_ID',
      'ngap.RAN_UE_NGAP_ID',
      'ngap.SecurityKey',
      'ngap.RANNodeName',
      'ngap.n3IWF_ID',
    );
    expect(rows[0]?.slice(0, 3)).toEqual(['0', '0', '00'.repeat(32)]);
    expect(rows[1]?.[3]).toBe('example');
    expect(rows[1]?.[4]).toBe('0000');
  });

  it('finds a message with its end cut off malformed, so the check above can fail', () => {
    const octets = encodeNgap(example('NGSetupRequest')).slice(0, -6);
    const [row] = dissect([octets], '_ws.malformed', '_ws.expert.message');
    expect(row?.join(' ')).toMatch(/malformed/i);
  });
});
