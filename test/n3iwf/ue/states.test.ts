import { describe, expect, test } from 'vitest';
import { nextState, type UeInput, type UeState, ueTransitions } from '../../../n3iwf/ue/states.ts';

const states = Object.keys(ueTransitions) as UeState[];
const inputs: UeInput[] = [
  'nasFromUe',
  'nasFromAmf',
  'contextSetup',
  'signallingUp',
  'sessionSetup',
  'release',
  'closed',
];

/** The life of a UE as TS 24.502 tells it, one row per state: what may happen in it and where that leads. */
const expected: Record<UeState, string> = {
  starting: 'nasFromUe>registering release>releasing closed>closed',
  registering:
    'nasFromUe>registering nasFromAmf>registering contextSetup>securing release>releasing closed>closed',
  securing: 'nasFromAmf>securing signallingUp>attached release>releasing closed>closed',
  attached:
    'nasFromUe>attached nasFromAmf>attached contextSetup>attached sessionSetup>attached release>releasing closed>closed',
  releasing: 'nasFromAmf>releasing release>releasing closed>closed',
  closed: '',
};

describe('[TS24502 7.3] states of a UE', () => {
  test.each(states)('%s answers every input by the table, and has no other', (state) => {
    const seen = inputs
      .map((input) => ({ input, next: nextState(state, input) }))
      .filter(({ next }) => next !== undefined)
      .map(({ input, next }) => `${input}>${next}`);
    expect(seen.join(' ')).toBe(expected[state]);
  });

  test('every state but closed can be left by its IKE SA closing, and closed cannot be left', () => {
    for (const state of states)
      expect(nextState(state, 'closed')).toBe(state === 'closed' ? undefined : 'closed');
    for (const input of inputs) expect(nextState('closed', input)).toBeUndefined();
  });

  test('NAS of the UE cannot overtake its authentication: only the signalling SA opens the attached state', () => {
    const ways = states.flatMap((state) =>
      inputs.map((input) => ({ state, input, next: nextState(state, input) })),
    );
    expect(ways.filter(({ next, state }) => next === 'attached' && state !== 'attached')).toEqual([
      { state: 'securing', input: 'signallingUp', next: 'attached' },
    ]);
  });
});
