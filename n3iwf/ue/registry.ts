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

  /** The next RAN-UE-NGAP-ID; undefined when all are taken. {@link remove} gives it back. */
  allocateId(): number | undefined {
    return this.ids.allocate();
  }

  /** Found by both numbers from now on. */
  add(ue: UeContext): void {
    this.byId.set(ue.id, ue);
    this.byIkeSa.set(ue.ikeSaId, ue);
  }

  /** Void for one that is gone already. */
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

  /** By the engine's handle. */
  ofIkeSa(ikeSaId: number): UeContext | undefined {
    return this.byIkeSa.get(ikeSaId);
  }

  /** By RAN-UE-NGAP-ID. */
  ofId(id: number): UeContext | undefined {
    return this.byId.get(id);
  }

  /** Contexts of all states. */
  get size(): number {
    return this.byId.size;
  }

  [Symbol.iterator](): Iterator<UeContext> {
    return this.byId.values();
  }
}
