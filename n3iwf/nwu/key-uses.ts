/**
 * Which QKD keys the SAs that live now rest on, so that an incident finds the SAs of its keys and a key is booked as
 * retired when the last of them is gone. IDs only, never a key.
 *
 * An IKE SA rests on the keys of its set-up (AUTH, PPK) until a rekey gives it a fresh one. A Child SA rests on its own
 * fresh key, or, without one, on those of the IKE SA that it was made under.
 */

/** The keys of one IKE SA and of its Child SAs. */
interface Uses {
  /** Handed out for an exchange whose SA does not stand yet. */
  readonly pending: Set<string>;
  own: readonly string[];
  readonly childSas: Map<number, readonly string[]>;
  established: boolean;
}

/** What of one IKE SA rests on distrusted keys. */
export interface AffectedSa {
  readonly ikeSaId: number;
  /** It stands, so that it can be rekeyed. */
  readonly established: boolean;
  /** The IKE SA itself does. */
  readonly ikeSa: boolean;
  readonly childSaIds: readonly number[];
}

/** Handle: what SAs do, {@link distrust}. Read: {@link affected}, {@link keysOf}, {@link total}. */
export class KeyUses {
  private readonly sas = new Map<number, Uses>();
  private readonly distrusted = new Set<string>();
  private noted = 0;

  /** Keys handed to IKE SAs since the start. */
  get total(): number {
    return this.noted;
  }

  /** This IKE SA waits for a key. What is known of it goes with {@link forget}. */
  expectKey(ikeSaId: number): void {
    this.of(ikeSaId);
  }

  /**
   * A key came for this IKE SA, for its AUTH, as its PPK, or for an exchange within it. False when the SA has ended
   * meanwhile, so that nothing will ever rest on the key.
   */
  note(ikeSaId: number, keyId: string): boolean {
    this.noted++;
    const uses = this.sas.get(ikeSaId);
    uses?.pending.add(keyId.toLowerCase());
    return uses !== undefined;
  }

  /** The IKE SA stands: what it took meanwhile are its keys. */
  ikeSaUp(ikeSaId: number): void {
    const uses = this.of(ikeSaId);
    uses.own = [...uses.pending];
    uses.pending.clear();
    uses.established = true;
  }

  /**
   * The IKE SA has new keys, by a fresh QKD key if `keyId` is one that it took for that. Without one it goes on resting
   * on the old ones, less those that are distrusted: what is left then is its key exchange. Gives the IDs of keys that
   * nothing rests on any more.
   */
  ikeSaRekeyed(ikeSaId: number, keyId: string | undefined): readonly string[] {
    const uses = this.of(ikeSaId);
    const before = uses.own;
    const fresh = this.take(uses, keyId);
    uses.own = fresh === undefined ? before.filter((id) => !this.distrusted.has(id)) : [fresh];
    return unused(uses, before);
  }

  /** A Child SA stands; `keyId` as of {@link ikeSaRekeyed}. */
  childSaUp(ikeSaId: number, childSaId: number, keyId: string | undefined): void {
    const uses = this.of(ikeSaId);
    const fresh = this.take(uses, keyId);
    uses.childSas.set(childSaId, fresh === undefined ? uses.own : [fresh]);
  }

  /** A Child SA is gone. Gives the IDs of keys that nothing rests on any more. */
  childSaGone(ikeSaId: number, childSaId: number): readonly string[] {
    const uses = this.sas.get(ikeSaId);
    const before = uses?.childSas.get(childSaId);
    if (uses === undefined || before === undefined) return [];
    uses.childSas.delete(childSaId);
    return unused(uses, before);
  }

  /** The IKE SA is gone, its Child SAs with it. Gives the IDs of its keys. */
  forget(ikeSaId: number): readonly string[] {
    const keys = this.keysOf(ikeSaId);
    this.sas.delete(ikeSaId);
    return keys;
  }

  /** IDs of the keys of one IKE SA, of its Child SAs and of exchanges under way. */
  keysOf(ikeSaId: number): readonly string[] {
    const uses = this.sas.get(ikeSaId);
    return uses === undefined ? [] : [...everyKey(uses)];
  }

  /** Nothing is to rest on these keys any more. */
  distrust(keyIds: readonly string[]): void {
    for (const keyId of keyIds) this.distrusted.add(keyId.toLowerCase());
  }

  /** Whether an exchange under way has taken one of them: its SA will rest on it. */
  get awaitsDistrusted(): boolean {
    return [...this.sas.values()].some(({ pending }) =>
      [...pending].some((keyId) => this.distrusted.has(keyId)),
    );
  }

  /** The incident is over: the store gives none of its keys any more. */
  endDistrust(): void {
    this.distrusted.clear();
  }

  /** What still rests on distrusted keys. A key that an exchange under way took counts when its SA stands. */
  affected(): readonly AffectedSa[] {
    const found: AffectedSa[] = [];
    const bad = (keyIds: Iterable<string>) => [...keyIds].some((keyId) => this.distrusted.has(keyId));
    for (const [ikeSaId, { pending, own, childSas, established }] of this.distrusted.size > 0
      ? this.sas
      : []) {
      const ikeSa = bad(own) || (!established && bad(pending));
      const childSaIds = [...childSas].filter(([, keyIds]) => bad(keyIds)).map(([childSaId]) => childSaId);
      if (ikeSa || childSaIds.length > 0) found.push({ ikeSaId, established, ikeSa, childSaIds });
    }
    return found;
  }

  /** What is known of an IKE SA, from now on at the latest. */
  private of(ikeSaId: number): Uses {
    const known = this.sas.get(ikeSaId);
    if (known !== undefined) return known;
    const uses: Uses = { pending: new Set(), own: [], childSas: new Map(), established: false };
    this.sas.set(ikeSaId, uses);
    return uses;
  }

  /** The key if it was taken for the exchange that has ended; one that is named again is not fresh. */
  private take(uses: Uses, keyId: string | undefined): string | undefined {
    const id = keyId?.toLowerCase();
    return id !== undefined && uses.pending.delete(id) ? id : undefined;
  }
}

/** Each key once, whatever rests on it. */
function everyKey({ pending, own, childSas }: Uses): Set<string> {
  return new Set([...own, ...pending, ...[...childSas.values()].flat()]);
}

/** Those of the keys that no SA rests on. */
function unused(uses: Uses, keyIds: readonly string[]): readonly string[] {
  const left = everyKey(uses);
  return keyIds.filter((keyId) => !left.has(keyId));
}
