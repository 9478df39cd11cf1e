import type { N2Transport, TransportEvent } from '../n2/transport.ts';

/** Who is told what comes from an association: at most one listener of each kind, the last that was named. */
export abstract class TransportListeners implements Pick<N2Transport, 'onMessage' | 'onEvent' | 'onClosed'> {
  protected messageListener: (data: Uint8Array, stream: number) => void = () => {};
  protected eventListener: (event: TransportEvent) => void = () => {};
  protected closedListener: (reason: string) => void = () => {};

  onMessage(listener: (data: Uint8Array, stream: number) => void): void {
    this.messageListener = listener;
  }

  onEvent(listener: (event: TransportEvent) => void): void {
    this.eventListener = listener;
  }

  onClosed(listener: (reason: string) => void): void {
    this.closedListener = listener;
  }
}
