import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ranges, type StayingUe, stay } from '../../../n3iwf/cli/ue-stay.ts';

/** A UE whose pings are answered but for those in `lost`, and which notes where it went. */
class FakeUe implements StayingUe {
  readonly ue = { stack: { spis: () => ['00000001/00000002'] } };
  readonly went: string[] = [];
  private sequence = 0;
  private readonly lost: readonly number[];
  private readonly takes: (address: string) => boolean;

  constructor(lost: readonly number[] = [], takes: (address: string) => boolean = () => true) {
    this.lost = lost;
    this.takes = takes;
  }

  fails: (error: Error) => void = () => {};
  private readonly end = new Promise<never>((_, reject) => {
    this.fails = reject;
  });

  gone(): Promise<never> {
    return this.end;
  }

  echo() {
    const sequence = ++this.sequence;
    return { sequence, answer: Promise.resolve(this.lost.includes(sequence) ? undefined : 1.5) };
  }

  async moveTo(address: string): Promise<number> {
    this.went.push(address);
    if (!this.takes(address)) throw new Error(`the N3IWF refuses ${address}`);
    return 20;
  }
}

/** Stays until it has said a line that matches. */
async function stayed(ue: FakeUe, addresses: readonly (string | undefined)[], until: RegExp) {
  const said: string[] = [];
  let end: () => void = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  let looks = 0;
  const address = () => addresses[Math.min(looks++, addresses.length - 1)];
  const summary = await stay(ue, '192.0.2.1', { everyMs: 1, limitMs: 10, address }, ended, (line) => {
    said.push(line);
    if (until.test(line)) end();
  });
  return { said, summary };
}

describe('staying attached', () => {
  it('pings by number and tells which were lost', async () => {
    const { said, summary } = await stayed(new FakeUe([2, 3, 4, 7]), [undefined], /^ping 9:/);
    expect(said[0]).toBe('Child SAs 00000001/00000002');
    expect(said.slice(1, 5)).toEqual(['ping 1: 1.5 ms', 'ping 2: lost', 'ping 3: lost', 'ping 4: lost']);
    expect(summary).toMatchObject({ lost: [2, 3, 4, 7], moves: 0 });
    expect(said.at(-1)).toBe(`pings: ${summary.sent} sent, ${summary.sent - 4} answered, lost 2-4, 7`);
  });

  it('[RFC4555 3.5] follows the address of its interface, once for each change', async () => {
    const ue = new FakeUe();
    const addresses = ['192.0.2.1', '192.0.2.1', undefined, '192.0.2.9', '192.0.2.9', '192.0.2.1'];
    const { said, summary } = await stayed(ue, addresses, /moved to 192\.0\.2\.1 /);
    expect(ue.went).toEqual(['192.0.2.9', '192.0.2.1']);
    expect(summary.moves).toBe(2);
    expect(said).toContain('moved to 192.0.2.9 by MOBIKE in 20 ms, Child SAs 00000001/00000002');
    expect(said.at(-1)).toMatch(/lost none$/);
  });

  it('ends with the fault when the N3IWF does not take the address, or ends the SA', async () => {
    const refused = new FakeUe([], () => false);
    await expect(stayed(refused, ['192.0.2.9'], /never/)).rejects.toThrow('the N3IWF refuses 192.0.2.9');
    const closed = new FakeUe();
    setTimeout(() => closed.fails(new Error('the IKE SA was closed')), 20);
    await expect(stayed(closed, [undefined], /never/)).rejects.toThrow('the IKE SA was closed');
  });
});

describe('numbers as ranges', () => {
  it.each([
    [[], ''],
    [[3], '3'],
    [[7, 5, 6, 1], '1, 5-7'],
  ])('%j: %s', (numbers, text) => {
    expect(ranges(numbers)).toBe(text);
  });

  it('name every number once', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 50 })), (numbers) => {
        const named = ranges(numbers)
          .split(', ')
          .filter((part) => part !== '')
          .flatMap((part) => {
            const [from = 0, to = from] = part.split('-').map(Number);
            return Array.from({ length: to - from + 1 }, (_, at) => from + at);
          });
        expect(named).toEqual([...numbers].sort((a, b) => a - b));
      }),
    );
  });
});
