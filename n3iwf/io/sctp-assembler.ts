import { swappedNgapPpid } from './sctp-constants.ts';

/** One read of an association: octets of a message and whether they are its last. */
export interface Part {
  readonly data: Uint8Array;
  readonly stream: number;
  readonly ppid: number;
  readonly last: boolean;
}

/** A whole message, or the reason why there is none. */
export type Assembled =
  | { readonly kind: 'message'; readonly data: Uint8Array; readonly stream: number }
  | { readonly kind: 'dropped'; readonly stream: number; readonly reason: string };

/** Longest NGAP message that is taken, in octets: what free5GC's AMF reads at once too. */
export const mostMessageOctets = 262_144;

/**
 * Joins the parts in which the kernel may deliver a long message [RFC6458 6.1.7]. Without interleaving, which is not
 * asked for, one message at a time is under way on an association, so one buffer does.
 */
export class MessageAssembler {
  private readonly ppids: readonly number[];
  private readonly most: number;
  private parts: Uint8Array[] = [];
  private octets = 0;
  private reason: string | undefined;

  /** Takes messages under these payload protocol identifiers, no longer than `most` octets. */
  constructor(ppids: readonly number[], most: number = mostMessageOctets) {
    this.ppids = ppids;
    this.most = most;
  }

  /** Takes a part, which it copies; a result comes with the last one. */
  take(part: Part): Assembled | undefined {
    const { stream } = part;
    this.keep(part);
    if (!part.last) return undefined;
    const { reason, parts, octets } = this;
    this.clear();
    if (reason !== undefined) return { kind: 'dropped', stream, reason };
    const [only] = parts;
    return {
      kind: 'message',
      data: parts.length === 1 && only !== undefined ? only : joined(parts, octets),
      stream,
    };
  }

  /** The message that is under way will not be completed. @returns false when none was */
  abort(): boolean {
    const underWay = this.octets > 0 || this.reason !== undefined;
    this.clear();
    return underWay;
  }

  /** Octets held of a message that is under way. */
  get held(): number {
    return this.parts.reduce((sum, part) => sum + part.length, 0);
  }

  private keep({ data, ppid }: Part): void {
    if (this.reason !== undefined) return;
    this.octets += data.length;
    if (!this.ppids.includes(ppid)) this.refuse(`payload protocol ${ppid} is not NGAP's${hintAt(ppid)}`);
    else if (this.octets > this.most) this.refuse(`longer than ${this.most} octets`);
    else this.parts.push(data.slice());
  }

  private refuse(reason: string): void {
    this.reason = reason;
    this.parts = [];
  }

  private clear(): void {
    this.parts = [];
    this.octets = 0;
    this.reason = undefined;
  }
}

/** What an operator can do about a message of that identifier. */
function hintAt(ppid: number): string {
  return ppid === swappedNgapPpid ? ', but has its octets swapped: see n2.sctp.acceptSwappedPpid' : '';
}

function joined(parts: readonly Uint8Array[], octets: number): Uint8Array {
  const whole = new Uint8Array(octets);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
