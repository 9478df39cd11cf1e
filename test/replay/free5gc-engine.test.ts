import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { readCapture } from '../../n3iwf/replay/capture-file.ts';
import { datagramsOf } from '../../n3iwf/replay/datagrams.ts';
import { decodeEntry } from '../../n3iwf/replay/engine-record.ts';
import { replayEngine, sidesOf } from '../../n3iwf/replay/engine-replay.ts';

const folder = fileURLToPath(new URL('../captures/free5gc', import.meta.url));

/** Captures whose node wrote down what its IKE engine was given, and how many of its messages they have at the least. */
const captures = [
  ['matrix', 300],
  ['qkd', 8],
  ['n3iwfcfg', 8],
  ['n3iwue', 50],
] as const;

/** The record beside a capture, packed or not. */
function recordOf(name: string): string {
  const path = `${folder}/${name}.record`;
  const octets = existsSync(path) ? readFileSync(path) : gunzipSync(readFileSync(`${path}.gz`));
  return octets.toString();
}

describe("what UEs sent in front of free5GC's AMF, given to our IKE engine again", () => {
  test.each(captures)(
    '[RFC7296 2.15] %s: IKE_SA_INIT, IKE_AUTH, EAP, Child SAs and Deletes are answered as captured',
    (name, least) => {
      const capture = readCapture(readFileSync(`${folder}/${name}.pcap`));
      if (!capture.ok) throw capture.error;
      const entries = recordOf(name)
        .split('\n')
        .filter((line) => line !== '')
        .map(decodeEntry);
      const { compared, difference } = replayEngine(entries, sidesOf(datagramsOf(capture.value.frames)));
      expect(difference).toBeUndefined();
      expect(compared).toBeGreaterThan(least);
    },
  );
});
