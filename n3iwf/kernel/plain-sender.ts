import type { SaSender } from '../userplane/nwu-side.ts';

/**
 * The sender of a Child SA that the kernel protects: what it "seals" is the inner IP packet as it was written, in the
 * sender's own buffer, so that a packet is copied once on its way to the socket.
 */
export class PlainSender implements SaSender {
  private scratch = new Uint8Array(new ArrayBuffer(2048));

  /** Where to write the next packet of up to `length` octets; good until the next call. */
  prepare(length: number): Uint8Array {
    if (this.scratch.length < length) this.scratch = new Uint8Array(new ArrayBuffer(length));
    return this.scratch;
  }

  seal(_nextHeader: number, payload: Uint8Array): Uint8Array {
    return payload;
  }

  /** The first `length` octets of what {@link prepare} returned. */
  sealPrepared(_nextHeader: number, length: number): Uint8Array {
    return this.scratch.subarray(0, length);
  }

  /** The kernel has the keys. */
  dispose(): void {}
}
