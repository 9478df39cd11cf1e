import { sendUplinkNas } from '../n2/procedures/nas-transport.ts';
import type { Node } from '../node.ts';
import type { UeContext } from '../ue/context.ts';
import { NasEnvelopeReader } from './nas-envelope.ts';

/** What UEs send on their NAS connections, each a stream of its own that comes in pieces of any length. */
export class NasStreams {
  private readonly node: Node;
  /** By UE; one that has sent nothing has none. */
  private readonly readers = new Map<number, NasEnvelopeReader>();

  constructor(node: Node) {
    this.node = node;
  }

  /** The next octets of a stream; the NAS messages that they complete go to the AMF, in order [TS24502 9.4]. */
  received(ue: UeContext, octets: Uint8Array): void {
    const { node, readers } = this;
    const reader = readers.get(ue.id) ?? new NasEnvelopeReader();
    readers.set(ue.id, reader);
    for (const nasPdu of reader.push(octets)) {
      if (nasPdu.length === 0) continue;
      node.journal.nas(ue.id, nasPdu, 'UE');
      sendUplinkNas(node, ue, nasPdu);
    }
  }

  /** The connection is closed, or its UE gone: a message that is not complete never will be. */
  closed(ueId: number): void {
    this.readers.delete(ueId);
  }
}
