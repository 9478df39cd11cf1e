/** The predecessor of a rekeyed IKE SA, between the rekey and its deletion. [RFC7296 2.8] */

import { EXCHANGE, PROTOCOL } from '../wire/registry.ts';
import type { DecodedMessage, Payload, SocketAddress } from '../wire/types.ts';
import type { Channel } from './channel.ts';
import type { IkeSa } from './ike-sa.ts';

/** Only repetitions and its Delete are still heard on it. */
export function receiveRetired(
  sa: IkeSa,
  channel: Channel,
  datagram: Uint8Array,
  message: DecodedMessage,
  { local, remote }: { readonly local: SocketAddress; readonly remote: SocketAddress },
): void {
  const { response, messageId, exchange } = message.header;
  if (response) return;
  const verdict = channel.window.judge(messageId, datagram);
  if (verdict.kind === 'repeated') sa.transmit(verdict.response, local, remote);
  if (verdict.kind !== 'new' || exchange !== EXCHANGE.INFORMATIONAL) return;
  if (channel.open(datagram, message) === undefined) {
    sa.reject('not authentic', remote);
    return;
  }
  channel.window.accept(datagram);
  const answer = channel.write(exchange, true, messageId, [], (length) => sa.node.random(length));
  channel.window.respond(answer);
  sa.transmit(answer, local, remote);
}

/** Deletes it. Should this be lost, the peer's timer does the same. */
export function deleteRetired(sa: IkeSa, channel: Channel): void {
  const payloads: Payload[] = [{ type: 'Delete', protocol: PROTOCOL.IKE, spis: [] }];
  const { nextMessageId } = channel.own;
  sa.transmit(
    channel.write(EXCHANGE.INFORMATIONAL, false, nextMessageId, payloads, (length) => sa.node.random(length)),
  );
}
