import type { Output } from '#ikev2';
import type { IkeSa } from '../../ikev2/sa/ike-sa.ts';
import type { Payload } from '../../ikev2/wire/types.ts';
import type { Pair, Side } from './pair.ts';

/** What an engine keeps to itself. */
interface Inside {
  readonly node: { readonly sas: Map<number, IkeSa> };
  run(now: number, sa: IkeSa, act: () => void): Output[];
}

/** The IKE SA of one side as the engine has it. */
export function insideOf(pair: Pair, side: Side): IkeSa {
  const { node } = pair[side] as unknown as Inside;
  return node.sas.get(side === 'ue' ? pair.ueSa : pair.nodeSa)!;
}

/**
 * Sends an authentic request that the engine itself would not send, as the peer of `side` with other habits might, and
 * delivers it; gives what the answer says, undefined while there is none.
 */
export function ask(
  pair: Pair,
  side: Side,
  exchange: number,
  payloads: Payload[],
): readonly Payload[] | undefined {
  let answer: readonly Payload[] | undefined;
  const engine = pair[side] as unknown as Inside;
  const sa = insideOf(pair, side);
  const task = {
    exchange,
    build: () => payloads,
    process: (_: IkeSa, answered: readonly Payload[]) => {
      answer = answered;
    },
  };
  pair.take(
    side,
    engine.run(pair.now, sa, () => sa.request(task)),
  );
  pair.run();
  return answer;
}

/** Exchange types of the requests that `side` sent, repetitions and fragments of one counted once. */
export function requestTypes(
  packets: readonly { data: Uint8Array; from: { port: number }; sender: Side }[],
  side: Side,
): number[] {
  const seen = new Set<string>();
  const types: number[] = [];
  for (const { data, from, sender } of packets) {
    const octets = from.port === 4500 ? data.subarray(4) : data;
    if (sender !== side || (octets[19]! & 0x20) !== 0) continue;
    const key = Buffer.from(octets.subarray(0, 24)).toString('hex');
    const id = key.slice(0, 32) + key.slice(40);
    if (seen.has(id)) continue;
    seen.add(id);
    types.push(octets[18]!);
  }
  return types;
}
