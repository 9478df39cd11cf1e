/** What an SA waits for from its owner. */

import type { PpkIdentity } from '../terms.ts';
import type { Notify } from '../wire/types.ts';

/** The question that is open, and how the SA goes on with its answer. */
export type Waiting =
  | { readonly kind: 'eap'; resume(answer: EapAnswer): void }
  | { readonly kind: 'msk'; resume(msk: Uint8Array): void }
  | { readonly kind: 'secret'; resume(secret: Uint8Array | undefined): void };

/** The next EAP packet, on Success with the MSK; or the notify type of a refusal, and notifies that explain it. */
export type EapAnswer =
  | { readonly packet: Uint8Array; readonly msk: Uint8Array | undefined }
  | { readonly refuse: number; readonly notifies: readonly Notify[] };

/** A PPK; an initiator's has its name. */
export interface PpkAnswer {
  readonly secret: Uint8Array;
  readonly identity?: PpkIdentity;
}

/** The question of kind `K`. */
export type WaitingFor<K extends Waiting['kind']> = Extract<Waiting, { kind: K }>;

/** What answers the question of kind `K`. */
export type Answer<K extends Waiting['kind']> = Parameters<WaitingFor<K>['resume']>[0];
