import { type NgapPdu, ueIdsOf } from '#ngap';

/**
 * Workers that share the messages of one association, each message going to the worker of its number: of two that
 * come right behind each other for different workers, the later one is done first (quirk q8). Sans-I/O.
 */
export class WorkerPool {
  private held: { readonly pdu: NgapPdu; readonly until: number } | undefined;
  private readonly process: (pdu: NgapPdu) => void;
  private readonly now: () => number;

  constructor(process: (pdu: NgapPdu) => void, now: () => number) {
    this.process = process;
    this.now = now;
  }

  receive(pdu: NgapPdu): void {
    const { held } = this;
    if (held === undefined) {
      this.held = { pdu, until: this.now() + 1 };
      return;
    }
    const isOtherWorker = workerOf(held.pdu) !== workerOf(pdu);
    this.held = isOtherWorker ? undefined : { pdu, until: this.now() + 1 };
    if (isOtherWorker) this.process(pdu);
    this.process(held.pdu);
  }

  /** When the message that is held is done all the same. */
  deadline(): number | undefined {
    return this.held?.until;
  }

  tick(): void {
    const { held } = this;
    if (held === undefined || held.until > this.now()) return;
    this.held = undefined;
    this.process(held.pdu);
  }
}

/** First messages go by the N3IWF's number of the UE, later ones by the AMF's, all others to one worker. */
function workerOf({ message, ies }: NgapPdu): string {
  const { amfUeNgapId, ranUeNgapId } = ueIdsOf(ies);
  if (message === 'InitialUEMessage') return `ran ${ranUeNgapId}`;
  return amfUeNgapId === undefined ? 'none' : `amf ${amfUeNgapId}`;
}
