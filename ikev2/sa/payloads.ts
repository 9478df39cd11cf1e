/** Finding and making payloads. */

import { FIRST_STATUS_NOTIFY } from '../wire/registry.ts';
import type { Notify, NotifyPayload, Payload, PayloadName } from '../wire/types.ts';

type PayloadOf<T extends PayloadName> = Extract<Payload, { readonly type: T }>;
const EMPTY = new Uint8Array(0);

/** The first payload of this type. */
export function find<T extends PayloadName>(payloads: readonly Payload[], type: T): PayloadOf<T> | undefined {
  return payloads.find((payload): payload is PayloadOf<T> => payload.type === type);
}

/** All payloads of this type, in their order. */
export function findAll<T extends PayloadName>(payloads: readonly Payload[], type: T): PayloadOf<T>[] {
  return payloads.filter((payload): payload is PayloadOf<T> => payload.type === type);
}

/** The first notify of this type. */
export function findNotify(payloads: readonly Payload[], notifyType: number): NotifyPayload | undefined {
  return payloads.find(
    (payload): payload is NotifyPayload => payload.type === 'Notify' && payload.notifyType === notifyType,
  );
}

/** The first notify that reports an error. */
export function findError(payloads: readonly Payload[]): NotifyPayload | undefined {
  return payloads.find(
    (payload): payload is NotifyPayload =>
      payload.type === 'Notify' && payload.notifyType < FIRST_STATUS_NOTIFY,
  );
}

/** A notify that speaks of no Child SA. */
export function notify(notifyType: number, data: Uint8Array = EMPTY): NotifyPayload {
  return { type: 'Notify', protocol: 0, spi: EMPTY, notifyType, data };
}

/** Notifies of an owner as payloads. */
export function asPayloads(notifies: readonly Notify[] | undefined): NotifyPayload[] {
  return (notifies ?? []).map((each) => ({ ...each, type: 'Notify' }));
}
