import { randomFillSync } from 'node:crypto';
import { IkeEndpoint, type IkeEvent, type IkeProposalConfig, type Output } from '#ikev2';
import { admission, ikeProposal, initiatorProfile, responderConfig } from '../support/pair.ts';

const SECRET = new Uint8Array(32).fill(7);
const UE = { address: '192.0.2.1', port: 500 };
const NODE = { address: '198.51.100.1', port: 500 };

/** One measured quantity; `values` are its runs in order. */
export interface Measurement {
  readonly name: string;
  readonly unit: string;
  readonly median: number;
  readonly values: readonly number[];
}

/** Octets from a pool that is refilled in bulk, as a server would do it. */
function pooledRandom(): (length: number) => Uint8Array {
  const pool = new Uint8Array(16_384);
  let at = pool.length;
  return (length) => {
    if (at + length > pool.length) {
      randomFillSync(pool);
      at = 0;
    }
    at += length;
    return pool.slice(at - length, at);
  };
}

/**
 * CPU that the responder spends on one handshake (IKE_SA_INIT and IKE_AUTH with PSK, X25519, AES-256-GCM, first Child
 * SA), in µs. The initiator runs between, outside the measured spans; both in this process, without sockets. Counted are
 * all threads, those of V8 too: Linux tells of a single thread by clock ticks, which are longer than a handshake.
 */
export function run(options: { runs?: number; handshakes?: number } = {}): Measurement[] {
  const { runs = 7, handshakes = 500 } = options;
  return SUITES.map(({ name, proposal }) => {
    measureOnce(handshakes, proposal);
    const values = Array.from({ length: runs }, () => measureOnce(handshakes, proposal));
    const median = [...values].sort((a, b) => a - b)[runs >> 1] ?? Number.NaN;
    return { name: `responder handshake ${name}`, unit: 'µs', median, values };
  });
}

const SUITES = [
  { name: 'psk/x25519/aes256gcm16', proposal: ikeProposal },
  {
    name: 'psk/x25519/ke1_mlkem768/aes256gcm16',
    proposal: { ...ikeProposal, additional: [['mlkem768']] } satisfies IkeProposalConfig,
  },
];

/** Mean µs per handshake over `count` of them. The SAs stay until the end, as those of attached UEs do. */
function measureOnce(count: number, proposal: IkeProposalConfig): number {
  const random = pooledRandom();
  const node = new IkeEndpoint(
    responderConfig({ timers: { liveness: 0 }, datagramSize: 0, proposals: [proposal] }),
    {
      random,
      authorize: () => admission,
    },
  );
  const ue = new IkeEndpoint(responderConfig({ datagramSize: 0 }), {
    random,
    authorize: () => ({ refuse: 24 }),
  });
  let spent = 0;
  let established = 0;
  const answer = (datagram: Uint8Array): Uint8Array => {
    const before = process.cpuUsage();
    const { reply, up } = respond(node, datagram);
    const { user, system } = process.cpuUsage(before);
    spent += user + system;
    established += up ? 1 : 0;
    return reply;
  };
  for (let i = 0; i < count; i++) handshake(ue, answer, proposal);
  if (established !== count) throw new Error(`${established} of ${count} handshakes succeeded`);
  return spent / count;
}

/** The responder's share: one datagram in, its answer out, the PSK handed in when it is asked for. */
function respond(node: IkeEndpoint, datagram: Uint8Array): { reply: Uint8Array; up: boolean } {
  let outputs = node.receive(0, datagram, NODE, UE);
  const asked = eventOf(outputs, 'sharedSecretRequested');
  if (asked !== undefined) outputs = node.provideSharedSecret(0, asked.ikeSaId, SECRET);
  return { reply: transmitted(outputs), up: eventOf(outputs, 'childSaEstablished') !== undefined };
}

function handshake(
  ue: IkeEndpoint,
  answer: (datagram: Uint8Array) => Uint8Array,
  proposal: IkeProposalConfig,
): void {
  const { ikeSaId, outputs } = ue.connect(0, UE, NODE, initiatorProfile({ proposals: [proposal] }));
  const next = ue.receive(0, answer(transmitted(outputs)), UE, NODE);
  // IKE_INTERMEDIATE, where the proposal has more than one key exchange.
  if (next.some(({ kind }) => kind === 'transmit')) ue.receive(0, answer(transmitted(next)), UE, NODE);
  const auth = ue.provideSharedSecret(0, ikeSaId, SECRET);
  ue.receive(0, answer(transmitted(auth)), UE, NODE);
}

function transmitted(outputs: readonly Output[]): Uint8Array {
  for (const output of outputs) if (output.kind === 'transmit') return output.data;
  throw new Error('nothing was sent');
}

function eventOf<T extends IkeEvent['type']>(
  outputs: readonly Output[],
  type: T,
): Extract<IkeEvent, { type: T }> | undefined {
  for (const output of outputs) {
    if (output.kind === 'event' && output.event.type === type)
      return output.event as Extract<IkeEvent, { type: T }>;
  }
  return undefined;
}
