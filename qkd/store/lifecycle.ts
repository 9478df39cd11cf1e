/**
 * The life of a key in a store.
 *
 *   (received) --> stored <--> reserved --> delivered --> in-use --> retired
 *        |            \__________|__________/ ^   |          |
 *        |            |                       |   +--> retired (never confirmed, no longer needed)
 *        |            +--> expired            |   +--> burnt, expired (marked, then found not to open or too old)
 *        |            +--> burnt              |   +--> quarantined <-- stored, reserved, in-use
 *        |            +--> destroyed (its epoch's key is gone, or everything was zeroised)
 *        +--> delivered (fetched for use at once)
 *        +--> burnt (came, but wrong: never used)
 *
 * Only `stored` and `reserved` hold sealed bytes. `delivered` is written before the bytes leave the store, so a crash just
 * after it leaves the key there for good. A state that no row leads out of is an end: a key never comes back from it. The
 * sum over all states is what was received.
 */
export const KEY_STATES = [
  'stored',
  'reserved',
  'delivered',
  'in-use',
  'retired',
  'destroyed',
  'burnt',
  'expired',
  'quarantined',
] as const;

/** Where a key is in its life. */
export type KeyState = (typeof KEY_STATES)[number];

/** What each state may become; a pair that is missing is refused. */
export const TRANSITIONS: Readonly<Record<KeyState | 'received', readonly KeyState[]>> = {
  received: ['stored', 'delivered', 'burnt'],
  stored: ['reserved', 'delivered', 'destroyed', 'burnt', 'expired', 'quarantined'],
  reserved: ['stored', 'delivered', 'destroyed', 'burnt', 'expired', 'quarantined'],
  delivered: ['in-use', 'retired', 'burnt', 'expired', 'quarantined'],
  'in-use': ['retired', 'quarantined'],
  retired: [],
  destroyed: [],
  burnt: [],
  expired: [],
  quarantined: [],
};

/** The states in which the sealed bytes are kept; leaving them erases the bytes. */
export const SEALED_STATES: readonly KeyState[] = ['stored', 'reserved'];

/** The states that no row leads out of: only what is in one of them may leave the books, as its ID and a count. */
export const ENDED_STATES: readonly KeyState[] = KEY_STATES.filter(
  (state) => TRANSITIONS[state].length === 0,
);

/** Whether the table has a way from one state to another. */
export function mayBecome(from: KeyState | 'received', to: KeyState): boolean {
  return TRANSITIONS[from].includes(to);
}
