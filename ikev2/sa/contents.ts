/** From the octets inside SK to payloads that a handler may rely on. */

import { decodePayloads } from '../wire/chain.ts';
import { IkeError } from '../wire/errors.ts';
import { NOTIFY } from '../wire/registry.ts';
import { checkPayloads, type Direction } from '../wire/rules.ts';
import type { Payload } from '../wire/types.ts';
import type { Opened } from './reassembly.ts';

/** Contents by syntax and by the table of payloads; throws the IkeError that answers a breach. */
export function readContents(
  { inner, firstPayload }: Opened,
  exchange: number,
  direction: Direction,
): readonly Payload[] {
  const decoded = decodePayloads(inner, 0, inner.length, firstPayload);
  if (!decoded.ok) throw new IkeError(decoded.error.message, NOTIFY.INVALID_SYNTAX);
  const checked = checkPayloads(exchange, direction, decoded.value);
  if (!checked.ok) throw checked.error;
  return decoded.value;
}
