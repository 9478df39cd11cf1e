/** NAS over TCP: each message behind a 2-octet count of its octets [TS24502 9.4]. */
export function encodeNasEnvelope(nasPdu: Uint8Array): Uint8Array {
  const octets = new Uint8Array(2 + nasPdu.length);
  octets[0] = nasPdu.length >>> 8;
  octets[1] = nasPdu.length;
  octets.set(nasPdu, 2);
  return octets;
}

/** Cuts a TCP stream into NAS messages. Holds at most one unfinished message, so at most 65,537 octets. */
export class NasEnvelopeReader {
  private pending = new Uint8Array(0);

  /** Takes the next octets of the stream; the messages that they complete, in order. */
  push(octets: Uint8Array): Uint8Array[] {
    const stream = this.pending.length === 0 ? octets : concat(this.pending, octets);
    const messages: Uint8Array[] = [];
    let at = 0;
    while (stream.length - at >= 2) {
      const length = ((stream[at] ?? 0) << 8) | (stream[at + 1] ?? 0);
      if (stream.length - at - 2 < length) break;
      messages.push(stream.slice(at + 2, at + 2 + length));
      at += 2 + length;
    }
    this.pending = stream.slice(at);
    return messages;
  }
}

/** Both in one piece. */
function concat(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(first.length + second.length);
  joined.set(first);
  joined.set(second, first.length);
  return joined;
}
