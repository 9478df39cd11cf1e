import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WakeTimer } from '../../../n3iwf/io/wake-timer.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** An engine with a list of deadlines; `ticks` are the times at which it was woken. */
function engineWith(deadlines: number[]) {
  const start = Date.now();
  const now = () => Date.now() - start;
  const ticks: number[] = [];
  const engine = {
    tick: () => {
      ticks.push(now());
      while (deadlines[0] !== undefined && deadlines[0] <= now()) deadlines.shift();
    },
    deadline: () => deadlines[0],
  };
  return { timer: new WakeTimer(engine, now), deadlines, ticks };
}

describe('wake timer', () => {
  it('wakes the engine at each of its deadlines', () => {
    const { timer, ticks } = engineWith([100, 250]);
    timer.rearm();
    vi.advanceTimersByTime(99);
    expect(ticks).toEqual([]);
    vi.advanceTimersByTime(1000);
    expect(ticks).toEqual([100, 250]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('follows a deadline that moves either way, with one timer at a time', () => {
    const { timer, deadlines, ticks } = engineWith([100]);
    timer.rearm();
    timer.rearm();
    expect(vi.getTimerCount()).toBe(1);
    deadlines[0] = 50;
    timer.rearm();
    vi.advanceTimersByTime(60);
    expect(ticks).toEqual([50]);
    deadlines[0] = 500;
    timer.rearm();
    deadlines[0] = 700;
    timer.rearm();
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(600);
    expect(ticks).toEqual([50]);
    vi.advanceTimersByTime(100);
    expect(ticks).toEqual([50, 700]);
  });

  it('wakes at once for a deadline that is over', () => {
    const { timer, ticks } = engineWith([-5]);
    timer.rearm();
    vi.advanceTimersByTime(1);
    expect(ticks).toHaveLength(1);
  });

  it('rests when the deadline goes away, and for good when stopped', () => {
    const { timer, deadlines, ticks } = engineWith([100]);
    timer.rearm();
    deadlines.length = 0;
    timer.rearm();
    expect(vi.getTimerCount()).toBe(0);
    deadlines.push(200);
    timer.rearm();
    timer.stop();
    timer.rearm();
    vi.advanceTimersByTime(1000);
    expect(ticks).toEqual([]);
  });
});
