import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { ikeSideOf } from './ike-side.ts';
import { readCapture } from './read.ts';

/** Captures of UEs of ours before others' AMFs: the N3IWF's address, and what each has of more than so many. */
const captures = [
  ['free5gc', '127.0.0.15', { initiations: 30, sealed: 400, eap: 200, esp: 300 }],
  ['omec', '127.0.0.15', { initiations: 15, sealed: 200, eap: 100, esp: 200 }],
  ['open5gs', '127.0.0.50', { initiations: 10, sealed: 100, eap: 50, esp: 50 }],
] as const;

describe.each(captures)('UEs of the capture with the core of %s on our IKE side', (name, n3iwf, least) => {
  const folder = fileURLToPath(new URL(`../captures/${name}`, import.meta.url));
  const side = ikeSideOf(readCapture(`${folder}/matrix.pcap`).nwu, `${folder}/keys`, n3iwf);

  test('[RFC7296 1.2] each IKE_SA_INIT request gets an answer of our engine', () => {
    expect(side.initiations).toBeGreaterThan(least.initiations);
    expect(side.answered).toBe(side.initiations);
  });

  test('[RFC7296 2.14] every encrypted message opens, decodes and has the payloads of its exchange', () => {
    expect(side.sealed).toBeGreaterThan(least.sealed);
    expect(side.misplaced).toBe(0);
  });

  test('[TS24502 9.3.2] every EAP packet inside is EAP-5G, Success or Failure', () => {
    expect(side.eapPackets).toBeGreaterThan(least.eap);
    expect(side.strange).toBe(0);
  });

  test('[RFC4303 3.4.4.1] every ESP packet has a good ICV and a number that is new', () => {
    expect(side.espPackets).toBeGreaterThan(least.esp);
    expect(side.refused).toBe(0);
  });
});
