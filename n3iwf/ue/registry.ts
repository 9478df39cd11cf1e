import { NumberAllocator } from './allocator.ts';
import type { UeContext } from './context.ts';

/** Highest RAN-UE-NGAP-ID handed out: 4294967295 means "unspecified" to some AMFs and is never allotted [TS38413 9.3.3.2]. */
export const maxRanUeNgapId = 0xfffffffe;

/** All UE contexts, found by each of the numbers that peers name them with. */
export class UeRegistry {
  private readonly ids: NumberAllocator;
  private readonly byId = new Map<number, UeContext>();
  private readonly byIkeSa = new Map<number, UeContext>();

  /** Told of each UE that is taken out. */
  private readonly removed: ((ue: UeContext) => void) | undefined;

  /** `firstId` is the lowest RAN-UE-NGAP-ID that is handed out. */
  constructor(firstId = 1, removed?: (ue: UeContext) => void) {
    this.removed = removed;
    this.ids = new NumberAllocator(firstId, maxRanUeNgapId);
  }

  allocateId(): number | undefined {
    return this.ids.allocate();
  }

  add(ue: UeContext): void {
    this.byId.set(ue.id, ue);
    this.byIkeSa.set(ue.ikeSaId, ue);
  }

  remove(ue: UeContext): void {
    if (!this.byId.delete(ue.id)) return;
    this.byIkeSa.delete(ue.ikeSaId);
    this.ids.release(ue.id);
    this.removed?.(ue);
  }

  /** Follows an IKE SA that was rekeyed. */
  moveIkeSa(ue: UeContext, ikeSaId: number): void {
    this.byIkeSa.delete(ue.ikeSaId);
    ue.ikeSaId = ikeSaId;
    this.byIkeSa.set(ikeSaId, ue);
  }

  ofIkeSa(ikeSaId: number): UeContext | undefined {
    return this.byIkeSa.get(ikeSaId);
  }

  ofId(id: number): UeContext | undefined {
    return this.byId.get(id);
  }

  get size(): number {
    return this.byId.size;
  }

  [Symbol.iterator](): Iterator<UeContext> {
    return this.byId.values();
  }
}
