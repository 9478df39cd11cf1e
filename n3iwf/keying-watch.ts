/**
 * Decides, for each SA of the running node, whether its next keys are made with a quantum key. It feeds the policy
 * controller with what the node sees: the KME's status, the keys that UEs name, and a book of every live SA with the
 * moment of its next rekey. Tells the operator when quantum keys become too few, before they are gone, and when they
 * suffice again.
 *
 * An IKE SA stands in the book of the controller under its handle made negative, a Child SA under its handle as it is.
 */
import type { IkeSaId, PpkPurpose } from '#ikev2';
import {
  type ControllerSettings,
  DEFAULT_CLASSES,
  KEYING_POLICIES,
  type Keying,
  KeyingController,
  type KeyingState,
  type KeyingSubject,
  MODE_REASONS,
  rankOf,
} from '#qkd';
import type { Log } from './log.ts';

/** One look at the supply. */
export interface SupplySeen {
  /** Keys at the KME and in the store's own pool; undefined when the KME gave no answer. */
  readonly storedKeys: number | undefined;
  /** Keys that SAs have taken since the start, whoever named them. */
  readonly usedKeys: number;
  /** No alarm of the error rate stands. */
  readonly trusted: boolean;
  /** The key store can write down that keys are used; true when absent. */
  readonly storeUsable?: boolean;
}

/** A CREATE_CHILD_SA of ours that wants a key. */
export interface KeyWish {
  readonly ikeSaId: IkeSaId;
  readonly purpose: PpkPurpose;
}

/** An SA that is to be rekeyed now: a Child SA, or without `childSaId` the IKE SA itself. */
export interface DueSa {
  readonly ikeSaId: IkeSaId;
  readonly childSaId?: number;
}

/** What the operator sets; what is left out takes the controller's defaults. */
export type KeyingSettings = Partial<ControllerSettings> & Pick<ControllerSettings, 'policy'>;

/** A live IKE SA as far as keying has to know it. */
interface KnownIkeSa {
  /** It can take a fresh key for each SA; of the others none can be given one later. */
  readonly freshPpks: boolean;
  readonly childSaIds: Set<number>;
}

const NEVER = Number.POSITIVE_INFINITY;

/** One per node. Handle: {@link observe}, {@link choose}, what SAs do. Read: {@link state}. */
export class KeyingWatch {
  private readonly controller: KeyingController;
  private settings: KeyingSettings;
  private readonly log: Log;
  private readonly ikeSas = new Map<IkeSaId, KnownIkeSa>();
  /** What exchanges under way were given, by what they are for. */
  private readonly chosen = new Map<string, Keying>();
  /** SAs that the controller wants rekeyed before they are due, by their numbers in its book. */
  private readonly forward = new Map<number, DueSa>();
  private before: { readonly storedKeys: number; readonly usedKeys: number } | undefined;
  private last: KeyingState | undefined;

  constructor(settings: KeyingSettings, log: Log) {
    this.settings = settings;
    this.controller = new KeyingController(settings);
    this.log = log;
  }

  /** How things stood at the last look; undefined before the first. */
  get state(): KeyingState | undefined {
    return this.last;
  }

  /** The policy makes no SA without a quantum key. */
  get needsQuantumKeys(): boolean {
    return KEYING_POLICIES[this.settings.policy].withoutKey === 'refuse';
  }

  /** The rank in keying of a UE and its traffic, 0 first. */
  rankOf(subject: KeyingSubject): number {
    return rankOf(this.settings.classes ?? DEFAULT_CLASSES, subject);
  }

  /** Other settings from the next look on. */
  reconfigure(settings: KeyingSettings): void {
    this.settings = settings;
    this.controller.reconfigure(settings);
  }

