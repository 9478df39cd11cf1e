/** What each payload file offers to the table in `payloads/table.ts`. */

import type { OctetReader, OctetWriter } from '../cursor.ts';
import type { KnownPayload } from '../types.ts';

/** Body of one payload type, without the generic header. `decode` gets a reader bounded to the body. */
export interface PayloadCodec<P extends { readonly type: string } = KnownPayload> {
  readonly number: number;
  readonly name: P['type'];
  decode(body: OctetReader): P;
  encode(writer: OctetWriter, payload: P): void;
}

/** Counts above these are refused: no honest peer comes near, and work per datagram stays bounded. */
export const LIMITS = {
  payloads: 128,
  proposals: 64,
  transforms: 128,
  attributes: 16,
  spis: 1024,
  cpAttributes: 128,
} as const;
