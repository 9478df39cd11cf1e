/** Mutated NGAP PDUs against the decoder and the association: nothing may throw, stall, or fail to encode again. */
import {
  decodeNgap,
  decodeTransfer,
  encodeNgap,
  N2Association,
  type NgapPdu,
  type TransferName,
} from '../../ngap/index.ts';
import { transfers } from '../../ngap/schema/transfers.ts';
import { declaredMessages, example, randomFrom, varied } from '../support/ngap-examples.ts';

const slowMs = 200;

/** The plain example of each message, and three with other values, choices and list lengths. */
const corpus = declaredMessages.flatMap((message) =>
  [undefined, 1, 2, 3].map((seed) =>
    encodeNgap(example(message, seed === undefined ? undefined : varied(seed))),
  ),
);

function mutated(random: (below: number) => number): Uint8Array {
  const source = corpus[random(corpus.length)] as Uint8Array;
  let octets = source.slice();
  for (let edits = 1 + random(3); edits > 0 && octets.length > 0; edits--) {
    const at = random(octets.length);
    switch (random(5)) {
      case 0: // a flipped bit
        octets[at] = (octets[at] as number) ^ (1 << random(8));
        break;
      case 1: // cut short
        octets = octets.slice(0, at);
        break;
      case 2: // another length or number
        octets[at] = [0, 0x7f, 0x80, 0xbf, 0xc1, 0xc4, 0xff][random(7)] as number;
        break;
      case 3: {
        // the tail of another message
        const other = corpus[random(corpus.length)] as Uint8Array;
        octets = Uint8Array.from([...octets.slice(0, at), ...other.slice(random(other.length))]);
        break;
      }
      default: // octets put in
        octets = Uint8Array.from([...octets.slice(0, at), random(256), random(256), ...octets.slice(at)]);
    }
  }
  return octets;
}

/** Everything that can be done with received octets. */
export function exercise(octets: Uint8Array): boolean {
  const decoded = decodeNgap(octets);
  if (decoded.ok && decoded.value.diagnosis === undefined) encodeNgap(decoded.value);
  const association = new N2Association(
    { setup: (example('NGSetupRequest') as Extract<NgapPdu, { message: 'NGSetupRequest' }>).ies },
    { random: () => 0 },
  );
  association.connected(0, 4);
  association.receive(1, 0, encodeNgap(example('NGSetupResponse')));
  association.receive(2, 1, octets);
  return decoded.ok;
}

/** The quickest of three more runs: a machine that was busy with something else is not a stall. */
function leastMs(octets: Uint8Array): number {
  const times = [1, 2, 3].map(() => {
    const start = performance.now();
    exercise(octets);
    return performance.now() - start;
  });
  return Math.min(...times);
}

/** Runs `count` mutations (1,000,000 when neither limit is given) or until `minutes` have passed. */
export async function run(limits: { minutes?: number; count?: number }): Promise<string> {
  const count = limits.count ?? (limits.minutes === undefined ? 1_000_000 : Number.POSITIVE_INFINITY);
  const end = performance.now() + (limits.minutes ?? Number.POSITIVE_INFINITY) * 60_000;
  const random = randomFrom(1);
  const names = Object.keys(transfers) as TransferName[];
  let accepted = 0;
  let done = 0;
  for (; done < count && performance.now() < end; done++) {
    const octets = mutated(random);
    const start = performance.now();
    try {
      if (exercise(octets)) accepted++;
      decodeTransfer(names[done % names.length] as TransferName, octets.subarray(random(8)));
    } catch (error) {
      throw new Error(`mutation ${done}: ${Buffer.from(octets).toString('hex')}`, { cause: error });
    }
    if (performance.now() - start > slowMs && leastMs(octets) > slowMs)
      throw new Error(`mutation ${done} took over ${slowMs} ms: ${Buffer.from(octets).toString('hex')}`);
  }
  return `${done} mutated PDUs, ${accepted} accepted, none threw or stalled`;
}
