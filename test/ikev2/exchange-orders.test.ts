import { describe, expect, it } from 'vitest';
import { Steps } from '../support/ike-steps.ts';
import type { PairOptions, Side } from '../support/pair.ts';

/** `hold` keeps the oldest packet of a side back, `release` delivers what was held longest, `lose` drops it. */
type Verb = 'rekeyChild' | 'deleteChild' | 'deleteNewest' | 'createChild' | 'rekeyIke' | 'deleteIke';
type Move = readonly [Verb | 'pass' | 'hold' | 'lose', Side] | readonly ['release'];

/** What both sides have in the end: Child SAs, or no IKE SA at all. */
type End = number | 'closed';

const sides = ['ue', 'node'] as const;
const swapped = (side: Side): Side => (side === 'ue' ? 'node' : 'ue');

function play(steps: Steps, moves: readonly Move[], turned: boolean): void {
  const held: Parameters<typeof steps.pair.deliver>[0][] = [];
  for (const [verb, who] of moves) {
    const side = who === undefined || !turned ? who : swapped(who);
    if (verb === 'release') steps.pair.deliver(held.shift()!);
    else if (side === undefined) throw new Error(`who ${verb}?`);
    else if (verb === 'hold') held.push(steps.lose(side));
    else if (verb === 'deleteNewest') steps.deleteChild(side, steps.childIds(side).length - 1);
    else steps[verb](side);
  }
  expect(held).toEqual([]);
}

/** Both sides agree, now and after all that may still be sent again, and nothing was told as deleted twice. */
function expectEnd(steps: Steps, end: End): void {
  const { pair } = steps;
  pair.run();
  pair.advance(600_000);
  for (const side of sides) {
    const deleted = pair.events(side, 'childSaDeleted').map(({ childSaId }) => childSaId);
    expect(new Set(deleted).size).toBe(deleted.length);
    expect([...pair[side].ikeSas()]).toHaveLength(end === 'closed' ? 0 : 1);
    if (end !== 'closed') expect(steps.childIds(side)).toHaveLength(end);
  }
  expect(steps.spis('ue')).toEqual(steps.spis('node'));
  if (end === 'closed') return;
  // Both can still go on with what is left.
  for (const side of sides) {
    steps.createChild(side);
    pair.run();
  }
  expect(steps.childIds('ue')).toHaveLength(end + 2);
  expect(steps.spis('ue')).toEqual(steps.spis('node'));
}

type Story = readonly [name: string, moves: readonly Move[], end: End, nonces?: readonly [number, number]];

/** The first side is the UE and then, the same story once more, the node. */
function tell(stories: readonly Story[], options: PairOptions = {}): void {
  for (const [name, moves, end, [low, high] = [1, 9]] of stories) {
    it.each([false, true])(`[RFC7296 2.25] ${name}; sides turned: %s`, (turned) => {
      const steps = new Steps(options);
      steps.nonce[turned ? 'node' : 'ue'] = low;
      steps.nonce[turned ? 'ue' : 'node'] = high;
      play(steps, moves, turned);
      expectEnd(steps, end);
    });
  }
}

describe('a rekey of a Child SA whose responder deletes one of the two', () => {
  const rekeyed: readonly Move[] = [
    ['rekeyChild', 'ue'],
    ['pass', 'ue'],
  ];
  tell([
    [
      'the old one, as its hard limit came, before the answer arrives',
      [...rekeyed, ['hold', 'node'], ['deleteChild', 'node'], ['pass', 'node'], ['pass', 'ue'], ['release']],
      1,
    ],
    [
      'the old one, after the answer',
      [...rekeyed, ['deleteChild', 'node'], ['pass', 'node'], ['pass', 'node']],
      1,
    ],
    [
      'the new one, before the answer arrives: the old one serves on',
      [...rekeyed, ['hold', 'node'], ['deleteNewest', 'node'], ['pass', 'node'], ['pass', 'ue'], ['release']],
      1,
    ],
    [
      'the new one, after the answer',
      [...rekeyed, ['deleteNewest', 'node'], ['pass', 'node'], ['pass', 'node']],
      0,
    ],
    ['and the answer is lost', [...rekeyed, ['lose', 'node'], ['deleteChild', 'node'], ['pass', 'node']], 1],
  ]);
});

