/** Which QKD keys the IKE SAs that live now rest on, so that an incident finds the SAs of its keys. */

/** Handle: {@link note}, {@link forget}. Read: {@link sasOf}, {@link keysOf}. IDs only, never a key. */
export class KeyUses {
  private readonly keys = new Map<number, Set<string>>();
  private noted = 0;

  /** Keys handed to IKE SAs since the start. */
  get total(): number {
    return this.noted;
  }

  /** A key was handed to this IKE SA, for its AUTH or as its PPK. */
  note(ikeSaId: number, keyId: string): void {
    this.noted++;
    const known = this.keys.get(ikeSaId);
    if (known === undefined) this.keys.set(ikeSaId, new Set([keyId.toLowerCase()]));
    else known.add(keyId.toLowerCase());
  }

  /** The IKE SA is gone, its Child SAs with it. Gives the IDs of its keys. */
  forget(ikeSaId: number): readonly string[] {
    const keys = this.keysOf(ikeSaId);
    this.keys.delete(ikeSaId);
    return keys;
  }

  /** IDs of the keys of one IKE SA. */
  keysOf(ikeSaId: number): readonly string[] {
    return [...(this.keys.get(ikeSaId) ?? [])];
  }

  /** IKE SAs that rest on any of these keys. */
  sasOf(keyIds: readonly string[]): readonly number[] {
    const wanted = new Set(keyIds.map((keyId) => keyId.toLowerCase()));
    const found: number[] = [];
    for (const [ikeSaId, keys] of this.keys)
      if ([...keys].some((keyId) => wanted.has(keyId))) found.push(ikeSaId);
    return found;
  }
}
