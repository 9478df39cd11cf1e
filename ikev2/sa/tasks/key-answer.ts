/** Our half of a key exchange that the peer began, in whichever exchange it comes. */

import { keyIdText } from '../../crypto/qkd-method.ts';
import { QKD_METHOD } from '../../crypto/suites.ts';
import type { AdditionalKeName, KeyAnswer } from '../../crypto/types.ts';
import type { PpkIdentity } from '../../terms.ts';
import { IkeError } from '../../wire/errors.ts';
import { PPK_ID_TYPE } from '../../wire/registry.ts';
import type { IkeSa } from '../ike-sa.ts';

/**
 * Answers to `data` by the method `ke`; `goOn` gets our half, with the name of the key where that is a QKD key: then the
 * peer's half is its ID, ours is empty, and the owner has to find it first. Throws for a value that the method refuses, and
 * `unknown()` for a key that nobody has.
 */
export function answerKey(
  sa: IkeSa,
  exchange: number,
  ke: AdditionalKeName,
  data: Uint8Array,
  unknown: () => IkeError,
  goOn: (answer: KeyAnswer, key?: PpkIdentity) => void,
): void {
  if (ke === 'qkd') {
    findKey(sa, exchange, data, unknown, goOn);
    return;
  }
  const answer = sa.node.answerKeyExchange(ke, data);
  if (!answer.ok) throw new IkeError(answer.error.message);
  goOn(answer.value);
}

/** The key of that ID, from the owner; a key is used once, so a repeated request must not come here twice: the window sees to it. */
function findKey(
  sa: IkeSa,
  exchange: number,
  keyId: Uint8Array,
  unknown: () => IkeError,
  goOn: (answer: KeyAnswer, key: PpkIdentity) => void,
): void {
  const text = keyIdText(keyId);
  if (text === undefined) throw new IkeError('the KE payload has no key ID');
  const identity = { type: PPK_ID_TYPE.FIXED, data: text };
  sa.ppks.ask(exchange, identity, ([found]) => {
    if (found === undefined) throw unknown();
    const secret = Uint8Array.from(found.secret);
    goOn({ method: QKD_METHOD, publicValue: new Uint8Array(0), secret }, identity);
  });
}
