import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isGuaranteed, judgeFlows } from '../../../n3iwf/n2/qos-flows.ts';
import { delayCritical, flow, standard } from './support.ts';

const none = new Set<number>();
const existing = new Map([[1, standard(9)]]);
const causeOf = (verdict: ReturnType<typeof judgeFlows>, qfi: number) =>
  verdict.failed.find(({ qosFlowIdentifier }) => qosFlowIdentifier === qfi)?.cause.value;

describe('flows of a request', () => {
  it('[TS23501 5.7.4] knows a guaranteed bit rate by the 5QI, by the description, and by its rates', () => {
    expect([1, 65, 82].map((fiveQi) => isGuaranteed(standard(fiveQi)))).toEqual([true, true, true]);
    expect([5, 9, 79].map((fiveQi) => isGuaranteed(standard(fiveQi)))).toEqual([false, false, false]);
    expect(isGuaranteed(standard(9, true))).toBe(true);
    expect(isGuaranteed(delayCritical())).toBe(true);
  });

  it('accepts new flows and changes, with the parameters of each', () => {
    const verdict = judgeFlows(
      [flow(1), flow(2, standard(1, true)), flow(3, delayCritical(255))],
      existing,
      none,
    );
    expect(verdict.failed).toEqual([]);
    expect([...verdict.accepted.keys()]).toEqual([1, 2, 3]);
    expect(verdict.accepted.get(1)).toBe(existing.get(1));
  });

  const refusals = [
    [
      'an ID that comes twice',
      [flow(4, standard(9)), flow(4, standard(8))],
      none,
      'multiple-qos-flow-ID-instances',
    ],
    ['one that is released as well', [flow(4, standard(9))], new Set([4]), 'multiple-qos-flow-ID-instances'],
    ['an unknown flow without parameters', [flow(4)], none, 'unkown-qos-flow-ID'],
    ['a guaranteed flow without rates', [flow(4, standard(1))], none, 'invalid-qos-combination'],
    [
      'a delay-critical one without burst volume',
      [flow(4, delayCritical())],
      none,
      'invalid-qos-combination',
    ],
  ] as const;
  for (const [what, requests, released, cause] of refusals) {
    it(`[TS38413 8.2.1.4] [TS38413 8.2.3.4] refuses ${what}, and it alone`, () => {
      const verdict = judgeFlows([...requests, flow(5, standard(9))], existing, released);
      expect(causeOf(verdict, 4)).toBe(cause);
      expect([...verdict.accepted.keys()]).toEqual([5]);
      expect(verdict.failed).toHaveLength(1);
    });
  }
});

describe('flows of any request', () => {
  it('gives every flow of any request exactly one verdict', () => {
    const parameters = fc.option(
      fc.constantFrom(standard(9), standard(1), standard(1, true), delayCritical()),
    );
    const requests = fc.array(
      fc
        .record({ qfi: fc.nat(8), parameters })
        .map(({ qfi, parameters }) => flow(qfi, parameters ?? undefined)),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(requests, fc.array(fc.nat(8)), (list, released) => {
        const { accepted, failed } = judgeFlows(list, existing, new Set(released));
        const judged = [...accepted.keys(), ...failed.map(({ qosFlowIdentifier }) => qosFlowIdentifier)];
        expect(judged.sort((a, b) => a - b)).toEqual(
          [...new Set(list.map(({ qosFlowIdentifier }) => qosFlowIdentifier))].sort((a, b) => a - b),
        );
        for (const qfi of released) expect(accepted.has(qfi)).toBe(false);
      }),
    );
  });
});
