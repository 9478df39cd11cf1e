/**
 * Life of an IKE SA. What the table does not allow is a fault of ours, never of the peer: handlers ask before they act.
 *
 *     created ──initCompleted──► initDone ──authStarted──► authenticating ──authenticated──► established
 *        │                          │                            │                               │ ▲ │
 *        │                          │                            │                     rekeyed───┘ └─┘
 *        └───────────close──────────┴─────────────close──────────┴──close──► closed ◄──close── deleting ◄─deleteSent
 */

/** See the head of this file. */
export type SaState = 'created' | 'initDone' | 'authenticating' | 'established' | 'deleting' | 'closed';
/** What moves an IKE SA on. */
export type SaInput = 'initCompleted' | 'authStarted' | 'authenticated' | 'rekeyed' | 'deleteSent' | 'close';

/** The table: state, input, next state. What has no entry must not happen. */
export const TRANSITIONS: Readonly<Record<SaState, Readonly<Partial<Record<SaInput, SaState>>>>> = {
  created: { initCompleted: 'initDone', close: 'closed' },
  initDone: { authStarted: 'authenticating', close: 'closed' },
  authenticating: { authenticated: 'established', close: 'closed' },
  established: { rekeyed: 'established', deleteSent: 'deleting', close: 'closed' },
  deleting: { close: 'closed' },
  closed: {},
};

/** The state after `input`; throws where the table has no row. */
export function advance(state: SaState, input: SaInput): SaState {
  const next = TRANSITIONS[state][input];
  if (next === undefined) throw new Error(`IKE SA in state ${state} has no transition for ${input}`);
  return next;
}
