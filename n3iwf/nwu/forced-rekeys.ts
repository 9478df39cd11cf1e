/**
 * SAs that rest on keys which are no longer trusted get other keys, while their packets flow on: from a fresh QKD key, or
 * without one where the policy allows that and keys are scarce or the link is distrusted. What could not be rekeyed within
 * a bounded time is ended.
 *
 * First the IKE SA, since Child SAs without a fresh key of their own take theirs from it; then its Child SAs. Only so many
 * IKE SAs at a time, so that thousands of them make no storm.
 */
import type { Node } from '../node.ts';
import type { AffectedSa } from './key-uses.ts';

/** From the incident until what still rests on its keys is ended, ms. */
export const rekeyLimitMs = 30_000;
/** A rekey that came to nothing, or was lost against something else under way, is begun again after so long, ms. */
const retryMs = 3000;
/** How often the affected SAs are looked at, ms. */
const lookMs = 100;
/** IKE SAs that are rekeyed at a time. */
const atOnce = 64;

type Ports = Pick<Node, 'now' | 'ike' | 'keyUses' | 'keying' | 'log'> & {
  /** Ends an IKE SA and with it its UE, who is told. */
  endSa(ikeSaId: number, text: string): void;
};

/** One per node. Handles: {@link begin}, {@link tick}. Poll: {@link deadline}. */
export class ForcedRekeys {
  private readonly ports: Ports;
  /** When the rekey of an SA was begun, by the SA: a Child SA's handle, an IKE SA's made negative. */
  private readonly begun = new Map<number, number>();
  private endAt: number | undefined;
  private nextLook = 0;
  private text = '';

  constructor(ports: Ports) {
    this.ports = ports;
  }

  /** Distrusts keys; gives how many IKE SAs rest on them, wholly or in their Child SAs. */
  begin(keyIds: readonly string[], text: string): number {
    const { keyUses } = this.ports;
    const now = this.ports.now();
    keyUses.distrust(keyIds);
    const count = keyUses.affected().length;
    if (count === 0 && !keyUses.awaitsDistrusted) return 0;
    this.text = text;
    this.endAt = now + rekeyLimitMs;
    this.nextLook = now;
    this.tick();
    return count;
  }

  /** When {@link tick} has something to do; undefined when nothing is distrusted. */
  deadline(): number | undefined {
    return this.endAt === undefined ? undefined : this.nextLook;
  }

  /** Begins and repeats rekeys, and ends what is over its time. */
  tick(): void {
    const now = this.ports.now();
    if (this.endAt === undefined || now < this.nextLook) return;
    this.nextLook = now + lookMs;
    const affected = this.ports.keyUses.affected();
    const hopeless = affected.filter((sa) => now >= (this.endAt ?? 0) || !this.canRekey(sa));
    for (const { ikeSaId } of hopeless) this.ports.endSa(ikeSaId, this.text);
    const left = affected.filter((sa) => !hopeless.includes(sa));
    for (const sa of left.slice(0, atOnce)) this.rekey(now, sa);
    if (left.length > 0 || (now < this.endAt && this.ports.keyUses.awaitsDistrusted)) return;
    this.ports.keyUses.endDistrust();
    this.ports.log.info({ incident: this.text, ended: hopeless.length }, 'no SA rests on a distrusted key');
    this.endAt = undefined;
    this.begun.clear();
  }

  /** An IKE SA that takes no fresh key cannot get one by a rekey, which a policy may demand. */
  private canRekey({ ikeSaId, established }: AffectedSa): boolean {
    const { keying } = this.ports;
    return established && (!keying.needsQuantumKeys || keying.takesFreshKeys(ikeSaId));
  }

  /** The IKE SA first: Child SAs that rest on its keys are rekeyed under the new ones, at the next look. */
  private rekey(now: number, { ikeSaId, ikeSa, childSaIds }: AffectedSa): void {
    const { ports } = this;
    if (ikeSa) {
      if (this.isTurnOf(now, -ikeSaId)) ports.ike((engine, at) => engine.rekeyIkeSa(at, ikeSaId));
      return;
    }
    for (const childSaId of childSaIds)
      if (this.isTurnOf(now, childSaId))
        ports.ike((engine, at) => engine.rekeyChildSa(at, ikeSaId, childSaId));
  }

  /** Not again while the last attempt may still come to something. */
  private isTurnOf(now: number, id: number): boolean {
    const begun = this.begun.get(id);
    if (begun !== undefined && now - begun < retryMs) return false;
    this.begun.set(id, now);
    return true;
  }
}
