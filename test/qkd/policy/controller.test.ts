import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ControllerSettings, DEFAULT_SETTINGS, KeyingController, type Supply } from '#qkd';

const GOOD: Supply = { storedKeys: 1000, receivedKeys: 0, reachable: true, trusted: true };

/** A node with SAs that rekey every `periodMs`, over a pool that a link fills. One step is 100 ms. */
class World {
  now = 0;
  stored: number;
  reachable = true;
  trusted = true;
  readonly controller: KeyingController;
  /** What each request got, by rank. */
  readonly granted = [0, 0];
  readonly refused = [0, 0];
  readonly entries: number[] = [];
  readonly returns: number[] = [];
  /** The pool as it was when quantum keying was left. */
  readonly storedAtEntry: number[] = [];
  lowestInQkd = Number.POSITIVE_INFINITY;
  readonly #periodMs: number;
  readonly #capacity: number;
  #fraction = 0;

  constructor(
    sas: number,
    periodMs: number,
    more: {
      stored?: number;
      capacity?: number;
      settings?: Partial<ControllerSettings>;
      critical?: number;
    } = {},
  ) {
    this.stored = more.stored ?? 1000;
    this.#capacity = more.capacity ?? 10_000;
    this.#periodMs = periodMs;
    this.controller = new KeyingController(more.settings);
    for (let sa = 0; sa < sas; sa++)
      this.controller.forecast.book(sa, {
        dueMs: (periodMs * (sa + 1)) / sas,
        rank: (sa % 10) / 10 < (more.critical ?? 0) ? 0 : 1,
        keying: 'qkd',
      });
    this.#sas = sas;
  }

  readonly #sas: number;

  run(forMs: number, keysPerSecond: number): void {
    const until = this.now + forMs;
    while (this.now < until) this.#step(keysPerSecond);
  }

  #step(keysPerSecond: number): void {
    this.now += 100;
    this.#fraction += keysPerSecond / 10;
    const received = Math.floor(this.#fraction);
    this.#fraction -= received;
    this.stored = Math.min(this.#capacity, this.stored + received);
    this.#evaluate(received);
    for (let sa = 0; sa < this.#sas; sa++) {
      const entry = this.controller.forecast.find(sa);
      if (entry === undefined || entry.dueMs > this.now) continue;
      const keying = this.controller.request(this.now, entry.rank, true);
      const quantum = keying === 'qkd' || keying === 'hybrid';
      if (quantum) this.stored--;
      (quantum ? this.granted : this.refused)[entry.rank]!++;
      this.controller.forecast.book(sa, {
        ...entry,
        dueMs: this.now + this.#periodMs,
        keying: quantum ? 'qkd' : 'pqc',
      });
    }
    expect(this.stored).toBeGreaterThanOrEqual(0);
  }

  #evaluate(receivedKeys: number): void {
    const before = this.controller.mode;
    const state = this.controller.evaluate(this.now, {
      storedKeys: this.stored,
      receivedKeys,
      reachable: this.reachable,
      trusted: this.trusted,
    });
    expect(state.changed).toBe(state.mode !== before);
    if (state.changed && state.mode === 'fallback') {
      this.entries.push(this.now);
      this.storedAtEntry.push(this.stored);
    }
    if (state.changed && state.mode === 'qkd') this.returns.push(this.now);
    if (state.mode === 'qkd') this.lowestInQkd = Math.min(this.lowestInQkd, this.stored);
  }
}

