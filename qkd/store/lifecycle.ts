/**
 * The life of a key in a store.
 *
 *   (received) --> stored --> used --> retired
 *        |           |  \        \
 *        |           |   +--> expired (too old at use or by the sweep)
 *        |           +--> burnt (cannot be opened any more)
 *        |           +--> quarantined (its link is distrusted) <-- used
 *        +--> used (fetched for use at once)
 *        +--> burnt (came, but wrong: never used)
 *
 * A state that no row leads to is an end: a key never comes back. The sum over all states is what was received.
 */
export const KEY_STATES = ['stored', 'used', 'retired', 'burnt', 'expired', 'quarantined'] as const;
export type KeyState = (typeof KEY_STATES)[number];

export const TRANSITIONS: Readonly<Record<KeyState | 'received', readonly KeyState[]>> = {
  received: ['stored', 'used', 'burnt'],
  stored: ['used', 'burnt', 'expired', 'quarantined'],
  used: ['retired', 'quarantined'],
  retired: [],
  burnt: [],
  expired: [],
  quarantined: [],
};

export function mayBecome(from: KeyState | 'received', to: KeyState): boolean {
  return TRANSITIONS[from].includes(to);
}
