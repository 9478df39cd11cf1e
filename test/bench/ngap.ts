/** NGAP codec: microseconds per message to decode and to encode, with the octets, so that another codec can be measured on them. */
import { decodeNgap, encodeNgap, type NgapPdu } from '../../ngap/index.ts';
import { example } from '../support/ngap-examples.ts';

const measured: readonly NgapPdu['message'][] = [
  'NGSetupRequest',
  'InitialUEMessage',
  'InitialContextSetupRequest',
  'PDUSessionResourceSetupRequest',
];
const rounds = 7;
const perRound = 10_000;

/**
 * Median over rounds of one call's CPU time, after one round to warm up. Waiting for a core that
 * others use is not in it.
 */
function medianUs(work: () => unknown): number {
  const times: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const start = process.cpuUsage();
    for (let i = 0; i < perRound; i++) work();
    const { user, system } = process.cpuUsage(start);
    if (round > 0) times.push((user + system) / perRound);
  }
  times.sort((a, b) => a - b);
  return Number((times[rounds >> 1] as number).toFixed(2));
}

export async function run(): Promise<readonly Record<string, unknown>[]> {
  return measured.map((message) => {
    const octets = encodeNgap(example(message));
    const decoded = decodeNgap(octets);
    if (!decoded.ok) throw decoded.error;
    return {
      message,
      octets: octets.length,
      decodeUs: medianUs(() => decodeNgap(octets)),
      encodeUs: medianUs(() => encodeNgap(decoded.value)),
      hex: Buffer.from(octets).toString('hex'),
    };
  });
}