  /** One look, at a time in ms of a clock that does not go back. */
  observe(now: number, { storedKeys, usedKeys, trusted, storeUsable = true }: SupplySeen): KeyingState {
    const stored = storedKeys ?? this.before?.storedKeys ?? 0;
    const taken = usedKeys - (this.before?.usedKeys ?? usedKeys);
    // What the pool lost less than was taken from it has come from the link.
    const grown = this.before === undefined ? 0 : stored - this.before.storedKeys + taken;
    const receivedKeys = Number.isFinite(grown) ? Math.max(0, grown) : 0;
    this.before = { storedKeys: stored, usedKeys };
    const reachable = storedKeys !== undefined;
    const state = this.controller.evaluate(now, {
      storedKeys: stored,
      receivedKeys,
      reachable,
      trusted,
      storeUsable,
    });
    this.last = state;
    for (const id of state.broughtForward) this.bringForward(id);
    if (state.changed) this.tell(state);
    return state;
  }

  /** SAs that were brought forward and whose turn has come; each is told once. */
  takeDue(now: number): readonly DueSa[] {
    const due: DueSa[] = [];
    for (const [id, sa] of this.forward) {
      const dueMs = this.controller.forecast.find(id)?.dueMs;
      if (dueMs !== undefined && dueMs > now) continue;
      this.forward.delete(id);
      if (dueMs !== undefined) due.push(sa);
    }
    return due;
  }

  /**
   * A UE named a key that it drew itself: it counts into the need of the future. The key is spent already, so that only
   * a link that is distrusted is a reason not to take it; false then.
   */
  named(now: number): boolean {
    this.controller.count(now);
    return this.last === undefined || this.controller.trusted;
  }

  /**
   * From what an exchange of ours is to make its keys. Before the first look at the supply nothing is known that would
   * speak against a key.
   */
  choose(now: number, wish: KeyWish, rank: number): Keying {
    const planned = this.controller.forecast.find(idOf(wish) ?? 0) !== undefined;
    const asked = this.controller.request(now, rank, planned);
    const keying = this.last === undefined ? KEYING_POLICIES[this.settings.policy].withKey : asked;
    this.chosen.set(nameOf(wish), keying);
    return keying;
  }

  /** The key that was granted could not be had after all. */
  notHad(wish: KeyWish): void {
    this.controller.giveBack();
    this.chosen.set(nameOf(wish), KEYING_POLICIES[this.settings.policy].withoutKey);
  }

  /** An IKE SA stands. `quantum`: a quantum key is in its keys. `rekeyAt` in ms of the clock, absent: never. */
  ikeSaUp(
    ikeSaId: IkeSaId,
    sa: { readonly freshPpks: boolean; readonly quantum: boolean; readonly rekeyAt?: number | undefined },
    rank: number,
  ): void {
    this.ikeSas.set(ikeSaId, { freshPpks: sa.freshPpks, childSaIds: new Set() });
    const keying = sa.freshPpks && !sa.quantum ? 'pqc' : 'qkd';
    this.controller.forecast.book(-ikeSaId, { dueMs: sa.rekeyAt ?? NEVER, rank, keying });
  }

  /** It has new keys, whoever rekeyed it. */
  ikeSaRekeyed(ikeSaId: IkeSaId, rekeyAt: number | undefined, rank: number): void {
    if (!this.ikeSas.has(ikeSaId)) return;
    const keying = this.settle({ ikeSaId, purpose: { kind: 'ikeSaRekey' } }) ?? 'qkd';
    this.forward.delete(-ikeSaId);
    this.controller.forecast.book(-ikeSaId, { dueMs: rekeyAt ?? NEVER, rank, keying });
  }

  /** A Child SA stands, in the place of `rekeyed` if that is given; a new one says by `tag` for what it was asked. */
  childSaUp(
    ikeSaId: IkeSaId,
    child: {
      readonly id: number;
      readonly rekeyAt?: number;
      readonly rekeyed?: number;
      readonly tag?: string;
    },
    rank: number,
  ): void {
    const ike = this.ikeSas.get(ikeSaId);
    if (ike === undefined) return;
    const { id, rekeyAt, rekeyed, tag } = child;
    const purpose: PpkPurpose =
      rekeyed === undefined
        ? { kind: 'newChildSa', ...(tag === undefined ? {} : { tag }) }
        : { kind: 'childSaRekey', childSaId: rekeyed };
    // The first one has no keys of its own: it is as quantum-safe as its IKE SA.
    const inherited = rekeyed === undefined && tag === undefined ? this.keyingOf(ikeSaId) : 'qkd';
    const keying = this.settle({ ikeSaId, purpose }) ?? inherited;
    if (rekeyed !== undefined) this.drop(ike, rekeyed);
    ike.childSaIds.add(id);
    this.controller.forecast.book(id, { dueMs: rekeyAt ?? NEVER, rank, keying });
  }

