import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventFeed, type NodeEvent } from '../../../n3iwf/journal/feed.ts';

const step = { kind: 'node', name: 'reloaded' } as const;
const numbers = (events: readonly NodeEvent[]) => events.map(({ seq }) => seq);

describe('the feed of events', () => {
  it('keeps the newest, whatever was asked for', () => {
    fc.assert(
      fc.property(
        fc.nat(40),
        fc.integer({ min: 1, max: 12 }),
        fc.nat(50),
        fc.nat(20),
        (count, size, seq, limit) => {
          const feed = new EventFeed(() => 0, size);
          for (let each = 0; each < count; each++) feed.add(step);
          const all = Array.from({ length: count }, (_, at) => at + 1);
          const most = Math.min(limit, size);
          const wanted = most === 0 ? [] : all.slice(-most).filter((each) => each > seq);
          expect(numbers(feed.since(seq, limit))).toEqual(wanted);
        },
      ),
    );
  });

  it('tells subscribers at once, in order, until they leave', () => {
    const feed = new EventFeed(() => 77);
    const heard: NodeEvent[] = [];
    const leave = feed.subscribe((event) => void heard.push(event));
    feed.add(step, { ueId: 3 });
    leave();
    feed.add(step);
    expect(heard).toEqual([{ ...step, ueId: 3, seq: 1, timeMs: 77 }]);
  });

  it('lets a subscriber that fails go, and no one else', () => {
    const feed = new EventFeed(() => 0);
    let broken = 0;
    const heard: number[] = [];
    feed.subscribe(() => {
      broken++;
      throw new Error('closed');
    });
    feed.subscribe(({ seq }) => void heard.push(seq));
    feed.add(step);
    feed.add(step);
    expect({ broken, heard }).toEqual({ broken: 1, heard: [1, 2] });
  });
});
