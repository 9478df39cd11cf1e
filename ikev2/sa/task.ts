/** The exchange layer's view of a request that this side starts. */

import type { DecodedMessage, Payload } from '../wire/types.ts';
import type { IkeSa } from './ike-sa.ts';
import type { Opened } from './reassembly.ts';

/** A request of ours and what becomes of its answer; one in several rounds queues itself again in {@link process}. */
export interface Task {
  /** Type of the exchange that it begins next. */
  readonly exchange: number;
  /** The peer must not begin anything on the IKE SA meanwhile. */
  readonly replacesIkeSa?: boolean;
  /** Does not wait until the peer has replaced the IKE SA. */
  readonly atOnce?: boolean;
  /** Payloads of the request, or undefined when there is no longer any need for it. */
  build(sa: IkeSa): Payload[] | undefined;
  /** The octets that went out for it; of a message in fragments the first. */
  sent?(datagram: Uint8Array): void;
  /** The authentic response; `opened` is what stood inside SK. The next task starts afterwards. */
  process(sa: IkeSa, payloads: readonly Payload[], opened: Opened): void;
  /** IKE_SA_INIT only: a response in clear, which is nobody's word; the task decides whether it is taken. */
  processInit?(sa: IkeSa, datagram: Uint8Array, message: DecodedMessage): void;
  /** The IKE SA ended before there was a response. */
  abandon?(sa: IkeSa, reason: string): void;
}
