/** One end of a message channel that behaves as an SCTP association does: whole messages, in order, both ways. */
export class MemoryAssociation {
  private peer: MemoryAssociation | undefined;
  private messageListener: (data: Uint8Array) => void = () => {};
  private closedListener: (reason: string) => void = () => {};
  private open = true;

  /** Two ends that hear each other; a message arrives in a later turn of the event loop, as a real one would. */
  static pair(): [MemoryAssociation, MemoryAssociation] {
    const one = new MemoryAssociation();
    const other = new MemoryAssociation();
    one.peer = other;
    other.peer = one;
    return [one, other];
  }

  onMessage(listener: (data: Uint8Array) => void): void {
    this.messageListener = listener;
  }

  onClosed(listener: (reason: string) => void): void {
    this.closedListener = listener;
  }

  send(_stream: number, data: Uint8Array): void {
    const { peer } = this;
    if (!this.open || peer === undefined) return;
    setImmediate(() => {
      if (peer.open) peer.messageListener(data);
    });
  }

  /** Ends both sides; the other one is told. */
  close(): void {
    if (!this.open) return;
    this.open = false;
    const { peer } = this;
    setImmediate(() => {
      if (peer?.open !== true) return;
      peer.open = false;
      peer.closedListener('the peer closed the association');
    });
  }
}
