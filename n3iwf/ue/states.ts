/**
 * Life of one UE at the N3IWF, from EAP-5G Start to release [TS24502 7.3].
 *
 * ```
 *  starting ──nasFromUe──► registering ──contextSetup──► securing ──signallingUp──► attached
 *      │                       │                            │                          │
 *      └──────────── release (AMF, UE, fault, time-out) ────┴──────────────────────────┘──► releasing ──closed──► closed
 * ```
 * A pair that has no row is a protocol error of whoever caused the input: the caller answers it.
 */
export type UeState = 'starting' | 'registering' | 'securing' | 'attached' | 'releasing' | 'closed';

/** What happens to a UE, from whichever side. */
export type UeInput =
  | 'nasFromUe'
  | 'nasFromAmf'
  | 'contextSetup'
  | 'signallingUp'
  | 'sessionSetup'
  | 'release'
  | 'closed';

/** Inputs that a state takes. */
type Row = Partial<Record<UeInput, UeState>>;

/** The state that each input leads to. */
export const ueTransitions: Record<UeState, Row> = {
  starting: { nasFromUe: 'registering', release: 'releasing', closed: 'closed' },
  registering: {
    nasFromUe: 'registering',
    nasFromAmf: 'registering',
    contextSetup: 'securing',
    release: 'releasing',
    closed: 'closed',
  },
  securing: { nasFromAmf: 'securing', signallingUp: 'attached', release: 'releasing', closed: 'closed' },
  attached: {
    nasFromUe: 'attached',
    nasFromAmf: 'attached',
    sessionSetup: 'attached',
    contextSetup: 'attached',
    release: 'releasing',
    closed: 'closed',
  },
  releasing: { nasFromAmf: 'releasing', release: 'releasing', closed: 'closed' },
  closed: {},
};

/** The state after `input`, or undefined where the table has no row. */
export function nextState(state: UeState, input: UeInput): UeState | undefined {
  return ueTransitions[state][input];
}
