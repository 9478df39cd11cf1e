/** IntAuth: what AUTH proves of the IKE_INTERMEDIATE exchanges that came before it. [RFC9242 3.3.2] */

import type { Keymat } from '../../crypto/keymat.ts';
import { concatOctets } from '../../crypto/octets.ts';
import type { Role } from '../../terms.ts';
import { intermediateOctets, plainChain } from '../../wire/message.ts';
import type { MessageHeader, Payload } from '../../wire/types.ts';

const NO_OCTETS = new Uint8Array(0);

/** Two chains of MACs, one over each side's messages, each link under the keys that sealed its message. */
export class IntAuth {
  private readonly macs: Record<Role, Uint8Array> = { initiator: NO_OCTETS, responder: NO_OCTETS };
  private exchanges = 0;

  /** Takes in a message of `sender` as it stood inside SK, whole. `keymat` sealed it. */
  add(keymat: Keymat, sender: Role, header: MessageHeader, firstPayload: number, inner: Uint8Array): void {
    const octets = intermediateOctets(header, firstPayload, inner);
    this.macs[sender] = keymat.intermediateMac(sender, this.macs[sender], octets);
    if (sender === 'responder') this.exchanges++;
  }

  /** The same for a message of ours that is about to be sealed. */
  addOwn(keymat: Keymat, sender: Role, header: MessageHeader, payloads: readonly Payload[]): void {
    const { firstPayload, inner } = plainChain(payloads);
    this.add(keymat, sender, header, firstPayload, inner);
  }

  /** IntAuth_i | IntAuth_r | message ID of the first IKE_AUTH; undefined when there was no such exchange. */
  octets(): Uint8Array | undefined {
    if (this.exchanges === 0) return undefined;
    const authMessageId = new Uint8Array(4);
    new DataView(authMessageId.buffer).setUint32(0, this.exchanges + 1);
    return concatOctets(this.macs.initiator, this.macs.responder, authMessageId);
  }
}
