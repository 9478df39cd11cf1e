import type { MessageIes } from '#ngap';

/** The outcome for one session: `transfer` is the encoded response or unsuccessful transfer for the SMF. */
export interface SessionResult {
  readonly ok: boolean;
  readonly pduSessionId: number;
  readonly transfer: Uint8Array;
}

/** Names of a list of sessions and of the transfer in each of its items. */
interface ListName {
  readonly list: string;
  readonly transfer: string;
}

/** Where each message lists the sessions that succeeded and those that failed; a failure message has no success. */
const lists = {
  PDUSessionResourceSetupResponse: {
    done: { list: 'pduSessionResourceSetupListSURes', transfer: 'pduSessionResourceSetupResponseTransfer' },
    failed: {
      list: 'pduSessionResourceFailedToSetupListSURes',
      transfer: 'pduSessionResourceSetupUnsuccessfulTransfer',
    },
  },
  InitialContextSetupResponse: {
    done: { list: 'pduSessionResourceSetupListCxtRes', transfer: 'pduSessionResourceSetupResponseTransfer' },
    failed: {
      list: 'pduSessionResourceFailedToSetupListCxtRes',
      transfer: 'pduSessionResourceSetupUnsuccessfulTransfer',
    },
  },
  InitialContextSetupFailure: {
    done: undefined,
    failed: {
      list: 'pduSessionResourceFailedToSetupListCxtFail',
      transfer: 'pduSessionResourceSetupUnsuccessfulTransfer',
    },
  },
  PDUSessionResourceModifyResponse: {
    done: {
      list: 'pduSessionResourceModifyListModRes',
      transfer: 'pduSessionResourceModifyResponseTransfer',
    },
    failed: {
      list: 'pduSessionResourceFailedToModifyListModRes',
      transfer: 'pduSessionResourceModifyUnsuccessfulTransfer',
    },
  },
} as const satisfies Record<string, { readonly done: ListName | undefined; readonly failed: ListName }>;

/** A message that lists sessions. */
type Listing = keyof typeof lists;
/** Those of its IEs that do. */
type ListsOf<M extends Listing> = Pick<
  MessageIes<M>,
  Extract<keyof MessageIes<M>, `pduSessionResource${string}`>
>;

/** The lists of `message` that report `results`; an empty list is left out, as NGAP has none without items. */
export function sessionLists<M extends Listing>(message: M, results: readonly SessionResult[]): ListsOf<M> {
  const { done, failed } = lists[message];
  const items = (name: ListName | undefined, ok: boolean) => {
    const listed = name === undefined ? [] : results.filter((result) => result.ok === ok);
    if (name === undefined || listed.length === 0) return {};
    return {
      [name.list]: listed.map(({ pduSessionId, transfer }) => ({ pduSessionId, [name.transfer]: transfer })),
    };
  };
  return { ...items(done, true), ...items(failed, false) } as ListsOf<M>;
}

/** PDU session IDs that stand in a list more than once. */
export function repeatedIds(items: readonly { readonly pduSessionId: number }[]): ReadonlySet<number> {
  const ids = items.map(({ pduSessionId }) => pduSessionId);
  return new Set(ids.filter((id, at) => ids.indexOf(id) !== at));
}