  /** A Child SA is gone. */
  childSaGone(ikeSaId: IkeSaId, childSaId: number): void {
    const ike = this.ikeSas.get(ikeSaId);
    if (ike !== undefined) this.drop(ike, childSaId);
    this.chosen.delete(nameOf({ ikeSaId, purpose: { kind: 'childSaRekey', childSaId } }));
  }

  /** An IKE SA is gone, its Child SAs with it. */
  ikeSaGone(ikeSaId: IkeSaId): void {
    for (const childSaId of this.ikeSas.get(ikeSaId)?.childSaIds ?? []) this.childSaGone(ikeSaId, childSaId);
    this.ikeSas.delete(ikeSaId);
    this.controller.forecast.forget(-ikeSaId);
    this.forward.delete(-ikeSaId);
    for (const name of this.chosen.keys()) if (name.startsWith(`${ikeSaId} `)) this.chosen.delete(name);
  }

  /** Whether a rekey can give the SAs of this IKE SA a fresh key. */
  takesFreshKeys(ikeSaId: IkeSaId): boolean {
    return this.ikeSas.get(ikeSaId)?.freshPpks === true;
  }

  private keyingOf(ikeSaId: IkeSaId): 'qkd' | 'pqc' {
    return this.controller.forecast.find(-ikeSaId)?.keying ?? 'qkd';
  }

  /** What the exchange was given, if it was one of ours that asked; the note is taken away. */
  private settle(wish: KeyWish): 'qkd' | 'pqc' | undefined {
    const name = nameOf(wish);
    const keying = this.chosen.get(name);
    this.chosen.delete(name);
    if (keying === undefined) return undefined;
    return keying === 'qkd' || keying === 'hybrid' ? 'qkd' : 'pqc';
  }

  private drop(ike: KnownIkeSa, childSaId: number): void {
    ike.childSaIds.delete(childSaId);
    this.controller.forecast.forget(childSaId);
    this.forward.delete(childSaId);
  }

  private bringForward(id: number): void {
    if (id < 0) this.forward.set(id, { ikeSaId: -id });
    else
      for (const [ikeSaId, { childSaIds }] of this.ikeSas)
        if (childSaIds.has(id)) this.forward.set(id, { ikeSaId, childSaId: id });
  }

  private tell({ mode, reason, needKeys, supplyKeys, storedKeys, keysPerSecond }: KeyingState): void {
    const figures = {
      reason,
      needKeys: Math.round(needKeys),
      supplyKeys: Math.round(supplyKeys),
      storedKeys,
    };
    this.log[mode === 'fallback' ? 'warn' : 'info'](
      { ...figures, keysPerSecond: Number(keysPerSecond.toFixed(2)) },
      mode === 'fallback'
        ? `quantum keys are too few: ${MODE_REASONS[reason]}`
        : `quantum keys suffice again: ${MODE_REASONS[reason]}`,
    );
  }
}

/** The number in the book of the SA that is rekeyed; undefined for one that is new. */
function idOf({ ikeSaId, purpose }: KeyWish): number | undefined {
  if (purpose.kind === 'ikeSaRekey') return -ikeSaId;
  return purpose.kind === 'childSaRekey' ? purpose.childSaId : undefined;
}

/** An exchange under way: there is one for each purpose at a time. */
function nameOf({ ikeSaId, purpose }: KeyWish): string {
  const what = purpose.kind === 'newChildSa' ? (purpose.tag ?? '') : (idOf({ ikeSaId, purpose }) ?? '');
  return `${ikeSaId} ${purpose.kind} ${what}`;
}