for (const nonces of [
  [1, 9],
  [9, 1],
] as const) {
  describe(`crossing rekeys of a Child SA, nonces ${nonces}`, () => {
    const crossing: readonly Move[] = [
      ['rekeyChild', 'ue'],
      ['rekeyChild', 'node'],
    ];
    tell([
      [
        'one answer comes after the other side has deleted what it had to',
        [
          ...crossing,
          ['pass', 'ue'],
          ['pass', 'node'],
          ['hold', 'node'],
          ['pass', 'ue'],
          ['pass', 'node'],
          ['release'],
        ],
        1,
        nonces,
      ],
      [
        'and after it has deleted the new one as well',
        [
          ...crossing,
          ...([
            ['pass', 'ue'],
            ['pass', 'node'],
            ['hold', 'node'],
            ['pass', 'ue'],
            ['pass', 'node'],
          ] as const),
          ...([['pass', 'ue'], ['deleteNewest', 'node'], ['pass', 'node'], ['release']] as const),
        ],
        // The other one's new SA, or its own: then the first one's old SA serves on.
        nonces[0] === 1 ? 1 : 0,
        nonces,
      ],
      [
        'one request arrives while the other side deletes: TEMPORARY_FAILURE',
        [
          ...crossing,
          ['hold', 'ue'],
          ['pass', 'node'],
          ['pass', 'ue'],
          ['release'],
          ['pass', 'node'],
          ['pass', 'node'],
        ],
        1,
        nonces,
      ],
      [
        'and the Delete after that',
        [
          ...crossing,
          ...([
            ['hold', 'ue'],
            ['pass', 'node'],
            ['pass', 'ue'],
            ['hold', 'node'],
          ] as const),
          ...([['release'], ['pass', 'node'], ['release']] as const),
        ],
        1,
        nonces,
      ],
      [
        'one request arrives when all is over: CHILD_SA_NOT_FOUND',
        [
          ...crossing,
          ...([
            ['hold', 'ue'],
            ['pass', 'node'],
            ['pass', 'ue'],
            ['pass', 'node'],
            ['pass', 'ue'],
            ['release'],
          ] as const),
        ],
        1,
        nonces,
      ],
      [
        'one request is lost',
        [...crossing, ['lose', 'ue'], ['pass', 'node'], ['pass', 'ue'], ['pass', 'node']],
        1,
        nonces,
      ],
    ]);
  });
}

describe('a Delete that is late or lost', () => {
  tell([
    [
      'of a Child SA that the other rekeys',
      [
        ['deleteChild', 'ue'],
        ['hold', 'ue'],
        ['rekeyChild', 'node'],
        ['pass', 'node'],
        ['pass', 'ue'],
        ['release'],
      ],
      0,
    ],
    [
      'both delete the Child SA, one Delete is lost',
      [
        ['deleteChild', 'ue'],
        ['lose', 'ue'],
        ['deleteChild', 'node'],
        ['pass', 'node'],
        ['pass', 'ue'],
      ],
      0,
    ],
    [
      'of a Child SA while the other rekeys the IKE SA',
      [
        ['deleteChild', 'ue'],
        ['rekeyIke', 'node'],
        ['pass', 'ue'],
        ['pass', 'node'],
      ],
      0,
    ],
    [
      'of a Child SA, held back, while the other rekeys the IKE SA',
      [
        ['deleteChild', 'ue'],
        ['hold', 'ue'],
        ['rekeyIke', 'node'],
        ['pass', 'node'],
        ['pass', 'ue'],
        ['release'],
      ],
      0,
    ],
    [
      'of a Child SA while the other deletes the IKE SA',
      [
        ['deleteChild', 'ue'],
        ['deleteIke', 'node'],
        ['pass', 'ue'],
        ['pass', 'node'],
      ],
      'closed',
    ],
    [
      'of the IKE SA that the other rekeys',
      [
        ['rekeyIke', 'ue'],
        ['deleteIke', 'node'],
        ['hold', 'node'],
        ['pass', 'ue'],
        ['pass', 'node'],
        ['release'],
      ],
      'closed',
    ],
    [
      'of the IKE SA, lost, while the other rekeys it',
      [
        ['rekeyIke', 'ue'],
        ['deleteIke', 'node'],
        ['lose', 'node'],
        ['pass', 'ue'],
      ],
      'closed',
    ],
    [
      'of the IKE SA while the other makes a Child SA',
      [
        ['createChild', 'ue'],
        ['deleteIke', 'node'],
        ['pass', 'ue'],
        ['pass', 'node'],
      ],
      'closed',
    ],
    [
      'of the IKE SA, its answer lost',
      [
        ['deleteIke', 'ue'],
        ['pass', 'ue'],
        ['lose', 'node'],
      ],
      'closed',
    ],
  ]);
});
