import { describe, expect, it } from 'vitest';
import { eventLine, type Look, topLines } from '../../../n3iwf/cli/top.ts';

const ue = (id: number): Look['ues'][number] => ({
  id,
  name: `imsi-20893000000000${id}`,
  state: 'attached',
  peer: '192.0.2.16:4500',
  sessions: [1],
  mode: 'qkd',
  since: '2026-11-21T12:00:00.000Z',
  ageSeconds: 3725,
});
const session = (ueId: number, up: number): Look['sessions'][number] => ({
  ...{ ueId, ue: `imsi-${ueId}`, session: 1, type: 'ipv4', n3Address: '', dlTeid: '', upf: '', ulTeid: '' },
  ...{ flows: [], uplinkPackets: 0, downlinkPackets: 0, uplinkOctets: up, downlinkOctets: 0 },
});
const status: Look['status'] = {
  ...{ version: '0.1.0', name: 'n3iwf', started: '', uptimeSeconds: 90, draining: false },
  amfs: [{ number: 0, name: 'amf', state: 'up', capacity: 255, ues: 2 }],
  ues: { starting: 0, registering: 0, securing: 0, attached: 2, releasing: 0, closed: 0 },
  counts: { ues: 2, sessions: 2, ikeSas: 2, childSas: 4, innerAddresses: 2 },
  keyModes: { hybrid: 0, qkd: 2, pqc: 0, classical: 0 },
  policy: 'qkd-preferred',
  keying: 'fallback',
  packets: { uplink: 1000, downlink: 0, dropped: 0 },
  alarms: 0,
};
const message: Look['events'][number] = {
  kind: 'message',
  seq: 1,
  timeMs: 0,
  ueId: 2,
  from: 'UE',
  to: 'N3IWF',
  protocol: 'EAP',
  name: 'EAP-Response/5G-NAS',
  detail: 'Registration request',
};
const before: Look = {
  timeMs: 0,
  status,
  ues: [ue(1), ue(2)],
  sessions: [session(1, 0), session(2, 0)],
  alarms: [],
  events: [message],
};
const look: Look = {
  ...before,
  timeMs: 2000,
  status: { ...status, packets: { uplink: 5000, downlink: 0, dropped: 0 } },
  sessions: [session(1, 100), session(2, 9000)],
};
const size = { columns: 80, rows: 24 };

describe('a frame of top', () => {
  it('has rates since the look before, the busiest UE first', () => {
    expect(topLines(look, before, size)).toEqual([
      'n3iwf 0.1.0  up 1m30s  takes UEs',
      'UEs 2  sessions 2  SAs 2+4  packets/s 2.0k up 0 down',
      'amf up  policy qkd-preferred, keys fallback',
      '',
      'ID  UE                    STATE     KEYS  SESS  UP B/s  DOWN B/s    AGE',
      ' 2  imsi-208930000000002  attached  qkd      1    4.5k         0  1h02m',
      ' 1  imsi-208930000000001  attached  qkd      1      50         0  1h02m',
      '',
      '00:00:00 #2 UE > N3IWF EAP EAP-Response/5G-NAS: Registration request',
    ]);
  });

  it('has no rates at first, and says why no UE is taken', () => {
    const lines = topLines({ ...look, status: { ...status, obstacle: 'no AMF takes UEs' } }, undefined, size);
    expect(lines[0]).toContain('no AMF takes UEs');
    expect(lines[1]).toContain('packets/s - up - down');
  });

  it('shows alarms above everything else', () => {
    const alarms = [
      { name: 'qberHigh', severity: 'critical', subject: '', detail: '11 %', since: '' },
    ] as const;
    expect(topLines({ ...look, alarms }, before, size)[3]).toBe('! critical qberHigh: 11 %');
  });

  it.each([
    [80, 24],
    [40, 10],
    [20, 3],
    [200, 60],
  ])('fits %i columns and %i rows', (columns, rows) => {
    const busy = {
      ...look,
      ues: Array.from({ length: 100 }, (_, at) => ue(at)),
      events: Array.from({ length: 50 }, () => message),
    };
    const lines = topLines(busy, before, { columns, rows });
    expect(lines.length).toBeLessThanOrEqual(rows);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns);
  });

  it('tells alarms, modes and stages in a line each', () => {
    const at = { seq: 1, timeMs: 1000 };
    const alarm = {
      kind: 'alarm',
      name: 'amfLost',
      severity: 'critical',
      raised: false,
      detail: 'AMF x',
    } as const;
    expect(eventLine({ ...at, ...alarm })).toBe('00:00:01 critical amfLost cleared: AMF x');
    expect(eventLine({ ...at, kind: 'mode', name: 'qkd', detail: 'supply' })).toBe('00:00:01 qkd: supply');
    expect(eventLine({ ...at, kind: 'stage', name: 'attached', ueId: 7 })).toBe('00:00:01 #7 attached');
  });
});
