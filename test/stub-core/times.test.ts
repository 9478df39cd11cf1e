import { describe, expect, test } from 'vitest';
import { faultsIn, firstPacketAt, firstReplyAt, registrationCompleteAt, secondsOf } from './times.ts';

const tcpdump = [
  'tcpdump: verbose output suppressed, use -v[v]... for full protocol decode',
  'listening on nwu0, link-type EN10MB (Ethernet), snapshot length 262144 bytes',
  '1795273698.250123 IP 10.0.3.100.500 > 10.0.3.1.500: isakmp: parent_sa ikev2_init[I]',
  '1795273700.250123 IP 10.0.3.100.500 > 10.0.3.1.500: isakmp: parent_sa ikev2_init[I]',
].join('\n');
const logLine = (time: string, words: string) =>
  `${time}\u001b[36m [INFO][AMF][Gmm][amf_ue_ngap_id:RU:1,AU:1(Non3GPP)][supi:SUPI:imsi-208930000000001] \u001b[0m${words}`;
const ping = [
  'PING 9.9.9.9 (9.9.9.9) from 10.60.0.1 : 56(84) bytes of data.',
  '[1795273700.123456] no answer yet for icmp_seq=1',
  '[1795273701.654321] 64 bytes from 9.9.9.9: icmp_seq=2 ttl=64 time=3.21 ms',
  '[1795273702.654321] 64 bytes from 9.9.9.9: icmp_seq=3 ttl=64 time=3.21 ms',
].join('\n');

describe('times of an attach', () => {
  test('a time with nine digits keeps them as far as a double does', () => {
    expect(secondsOf('2026-11-21T13:19:44.077725368Z')).toBeCloseTo(
      Date.UTC(2026, 10, 21, 13, 19, 44) / 1000 + 0.077725,
      5,
    );
    expect(secondsOf('1970-01-01T00:00:05Z')).toBe(5);
  });

  test('the first packet, not the words before it nor the one that was sent again', () => {
    expect(firstPacketAt(tcpdump)).toBe(1795273698.250123);
    expect(firstPacketAt('tcpdump: listening on nwu0')).toBeUndefined();
  });

  test('Registration Complete of the AMF, in colours', () => {
    const lines = [
      logLine('2026-11-21T13:19:43.5Z', 'Handle Registration Request'),
      logLine('2026-11-21T13:19:44.25Z', 'Handle Registration Complete'),
      logLine('2026-11-21T13:20:00.25Z', 'Handle Registration Complete'),
    ];
    expect(registrationCompleteAt(lines.join('\n'))).toBe(Date.UTC(2026, 10, 21, 13, 19, 44) / 1000 + 0.25);
    expect(registrationCompleteAt(lines[0] ?? '')).toBeUndefined();
  });

  test('faults are told without time, place and colours, and warnings are none', () => {
    const log = [
      '2026-11-21T15:53:40Z\u001b[33m [WARN][N3UE][NWuCP] \u001b[0mUnknown NAS Message Type: 84',
      '2026-11-21T15:53:40Z\u001b[31m [ERRO][N3UE][NWuCP] \u001b[0mSetup GRE tunnel gretun-id-2 Fail: Link not found',
      'panic: runtime error: index out of range',
    ];
    expect(faultsIn(log.join('\n'))).toEqual([
      'Setup GRE tunnel gretun-id-2 Fail: Link not found',
      'panic: runtime error: index out of range',
    ]);
  });

  test('the first reply, not a line that tells of none', () => {
    expect(firstReplyAt(ping)).toBe(1795273701.654321);
    expect(firstReplyAt(ping.split('\n').slice(0, 2).join('\n'))).toBeUndefined();
  });
});
