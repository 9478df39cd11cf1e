/** The policies of keying, and what each one does with and without a quantum key. */

/** From what the next keys of an SA are made. `refuse`: it gets none, and the SA is not set up or rekeyed. */
export type Keying = 'qkd' | 'hybrid' | 'pqc' | 'classical' | 'refuse';

/** Per policy: with a quantum key, and without one. A policy is a row. */
export const KEYING_POLICIES = {
  /** No quantum key, no service. */
  'qkd-required': { withKey: 'qkd', withoutKey: 'refuse' },
  /** ML-KEM while quantum keys are scarce, and back. */
  'qkd-preferred': { withKey: 'qkd', withoutKey: 'pqc' },
  /** Both, always: one alone is not enough. */
  'hybrid-always': { withKey: 'hybrid', withoutKey: 'refuse' },
  /** Never asks for a quantum key. */
  'pqc-only': { withKey: 'pqc', withoutKey: 'pqc' },
  /** For the lab: no protection against a quantum computer. */
  classical: { withKey: 'classical', withoutKey: 'classical' },
} as const satisfies Readonly<Record<string, { readonly withKey: Keying; readonly withoutKey: Keying }>>;

/** Name of a policy in the configuration. */
export type KeyingPolicy = keyof typeof KEYING_POLICIES;

/** Whether a policy takes quantum keys at all. */
export function takesQuantumKeys(policy: KeyingPolicy): boolean {
  const { withKey } = KEYING_POLICIES[policy];
  return withKey === 'qkd' || withKey === 'hybrid';
}