describe('the way into fallback', () => {
  it('is taken before the pool is empty when the link is throttled to nothing, and left again when it is back', () => {
    const world = new World(100, 60_000, { stored: 500 });
    world.run(120_000, 40);
    expect(world.controller.mode).toBe('qkd');
    expect(world.entries).toEqual([]);
    world.stored = 150;
    world.run(300_000, 0);
    expect(world.controller.mode).toBe('fallback');
    expect(world.entries).toHaveLength(1);
    expect(world.storedAtEntry[0]).toBeGreaterThan(DEFAULT_SETTINGS.reserveKeys - 1);
    world.run(120_000, 40);
    expect(world.controller.mode).toBe('qkd');
    expect(world.returns).toHaveLength(1);
    expect(world.returns[0]! - world.entries[0]!).toBeGreaterThanOrEqual(DEFAULT_SETTINGS.minFallbackMs);
    // Those that fell back are brought forward, so that one period later none is left without a quantum key.
    world.run(60_000, 40);
    expect(world.controller.forecast.count('pqc')).toBe(0);
  });

  it('is open at once for an alarm, whatever the pool, and no key is then given', () => {
    const controller = new KeyingController();
    expect(controller.evaluate(0, GOOD)).toMatchObject({ mode: 'qkd', reason: 'enough', changed: false });
    expect(controller.request(0, 0, true)).toBe('qkd');
    expect(controller.evaluate(1, { ...GOOD, trusted: false })).toMatchObject({
      mode: 'fallback',
      reason: 'link-distrusted',
      changed: true,
    });
    expect(controller.request(2, 0, true)).toBe('pqc');
    expect(controller.request(10_000_000, 0, true)).toBe('pqc');
  });

  it.each([
    ['kme-lost', { ...GOOD, reachable: false }],
    ['pool-at-reserve', { ...GOOD, storedKeys: DEFAULT_SETTINGS.reserveKeys }],
  ] as const)('is told with its reason: %s', (reason, supply) => {
    expect(new KeyingController().evaluate(0, supply)).toMatchObject({ mode: 'fallback', reason });
  });

  it('counts new UEs into the need, which no book foretells', () => {
    const controller = new KeyingController();
    for (let second = 0; second < 60; second++) {
      for (let ue = 0; ue < 5; ue++) controller.request(second * 1000, 1, false);
      controller.evaluate(second * 1000, { ...GOOD, storedKeys: 1000 - second * 5 });
    }
    const state = controller.evaluate(60_000, { ...GOOD, storedKeys: 200 });
    expect(state.needKeys).toBeGreaterThan(250);
    expect(state.needKeys).toBeLessThan(350);
    expect(state).toMatchObject({ mode: 'fallback', reason: 'need-above-supply' });
  });
});

describe('the way back', () => {
  it('does not flap at the boundary: rate and demand equal, and swinging around each other', () => {
    const world = new World(100, 60_000, { stored: 60, capacity: 200 });
    for (let swing = 0; swing < 60; swing++) world.run(10_000, swing % 2 === 0 ? 2.6 : 0.6);
    const gaps = world.entries.slice(1).map((at, index) => at - world.entries[index]!);
    expect(Math.min(...gaps, Number.POSITIVE_INFINITY)).toBeGreaterThanOrEqual(60_000);
    expect(world.lowestInQkd).toBeGreaterThanOrEqual(DEFAULT_SETTINGS.reserveKeys);
  });

  it('starts its wait again when supply dips', () => {
    const controller = new KeyingController({ minFallbackMs: 0, holdMs: 10_000 });
    controller.evaluate(0, { ...GOOD, reachable: false });
    expect(controller.evaluate(1000, GOOD).reason).toBe('recovering');
    expect(controller.evaluate(10_000, { ...GOOD, storedKeys: 9 }).reason).toBe('recovering');
    expect(controller.evaluate(12_000, GOOD).mode).toBe('fallback');
    expect(controller.evaluate(21_999, GOOD).mode).toBe('fallback');
    expect(controller.evaluate(22_000, GOOD)).toMatchObject({ mode: 'qkd', changed: true });
  });

  it('brings forward no more SAs than supply has room for', () => {
    const controller = new KeyingController({ minFallbackMs: 0, holdMs: 0 });
    for (let sa = 0; sa < 100; sa++)
      controller.forecast.book(sa, { dueMs: 1_000_000 + sa, rank: sa < 5 ? 0 : 1, keying: 'pqc' });
    const { broughtForward, mode } = controller.evaluate(0, { ...GOOD, storedKeys: 30 });
    expect(mode).toBe('qkd');
    expect(broughtForward).toHaveLength(30);
    expect(broughtForward.slice(0, 5)).toEqual([0, 1, 2, 3, 4]);
    expect(controller.forecast.due(60_000)).toBe(30);
    expect(controller.forecast.due(30_000)).toBe(15);
    expect(controller.evaluate(1, { ...GOOD, storedKeys: 38 }).mode).toBe('qkd');
  });
});

describe('scarce keys', () => {
  it('go to the first class in full and to the rest in part, and starve nobody, under a deficit of a half', () => {
    const world = new World(300, 300_000, { stored: 300, critical: 0.4 });
    world.run(1_200_000, 0.5);
    const [criticalBefore, normalBefore] = world.granted;
    const refusedBefore = world.refused[0]!;
    world.run(1_200_000, 0.5);
    expect(world.refused[0]).toBe(refusedBefore);
    expect(world.granted[0]! - criticalBefore!).toBeGreaterThan(450);
    expect(world.granted[1]! - normalBefore!).toBeGreaterThanOrEqual(4);
  });

  it('reach a starving class even while a busier one takes all there is', () => {
    const world = new World(100, 30_000, { stored: 100, critical: 0.9 });
    world.run(1_800_000, 0.5);
    expect(world.granted[1]).toBeGreaterThanOrEqual(4);
    expect(world.controller.mode).toBe('fallback');
  });

  it('given back can be had again', () => {
    const controller = new KeyingController({ reserveKeys: 0 });
    controller.evaluate(0, { ...GOOD, storedKeys: 1 });
    expect(controller.request(0, 0, true)).toBe('qkd');
    expect(controller.request(0, 0, true)).toBe('pqc');
    controller.giveBack();
    expect(controller.request(0, 0, true)).toBe('qkd');
  });
});

