// needs: tshark
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { LabSummary } from '../../n3iwf/cli/lab-options.ts';
import { runLab } from './run-lab.ts';

describe('a lab run of two sessions with three flows each, read by tshark', () => {
  const folder = mkdtempSync(join(tmpdir(), 'flows-'));
  const [pcap, keylog] = [join(folder, 'a.pcap'), join(folder, 'k')];
  let summary: LabSummary;

  /** The fields of each frame that `filter` takes. */
  const tshark = (filter: string, ...fields: string[]): string[][] =>
    execFileSync(
      'tshark',
      ['-r', pcap, '-Y', filter, '-T', 'fields', ...fields.flatMap((field) => ['-e', field])],
      {
        encoding: 'utf8',
        env: { ...process.env, WIRESHARK_CONFIG_DIR: keylog },
        stdio: ['ignore', 'pipe', 'ignore'],
        maxBuffer: 1 << 26,
      },
    )
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split('\t'));

  /** How often each line of fields occurs. */
  const counted = (rows: string[][]) =>
    rows.reduce((counts, row) => counts.set(row.join(' '), (counts.get(row.join(' ')) ?? 0) + 1), new Map());

  beforeAll(async () => {
    const run = await runLab('--sessions', '2', '--flows', '3', '--pcap', pcap, '--keylog', keylog);
    expect([run.status, run.summary.errors]).toEqual([0, []]);
    summary = run.summary;
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test('ping, UDP and TCP echo of every flow come back, packets of 1400 octets too, and rekeys lose none of the streams', () => {
    expect(summary.ues[0]?.pduSessions).toMatchObject(
      (['ipv4', 'ipv6'] as const).map((type, at) => ({
        id: at + 1,
        type,
        qfis: [1, 2, 3],
        ping: { sent: 15, received: 15 },
        udp: { sent: 6, received: 6 },
        tcp: { sent: 60_000, received: 60_000, intact: true },
      })),
    );
    expect(summary.ues[0]?.rekeys).toEqual({ child: 4, ike: 1 });
    expect(summary.ues[0]?.stream.lost).toBe(0);
    expect(summary.ues[0]?.stream.sent).toBeGreaterThan(50);
    expect(tshark('gtp && ip.len == 1400', 'frame.number')).toHaveLength(12);
    expect(tshark('gtp && ipv6.plen == 1360', 'frame.number')).toHaveLength(12);
  });

  test('no frame of N2, N3 or ESP is malformed, and every ICV is good', () => {
    // tshark 4.0 knows no IKE_INTERMEDIATE: IKE has a test of its own
    expect(
      tshark('!isakmp && (_ws.malformed || _ws.expert.severity == error || _ws.short)', 'frame.number'),
    ).toEqual([]);
    expect(tshark('esp.icv_bad == 1', 'frame.number')).toEqual([]);
  });

  test('[TS38415 5.5] GTP-U names flow and direction of each packet, in the tunnel of its session', () => {
    const fields = ['gtp.teid', 'gtp.ext_hdr.pdu_ses_con.pdu_type', 'gtp.ext_hdr.pdu_ses_con.qos_flow_id'];
    const pings = 'gtp && (icmp || icmpv6.type == 128 || icmpv6.type == 129)';
    const counts = [...counted(tshark(pings, ...fields))];
    const ofType = (type: number) =>
      counts.map(([row, count]) => [...row.split(' '), count]).filter(([, seen]) => seen === String(type));
    const up = ['0x00000001', '0x00000002'];
    // TEIDs of our own end are random: one for each session, all that is known of them
    const down = [...new Set(ofType(0).map(([teid]) => teid))];
    expect(down).toHaveLength(2);
    for (const [type, teids] of [down, up].entries()) {
      const expected = teids.flatMap((teid) => ['1', '2', '3'].map((qfi) => [teid, String(type), qfi, 7]));
      expect(new Set(ofType(type).map(String))).toEqual(new Set(expected.map(String)));
    }
  });

  test('[TS24502 9.3.3] as many packets have a QFI in GRE as have it in GTP-U, flow by flow and each way', () => {
    const inTunnels = counted(
      tshark('gtp', 'gtp.ext_hdr.pdu_ses_con.pdu_type', 'gtp.ext_hdr.pdu_ses_con.qos_flow_id'),
    );
    const inGre = counted(
      tshark('gre && esp', 'ip.src', 'gre.key').map(([addresses = '', key]) => {
        const isDown = addresses.split(',').includes('10.45.0.1');
        return [isDown ? '0' : '1', String(Number(key) >>> 24)];
      }),
    );
    expect(inGre).toEqual(inTunnels);
    expect(inGre.size).toBe(6);
  });

  test('[TS24502 9.3.3] the GRE key names the flow, and the flow with a guaranteed rate has Child SAs of its own', () => {
    const packets = tshark('gre && esp', 'gre.key', 'esp.spi', 'gre.proto');
    expect(new Set(packets.map(([, , type]) => type))).toEqual(new Set(['0x0000']));
    const spisOf = (key: string) => new Set(packets.filter((row) => row[0] === key).map(([, spi]) => spi));
    const [first, second, third] = ['0x01000000', '0x02000000', '0x03000000'].map(spisOf);
    expect(first).toEqual(second);
    expect([first?.size, third?.size]).toEqual([8, 8]);
    expect([...(third ?? [])].some((spi) => first?.has(spi))).toBe(false);
  });

  test('[RFC6040 4.1] downlink of 5QI 1 has its code point on the header inside ESP', () => {
    const marked = tshark('gre && ip.dsfield.dscp == 46', 'gre.key');
    expect([...counted(marked).keys()]).toEqual(['0x03000000']);
    const down = tshark('gre && ip.src == 10.45.0.1 && gre.key == 0x03000000', 'frame.number');
    expect(marked).toHaveLength(down.length);
  });
});
