/** Fragments of one message become the message again. Only authentic ones are kept, and only so many. [RFC7383 2.6] */

/** Fragments of one message at most, and octets inside them: a chain of several large certificates fits. */
export const MOST_FRAGMENTS = 64;
/** Octets inside all fragments of a message; see {@link MOST_FRAGMENTS}. */
export const MOST_OCTETS = 32_768;
/** A message that is not complete after so long never will be, in ms. */
export const PATIENCE = 30_000;

/** Octets of incomplete messages of all peers together that have not proved who they are. */
const MOST_UNPROVEN_OCTETS = 16_777_216;

/**
 * What incomplete messages hold in memory, over all IKE SAs that are not established: to send fragments takes no more
 * than an IKE_SA_INIT, so without a bound for all together nothing would be bounded.
 */
export class FragmentBudget {
  private readonly held = new Map<number, number>();
  private total = 0;

  /** Whether so many octets more may be kept. */
  allows(octets: number): boolean {
    return this.total + octets <= MOST_UNPROVEN_OCTETS;
  }

  /** An IKE SA holds so many now; 0 for one that is closed, and for one that is established. */
  set(ikeSaId: number, octets: number): void {
    this.total += octets - (this.held.get(ikeSaId) ?? 0);
    if (octets === 0) this.held.delete(ikeSaId);
    else this.held.set(ikeSaId, octets);
  }
}

/** What was inside SK, or inside all SKF of a message. */
export interface Opened {
  /** Type of the first payload inside. */
  readonly firstPayload: number;
  readonly inner: Uint8Array;
  /** The datagram, or that of the first fragment, by which a repetition is known again. */
  readonly datagram: Uint8Array;
}

/** One fragment before it is authenticated. */
export interface Fragment {
  readonly messageId: number;
  readonly number: number;
  readonly total: number;
  readonly firstPayload: number;
  readonly datagram: Uint8Array;
}

/** A message under way; `parts` by fragment number less one. */
interface Partial {
  readonly messageId: number;
  readonly total: number;
  readonly since: number;
  readonly parts: (Uint8Array | undefined)[];
  missing: number;
  octets: number;
  first: Fragment | undefined;
}

/** The incomplete message of one direction. */
export class Reassembly {
  private partial: Partial | undefined;

  /** When the incomplete message is given up, undefined without one. */
  get deadline(): number | undefined {
    return this.partial === undefined ? undefined : this.partial.since + PATIENCE;
  }

  /** Octets that are kept: what is inside, and the first datagram. */
  get held(): number {
    const { octets = 0, first } = this.partial ?? {};
    return octets + (first?.datagram.length ?? 0);
  }

  /**
   * Takes a fragment; gives the message when it is complete. `open` authenticates and decrypts, and is only asked when
   * the fragment is of use. What repeats, overlaps, is of an earlier division or exceeds the limits changes nothing.
   */
  add(now: number, fragment: Fragment, open: () => Uint8Array | undefined): Opened | undefined {
    if (fragment.total > MOST_FRAGMENTS || !this.wants(now, fragment)) return undefined;
    const part = open();
    if (part === undefined) return undefined;
    const partial = this.place(now, fragment);
    if (partial.octets + part.length > MOST_OCTETS) {
      this.partial = undefined;
      return undefined;
    }
    partial.parts[fragment.number - 1] = part;
    partial.octets += part.length;
    partial.missing--;
    if (fragment.number === 1) partial.first = fragment;
    return partial.missing === 0 ? this.complete(partial) : undefined;
  }

  /** Forgets the incomplete message. */
  clear(): void {
    for (const part of this.partial?.parts ?? []) part?.fill(0);
    this.partial = undefined;
  }

  /** [RFC7383 2.6] more fragments than before mean a new division, fewer are a late one of the old. */
  private wants(now: number, { messageId, number, total }: Fragment): boolean {
    const { partial } = this;
    if (partial === undefined || partial.messageId !== messageId || now >= partial.since + PATIENCE)
      return true;
    if (total !== partial.total) return total > partial.total;
    return partial.parts[number - 1] === undefined;
  }

  /** The message that an authentic fragment belongs to: the one under way, or one that takes its place. */
  private place(now: number, { messageId, total }: Fragment): Partial {
    const { partial } = this;
    const fits =
      partial?.messageId === messageId && partial.total === total && now < partial.since + PATIENCE;
    if (partial !== undefined && fits) return partial;
    this.clear();
    const parts = new Array<Uint8Array | undefined>(total).fill(undefined);
    const fresh = { messageId, total, since: now, parts, missing: total, octets: 0, first: undefined };
    this.partial = fresh;
    return fresh;
  }

  /** The parts in a row. The first fragment names the first payload and stands for the message when it is repeated. */
  private complete({ parts, octets, first }: Partial): Opened | undefined {
    const inner = new Uint8Array(octets);
    let at = 0;
    for (const part of parts) {
      if (part === undefined) continue;
      inner.set(part, at);
      at += part.length;
    }
    this.clear();
    return first === undefined
      ? undefined
      : { firstPayload: first.firstPayload, inner, datagram: first.datagram };
  }
}