describe('the reserve', () => {
  it('is left alone in scarcity, but for the key that a class gets now and then', () => {
    const controller = new KeyingController({ reserveKeys: 8 });
    controller.evaluate(0, { ...GOOD, reachable: false, storedKeys: 10 });
    const keyings = [1, 2, 3, 4].map((now) => controller.request(now, 0, true));
    expect(keyings).toEqual(['qkd', 'qkd', 'pqc', 'pqc']);
    expect(controller.request(60_002, 0, true)).toBe('qkd');
  });
});

describe('policies', () => {
  it.each([
    ['qkd-required', 'qkd', 'refuse'],
    ['qkd-preferred', 'qkd', 'pqc'],
    ['hybrid-always', 'hybrid', 'refuse'],
    ['pqc-only', 'pqc', 'pqc'],
    ['classical', 'classical', 'classical'],
  ] as const)('%s: %s with a key, %s without', (policy, withKey, withoutKey) => {
    const controller = new KeyingController({ policy });
    controller.evaluate(0, GOOD);
    expect(controller.request(0, 1, true)).toBe(withKey);
    controller.evaluate(1, { ...GOOD, storedKeys: 0 });
    expect(controller.request(1, 1, true)).toBe(withoutKey);
  });

  it('without quantum keys stay where they are', () => {
    const controller = new KeyingController({ policy: 'pqc-only' });
    expect(controller.evaluate(0, GOOD)).toMatchObject({
      mode: 'fallback',
      reason: 'policy',
      changed: false,
    });
    expect(controller.evaluate(1_000_000, GOOD).mode).toBe('fallback');
  });
});

describe('for any trace of rates, outages and alarms', () => {
  const leg = fc.record({
    forMs: fc.integer({ min: 100, max: 90_000 }),
    keysPerSecond: fc.double({ min: 0, max: 8, noNaN: true }),
    reachable: fc.boolean(),
    trusted: fc.boolean(),
  });

  it('the pool never goes below nothing, fallback comes before it is empty, and flaps stay apart', () => {
    fc.assert(
      fc.property(
        fc.array(leg, { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 0, max: 300 }),
        fc.integer({ min: 10_000, max: 120_000 }),
        (legs, stored, periodMs) => {
          const world = new World(60, periodMs, { stored, capacity: 400, critical: 0.3 });
          for (const { forMs, keysPerSecond, reachable, trusted } of legs) {
            world.reachable = reachable;
            world.trusted = trusted;
            world.run(forMs, keysPerSecond);
          }
          expect(world.lowestInQkd).toBeGreaterThan(DEFAULT_SETTINGS.reserveKeys);
          for (const [index, at] of world.entries.entries())
            if (index > 0)
              expect(at - world.entries[index - 1]!).toBeGreaterThanOrEqual(DEFAULT_SETTINGS.minFallbackMs);
          // Each entry is answered by at most one return.
          expect(world.returns.length).toBeLessThanOrEqual(world.entries.length);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('in quantum mode a request always gets a key', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 9, max: 200 }),
        fc.integer({ min: 1, max: 8 }),
        (storedKeys, requests) => {
          const controller = new KeyingController();
          const { mode } = controller.evaluate(0, { ...GOOD, storedKeys });
          expect(mode).toBe('qkd');
          for (let index = 0; index < requests; index++) expect(controller.request(0, 1, true)).toBe('qkd');
        },
      ),
    );
  });
});

describe('other settings', () => {
  it('count from the next look on; a policy without quantum keys is a fallback at once', () => {
    const controller = new KeyingController({ policy: 'qkd-preferred' });
    expect(controller.evaluate(0, GOOD).mode).toBe('qkd');
    controller.reconfigure({ policy: 'pqc-only' });
    expect(controller.evaluate(100, GOOD)).toMatchObject({ mode: 'fallback', reason: 'policy' });
    controller.reconfigure({ policy: 'qkd-preferred', holdMs: 100, minFallbackMs: 0 });
    controller.evaluate(200, GOOD);
    expect(controller.evaluate(10_000, GOOD).mode).toBe('qkd');
    controller.reconfigure({ policy: 'qkd-preferred', reserveKeys: 5000 });
    expect(controller.evaluate(10_100, GOOD).mode).toBe('fallback');
  });
});
