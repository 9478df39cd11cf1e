import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { Payload } from '#ikev2';
import { Replay } from './conversations.ts';
import { wholeLife } from './lives.ts';
import { readIkeKeys } from './read.ts';
import { isSealedIke, opened } from './sealed.ts';
import { conversationOf, loadCapture, recordedUe } from './steps.ts';

/** A UE with QKD keys in front of free5GC's AMF: key managers on both sides, AUTH and Child SAs by their keys. */
const folder = fileURLToPath(new URL('../captures/free5gc', import.meta.url));
const { nwu, conversations, setup } = loadCapture(`${folder}/qkd.pcap`);
const keys = readIkeKeys(`${folder}/qkd.keys`);
const sealed = nwu.filter(isSealedIke).map((frame) => opened(frame, keys));

const status = { usePpk: 16435, ppkIdentity: 16436 } as const;
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const all = <T extends Payload['type']>(type: T) =>
  sealed.flatMap(({ payloads }) =>
    payloads.filter((payload): payload is Extract<Payload, { type: T }> => payload.type === type),
  );
const text = (octets: Uint8Array) => Buffer.from(octets).toString();

describe("QKD keys in front of free5GC's AMF", () => {
  test('the log has no key of the QKD layer, only those of the SAs', () => {
    expect(keys.size).toBe(2); // the IKE SA, and the one that took its place
    expect(existsSync(`${folder}/qkd.keys/esp_sa`)).toBe(true);
  });

  test('[RFC8784 3] the UE names a key as PPK_IDENTITY of type 2, 36 characters, and another one as the identity to prove', () => {
    const named = all('Notify').filter(
      ({ notifyType, data }) => notifyType === status.ppkIdentity && data.length > 0,
    );
    expect(named).toHaveLength(1);
    const data = named[0]?.data ?? new Uint8Array(0);
    expect(data[0]).toBe(2);
    expect(text(data.subarray(1))).toMatch(uuid);
    const proven = all('IDr').map(({ id }) => text(id.data));
    expect(proven.length).toBeGreaterThan(0);
    for (const id of proven) {
      expect(id).toMatch(uuid);
      expect(id).not.toBe(text(data.subarray(1)));
    }
  });

  test('[RFC7296 2.15] every AUTH is a shared-key MIC: no certificate was sent', () => {
    const methods = all('AUTH').map(({ method }) => method);
    expect(methods.length).toBe(3);
    expect(new Set(methods)).toEqual(new Set([2]));
    expect(all('CERT')).toEqual([]);
  });

  test('[TS24502 7.3] for the AMF nothing differs: its messages lead a UE without QKD through the same life', () => {
    const ue = recordedUe(36);
    return wholeLife(new Replay(conversationOf(conversations, ue.imsi), { ue }, setup));
  });
});
