/** What can go wrong with the place where keys are kept, each with the reason that a refusal then gives. */
import type { RefusalReason } from './reply.ts';

/** Every kind of fault that makes a difference to the operator. */
export const STORAGE_FAULTS = {
  full: 'storage-full',
  damaged: 'storage-damaged',
  busy: 'storage-busy',
  unreachable: 'storage-unreachable',
  failed: 'storage-failed',
} as const satisfies Readonly<Record<string, RefusalReason>>;

/** One of {@link STORAGE_FAULTS}. */
export type StorageFault = keyof typeof STORAGE_FAULTS;

/** One line: which storage and what is wrong with it. Adapters throw nothing else on purpose. */
export class KeyStorageError extends Error {
  readonly fault: StorageFault;

  /** `place`: a path or an address without credentials. */
  constructor(place: string, reason: string, fault: StorageFault = 'failed') {
    super(`key storage ${place}: ${reason}`);
    this.name = 'KeyStorageError';
    this.fault = fault;
  }
}

/** What an adapter says of a `cutAudit` whose `after` is not so any more, or that would leave no row to chain the next to. */
export const CUT_REFUSED = 'the audit record begins elsewhere by now, or would be left without a row';

/** The refusal's reason for whatever an adapter threw. */
export function storageReason(error: unknown): RefusalReason {
  return error instanceof KeyStorageError ? STORAGE_FAULTS[error.fault] : 'storage-failed';
}
