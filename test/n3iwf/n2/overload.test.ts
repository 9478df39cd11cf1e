import { describe, expect, it } from 'vitest';
import type { RRCEstablishmentCause } from '#ngap';
import { admits, overloadOf } from '../../../n3iwf/n2/amf/overload.ts';
import { gprsTimer3 } from '../../../n3iwf/nwu/congestion.ts';

const causes: readonly RRCEstablishmentCause[] = [
  'emergency',
  'highPriorityAccess',
  'mt-Access',
  'mo-Signalling',
  'mo-Data',
  'mo-VoiceCall',
  'mps-PriorityAccess',
  'mcs-PriorityAccess',
];
type Ies = Parameters<typeof overloadOf>[0];
const admitted = (ies: Ies, slices: readonly string[] = [], draw = 0) =>
  causes.filter((cause) => admits(overloadOf(ies), cause, slices, draw));
const action = (value: string) =>
  ({ choice: 'overloadAction', value }) as NonNullable<Ies['amfOverloadResponse']>;
const spared = ['emergency', 'highPriorityAccess', 'mt-Access', 'mps-PriorityAccess', 'mcs-PriorityAccess'];

describe('Overload Start', () => {
  it.each([
    ['reject-non-emergency-mo-dt', [...spared, 'mo-Signalling']],
    ['reject-rrc-cr-signalling', spared],
    ['permit-emergency-sessions-and-mobile-terminated-services-only', ['emergency', 'mt-Access']],
    ['permit-high-priority-sessions-and-mobile-terminated-services-only', spared.slice(1)],
    ['an-action-of-a-later-release', spared],
  ])('[TS38413 8.7.7.2] %s', (value, expected) => {
    expect(new Set(admitted({ amfOverloadResponse: action(value) }))).toEqual(new Set(expected));
  });

  it('[TS38413 8.7.7.2] a percentage turns that share away', () => {
    const overload = overloadOf({
      amfOverloadResponse: action('reject-rrc-cr-signalling'),
      amfTrafficLoadReductionIndication: 30,
    });
    const turnedAway = Array.from({ length: 100 }, (_, at) =>
      admits(overload, 'mo-Data', [], at / 100),
    ).filter((taken) => !taken);
    expect(turnedAway).toHaveLength(30);
  });

  it('[TS38413 8.7.7.2] limits of slices meet UEs that request these alone', () => {
    const item = {
      sliceOverloadList: [{ sNssai: { sst: Uint8Array.of(2) } }, { sNssai: { sst: Uint8Array.of(3) } }],
      sliceOverloadResponse: action('reject-rrc-cr-signalling'),
    };
    const ies = { overloadStartNssaiList: [item] };
    expect(admitted(ies, ['2'])).not.toContain('mo-Data');
    expect(admitted(ies, ['2', '3'])).not.toContain('mo-Data');
    expect(admitted(ies, ['1', '2'])).toContain('mo-Data');
    expect(admitted(ies, [])).toContain('mo-Data');
    const both = { ...ies, amfOverloadResponse: action('reject-non-emergency-mo-dt') };
    expect(admitted(both, ['1'])).toContain('mo-Signalling');
    expect(admitted(both, ['1'])).not.toContain('mo-Data');
  });
});

describe('back-off', () => {
  it.each([
    [0, 0x60],
    [1, 0x61],
    [62, 0x7f],
    [63, 0x83],
    [930, 0x9f],
    [931, 0xb0],
    [1860, 0xbf],
    [18_600, 0x1f],
    [111_600, 0x3f],
    [1_116_000, 0x5f],
    [9_999_999, 0x5f],
  ])('[TS24008 10.5.7.4a] %i s are octet %i', (seconds, octet) => {
    expect(gprsTimer3(seconds)).toBe(octet);
  });
});
