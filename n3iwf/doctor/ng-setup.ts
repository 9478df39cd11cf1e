import { type Cause, type MessageIes, N2Association, type N2Event, type N2Output } from '#ngap';
import type { N2Transport } from '../n2/transport.ts';

/** How an NG Setup without UEs went. */
export type NgSetupOutcome =
  | { readonly kind: 'accepted'; readonly amf: MessageIes<'NGSetupResponse'> }
  /** The AMF answered, and not with a response; `cause` is there for an NG Setup Failure. */
  | { readonly kind: 'refused'; readonly reason: string; readonly cause: Cause | undefined }
  /** No association, or none that stayed. */
  | { readonly kind: 'unreachable'; readonly reason: string };

/** How long an AMF may take over its answer, ms. */
const answerMs = 5_000;

/** What the dry run needs besides the association. */
export interface DryRunPorts {
  /** A clock that never steps back, ms. */
  now(): number;
  pause(ms: number, stop: AbortSignal): Promise<void>;
}

/**
 * Opens an association, does NG Setup once, and shuts the association down in order. What the AMF knew of this node's UEs
 * is void by it [TS38413 8.7.1.1], so it is no thing to do beside a node that runs.
 */
export async function dryRunNgSetup(
  setup: MessageIes<'NGSetupRequest'>,
  dial: () => Promise<N2Transport>,
  { now, pause }: DryRunPorts,
): Promise<NgSetupOutcome> {
  let transport: N2Transport;
  try {
    transport = await dial();
  } catch (error) {
    return { kind: 'unreachable', reason: error instanceof Error ? error.message : String(error) };
  }
  const association = new N2Association({ setup, timers: { setupTimeoutMs: answerMs } }, { random: () => 0 });
  const answered = new Promise<NgSetupOutcome>((resolve) => {
    const carryOut = (outputs: readonly N2Output[]): void => {
      for (const output of outputs) {
        if (output.kind === 'transmit') transport.send(output.stream, output.data);
        else {
          const outcome = outcomeOf(output.event);
          if (outcome !== undefined) resolve(outcome);
        }
      }
    };
    association.connect(now());
    transport.onClosed((reason) => resolve({ kind: 'unreachable', reason }));
    transport.onMessage((data, stream) => carryOut(association.receive(now(), stream, data)));
    carryOut(association.connected(now(), transport.streams));
  });
  const stop = new AbortController();
  const silence = pause(answerMs, stop.signal).then(
    (): NgSetupOutcome => ({
      kind: 'refused',
      reason: 'the AMF did not answer NG Setup',
      cause: undefined,
    }),
  );
  const outcome = await Promise.race([answered, silence]);
  stop.abort();
  transport.close();
  return outcome;
}

/** Events that settle the question; others are passed over. */
function outcomeOf(event: N2Event): NgSetupOutcome | undefined {
  if (event.type === 'setupCompleted') return { kind: 'accepted', amf: event.amf };
  if (event.type === 'setupFailed') return { kind: 'refused', reason: event.reason, cause: event.cause };
  return undefined;
}

/** What an operator does about causes that NG Setup Failures come with; by their names in TS 38.413 9.3.1.2. */
const remedies: ReadonlyMap<string, { readonly words: string; readonly remedy: string }> = new Map([
  [
    'unknown-PLMN-or-SNPN',
    {
      words: 'it serves no PLMN, tracking area or slice that this node names',
      remedy: 'make n2.plmn, n2.tac and n2.slices those of the AMF',
    },
  ],
  [
    'slice-not-supported',
    { words: 'it has none of the slices of this node', remedy: 'make n2.slices those of the AMF' },
  ],
  [
    'control-processing-overload',
    { words: 'it is overloaded', remedy: 'try later, or give the AMF more room' },
  ],
  [
    'semantic-error',
    {
      words: 'it finds no sense in the request',
      remedy: 'if it is Open5GS, which knows gNBs alone, read deploy/guides/open5gs.md; else its own log',
    },
  ],
  ['hardware-failure', { words: 'its hardware fails', remedy: "look at the AMF's own log" }],
  [
    'om-intervention',
    { words: 'an operator shut it for new nodes', remedy: 'ask who is at work on the AMF' },
  ],
  [
    'message-not-compatible-with-receiver-state',
    {
      words: 'it takes this node for one that it has already',
      remedy: 'give each node an n2.n3iwfId of its own',
    },
  ],
]);

/** A cause in words, with what to do; the name alone where nothing better is known. */
export function explainCause(cause: Cause | undefined): { readonly words: string; readonly remedy: string } {
  const fallback = "look at the AMF's own log for what it missed";
  if (cause === undefined) return { words: '', remedy: fallback };
  const value = String(cause.value);
  const known = remedies.get(value);
  const named = `${cause.choice} ${value}`;
  return known === undefined
    ? { words: named, remedy: fallback }
    : { words: `${named}: ${known.words}`, remedy: known.remedy };
}
