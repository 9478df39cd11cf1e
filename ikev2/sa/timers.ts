/** The one timer table of an IKE SA; the caller's shell arms a single timeout for the earliest of all. */

import type { TimerConfig, TimerName } from '../timing.ts';

/** 4 s, 1.8^n and six transmissions give a peer up after about 160 s. */
export const DEFAULT_TIMERS: TimerConfig = {
  retransmit: 4_000,
  retransmitFactor: 1.8,
  retransmitTries: 6,
  halfOpen: 30_000,
  setUp: 90_000,
  liveness: 120_000,
  linger: 30_000,
  retired: 180_000,
  keepalive: 20_000,
  followUp: 20_000,
};

/** Which timers of one SA run, and when each is due. */
export class TimerTable {
  private readonly due = new Map<TimerName, number>();
  private readonly announce: (at: number) => void;

  /** `announce` hears of every time at which something may be due. */
  constructor(announce: (at: number) => void) {
    this.announce = announce;
  }

  /** Due at `at`. Set to the same time again it announces nothing, as announcements are kept until their time. */
  set(name: TimerName, at: number): void {
    if (this.due.get(name) === at) return;
    this.due.set(name, at);
    this.announce(at);
  }

  /** Not due any more; what was announced is dropped when its time comes. */
  clear(name: TimerName): void {
    this.due.delete(name);
  }

  /** None is. */
  clearAll(): void {
    this.due.clear();
  }

  /** Earliest time at which {@link expire} has something to give. */
  deadline(): number | undefined {
    let earliest: number | undefined;
    for (const at of this.due.values()) if (earliest === undefined || at < earliest) earliest = at;
    return earliest;
  }

  /** Removes and returns the timers that are due, the earliest first. */
  expire(now: number): TimerName[] {
    const expired = [...this.due].filter(([, at]) => at <= now).sort(([, a], [, b]) => a - b);
    for (const [name] of expired) this.due.delete(name);
    return expired.map(([name]) => name);
  }
}

/** A place in the heap. */
interface Entry<T> {
  readonly at: number;
  readonly owner: T;
}

/**
 * Who is to be looked at when: a binary heap, so that thousands of SAs cost no more than those that are due. Entries
 * are never withdrawn; `current` tells the real deadline of an owner, and entries that disagree are dropped at the top.
 */
export class Agenda<T> {
  private readonly heap: Entry<T>[] = [];
  private readonly current: (owner: T) => number | undefined;

  constructor(current: (owner: T) => number | undefined) {
    this.current = current;
  }

  /** Remembers to look at `owner` at that time. */
  add(at: number, owner: T): void {
    const { heap } = this;
    let hole = heap.length;
    while (hole > 0) {
      const parent = heap[(hole - 1) >> 1] as Entry<T>;
      if (parent.at <= at) break;
      heap[hole] = parent;
      hole = (hole - 1) >> 1;
    }
    heap[hole] = { at, owner };
  }

  /** The earliest deadline of all. */
  deadline(): number | undefined {
    for (;;) {
      const top = this.heap[0];
      if (top === undefined || this.current(top.owner) === top.at) return top?.at;
      this.removeTop();
    }
  }

  /** Owners whose deadline has come, each once. */
  takeDue(now: number): Set<T> {
    const owners = new Set<T>();
    for (let top = this.heap[0]; top !== undefined && top.at <= now; top = this.heap[0]) {
      if ((this.current(top.owner) ?? Number.POSITIVE_INFINITY) <= now) owners.add(top.owner);
      this.removeTop();
    }
    return owners;
  }

  /** The last entry takes the top's place and sinks to its own. */
  private removeTop(): void {
    const { heap } = this;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      const [left, right] = [heap[child], heap[child + 1]];
      if (left === undefined) break;
      if (right !== undefined && right.at < left.at) child++;
      const least = heap[child] as Entry<T>;
      if (least.at >= last.at) break;
      heap[hole] = least;
      hole = child;
    }
    heap[hole] = last;
  }
}
