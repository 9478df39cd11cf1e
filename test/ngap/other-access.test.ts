import { describe, expect, it } from 'vitest';
import { decodeComplete } from '../../ngap/aper/decode.ts';
import { encodeComplete } from '../../ngap/aper/encode.ts';
import { AperError } from '../../ngap/index.ts';
import { globalRanNodeId, userLocationInformation } from '../../ngap/schema/ies.ts';

const plmnIdentity = Uint8Array.of(0x02, 0xf8, 0x39);
const bits = (length: number) => ({ bits: new Uint8Array(length / 8).fill(0xa5), length });
const address = { bits: Uint8Array.of(192, 0, 2, 1), length: 32 };
const portNumber = Uint8Array.of(0x11, 0x94);
const tai = { plmnIdentity, tac: Uint8Array.of(0, 0, 1) };
const octets = Uint8Array.of(1, 2, 3);
const hex = (value: Uint8Array) => Buffer.from(value).toString('hex');

/** Names of the access network's nodes and places; the octets were made with pycrate 0.8.1 from the same values. */
const nodes = [
  [
    'globalTngfId',
    { plmnIdentity, tngfId: { choice: 'tngfId', value: bits(32) } },
    'c000f000090002f83900a5a5a5a5',
  ],
  [
    'globalTwifId',
    { plmnIdentity, twifId: { choice: 'twifId', value: bits(32) } },
    'c000f100090002f83900a5a5a5a5',
  ],
  [
    'globalWAgfId',
    { plmnIdentity, wAgfId: { choice: 'wAgfId', value: bits(16) } },
    'c000f200070002f839296940',
  ],
] as const;
const line = { choice: 'globalLineId', value: { globalLineIdentity: octets, lineType: 'pon' } };
const places = [
  [
    'userLocationInformationTNGF',
    { tnapId: octets, ipAddress: address, portNumber },
    'c000f4400d40030102030f80c00002011194',
  ],
  ['userLocationInformationTWIF', { twapId: octets, ipAddress: address }, 'c000f8400b00030102030f80c0000201'],
  ['userLocationInformationWAGF', line, 'c000f34006100301020340'],
  ['userLocationInformationWAGF', { choice: 'hfcNodeId', value: octets }, 'c000f340054003010203'],
  ['userLocationInformationWAGF', { choice: 'globalCableId', value: octets }, 'c000f34009800113400403010203'],
  [
    'userLocationInformationWAGF',
    { choice: 'hfcNodeIdNew', value: { hfcNodeId: octets, tai } },
    'c000f3401180016a400c00030102030002f839000001',
  ],
  [
    'userLocationInformationWAGF',
    { choice: 'globalCableIdNew', value: { globalCableId: octets, tai } },
    'c000f3401180016b400c00030102030002f839000001',
  ],
] as const;

describe('choices that later releases extended', () => {
  it.each(nodes)('[TS38413 9.4.5] node %s', (choice, value, expected) => {
    const encoded = encodeComplete(globalRanNodeId, { choice, value });
    expect(hex(encoded)).toBe(expected);
    expect(decodeComplete(globalRanNodeId, encoded)).toEqual({ choice, value });
  });

  it.each(places)('[TS38413 9.4.5] place %s %j', (choice, value, expected) => {
    const encoded = encodeComplete(userLocationInformation, { choice, value });
    expect(hex(encoded)).toBe(expected);
    expect(decodeComplete(userLocationInformation, encoded)).toEqual({ choice, value });
  });

  it('one that nobody knows stays an IE, and an unknown name is our own fault', () => {
    const value = { id: 65000, criticality: 'ignore', value: octets };
    const encoded = encodeComplete(globalRanNodeId, { choice: 'choiceExtensions', value });
    expect(decodeComplete(globalRanNodeId, encoded)).toEqual({ choice: 'choiceExtensions', value });
    expect(() => encodeComplete(globalRanNodeId, { choice: 'globalMoonId', value: {} })).toThrow(AperError);
  });
});
