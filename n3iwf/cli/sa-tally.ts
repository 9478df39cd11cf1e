/** Counts what becomes of a node's SAs over a run: rekeys by what their keys are made of, and lives against their limits. */
import type { IkeEvent } from '#ikev2';

/** What a tally has counted so far. */
export interface SaCounts {
  /** Rekeys of Child and IKE SAs, each by whether a key that no SA had before went into it. */
  quantumRekeys: number;
  mlKemRekeys: number;
  /** CREATE_CHILD_SA exchanges that were refused or gave up; what was to be rekeyed is tried again. */
  failedRekeys: number;
  /** SAs that lived longer than their hard limit, or were ended by it. */
  pastHardLimit: number;
  /** IKE SAs that ended, whatever for. */
  ended: number;
  /** Longest life of a Child SA, ms. */
  oldestMs: number;
}

/** Hard limits, ms. */
export interface HardLimits {
  readonly childMs: number;
  readonly ikeMs: number;
}

/** What the engine says of an SA that its hard limit ends. */
const outOfTime = 'not rekeyed in time';

/** Handle: {@link observe} with each event of the node's engine, {@link check} now and then. Read: the rest. */
export class SaTally {
  readonly counts: SaCounts = {
    quantumRekeys: 0,
    mlKemRekeys: 0,
    failedRekeys: 0,
    pastHardLimit: 0,
    ended: 0,
    oldestMs: 0,
  };
  private readonly limits: HardLimits;
  /** By the engine's handles, with the birth of their keys; the two kinds of handles are counted apart. */
  private readonly childSas = new Map<number, { readonly ikeSaId: number; readonly bornMs: number }>();
  private readonly ikeSas = new Map<number, number>();
  private readonly seenKeys = new Set<string>();
  /** Child SAs that are counted as past their limit, so that each is counted once. */
  private readonly late = new Set<number>();

  constructor(limits: HardLimits) {
    this.limits = limits;
  }

  /** Child SAs that live. */
  get childSaCount(): number {
    return this.childSas.size;
  }

  /** IKE SAs that live. */
  get ikeSaCount(): number {
    return this.ikeSas.size;
  }

  /** One event, at a time in ms of the node's clock. */
  observe(event: IkeEvent, now: number): void {
    if (event.type === 'childSaEstablished') {
      this.childSas.set(event.child.id, { ikeSaId: event.ikeSaId, bornMs: now });
      this.noteKey(event.rekeyed !== undefined, event.child.ppkIdentity?.data);
    } else if (event.type === 'ikeSaRekeyed' || event.type === 'ikeSaEstablished') {
      this.ikeSas.set(event.ikeSaId, now);
      this.noteKey(event.type === 'ikeSaRekeyed', event.ppkIdentity?.data);
    } else if (event.type === 'childSaFailed') this.counts.failedRekeys++;
    else if (event.type === 'childSaDeleted') {
      this.childSas.delete(event.childSaId);
      if (event.reason === outOfTime) this.noteLate(event.childSaId);
    } else if (event.type === 'ikeSaClosed') this.ikeSaGone(event.ikeSaId, event.reason === outOfTime);
  }

  /** Looks for SAs that outlived their limit. */
  check(now: number): void {
    for (const [childSaId, { bornMs }] of this.childSas) {
      this.counts.oldestMs = Math.max(this.counts.oldestMs, now - bornMs);
      if (now - bornMs > this.limits.childMs) this.noteLate(childSaId);
    }
    for (const [ikeSaId, bornMs] of this.ikeSas)
      if (now - bornMs > this.limits.ikeMs) this.noteLate(-ikeSaId);
  }

  private ikeSaGone(ikeSaId: number, isLate: boolean): void {
    this.counts.ended++;
    if (isLate) this.noteLate(-ikeSaId);
    this.ikeSas.delete(ikeSaId);
    for (const [childSaId, child] of this.childSas)
      if (child.ikeSaId === ikeSaId) this.childSas.delete(childSaId);
  }

  /** IKE SAs go by their handles made negative. */
  private noteLate(id: number): void {
    if (this.late.has(id)) return;
    this.late.add(id);
    this.counts.pastHardLimit++;
  }

  /** A key that was named before is that of the SA underneath, not a fresh one. */
  private noteKey(isRekey: boolean, identity: Uint8Array | undefined): void {
    const keyId = identity === undefined ? undefined : new TextDecoder().decode(identity);
    const fresh = keyId !== undefined && !this.seenKeys.has(keyId);
    if (keyId !== undefined) this.seenKeys.add(keyId);
    if (!isRekey) return;
    if (fresh) this.counts.quantumRekeys++;
    else this.counts.mlKemRekeys++;
  }
}
