import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { securityResult, unmetSecurity } from '../../../n3iwf/n2/up-security.ts';
import { childSaPolicies, planChildSas, replanChildSas } from '../../../n3iwf/nwu/child-sa-policy.ts';
import { delayCritical, standard } from '../n2/support.ts';

const flows = (...list: [qfi: number, fiveQi: number, guaranteed?: boolean][]) =>
  new Map(list.map(([qfi, fiveQi, guaranteed]) => [qfi, standard(fiveQi, guaranteed)]));
const none = new Map<number, number>();

const three = flows([1, 9], [2, 8], [3, 1, true]);

describe('flows on Child SAs', () => {
  it('one for the session, one more for each guaranteed bit rate, or one for each flow', () => {
    expect(planChildSas(three, { childSas: 'session', dscp: none })).toEqual([
      { qfis: [1, 2, 3], isDefault: true },
    ]);
    expect(planChildSas(three, { childSas: 'gbr', dscp: none })).toEqual([
      { qfis: [1, 2], isDefault: true },
      { qfis: [3], isDefault: false },
    ]);
    expect(planChildSas(three, { childSas: 'flow', dscp: none })).toEqual([
      { qfis: [1], isDefault: true },
      { qfis: [2], isDefault: false },
      { qfis: [3], isDefault: false },
    ]);
  });

  it('where all flows are guaranteed, or one alone, that of the first is the default', () => {
    const all = flows([7, 1, true], [8, 2, true]);
    expect(planChildSas(all, { childSas: 'gbr', dscp: none })).toEqual([
      { qfis: [7], isDefault: true },
      { qfis: [8], isDefault: false },
    ]);
    const [first] = planChildSas(flows([7, 1, true], [8, 9]), { childSas: 'flow', dscp: none });
    expect(first).toEqual({ qfis: [8], isDefault: true });
  });

  it('a code point is told where all flows of a Child SA share it', () => {
    const dscp = new Map([
      [1, 46],
      [9, 0],
      [8, 10],
    ]);
    expect(planChildSas(three, { childSas: 'gbr', dscp })).toEqual([
      { qfis: [1, 2], isDefault: true },
      { qfis: [3], isDefault: false, dscp: 46 },
    ]);
    expect(planChildSas(flows([1, 9], [2, 9]), { childSas: 'session', dscp })).toEqual([
      { qfis: [1, 2], isDefault: true, dscp: 0 },
    ]);
    const described = new Map([[4, delayCritical()]]);
    expect(planChildSas(described, { childSas: 'flow', dscp })).toEqual([{ qfis: [4], isDefault: true }]);
  });

  it('[TS24502 7.5.2] every flow rides on exactly one, and exactly one is the default, the first', () => {
    const list = fc.uniqueArray(fc.tuple(fc.nat(63), fc.integer({ min: 1, max: 9 }), fc.boolean()), {
      minLength: 1,
      maxLength: 20,
      selector: ([qfi]) => qfi,
    });
    fc.assert(
      fc.property(list, fc.constantFrom(...childSaPolicies), (flowList, childSas) => {
        const plans = planChildSas(flows(...flowList), { childSas, dscp: none });
        expect(plans.map(({ isDefault }) => isDefault)).toEqual(plans.map((_, at) => at === 0));
        const carried = plans.flatMap(({ qfis }) => qfis);
        expect([...carried].sort()).toEqual(flowList.map(([qfi]) => qfi).sort());
      }),
    );
  });
});

describe('protection that the SMF asks for', () => {
  const gcm = { encr: 'aes256-gcm16', integ: 'none' } as const;
  const nullHmac = { encr: 'null', integ: 'hmac-sha2-256-128' } as const;
  const wish = (integrity: 'required' | 'preferred' | 'not-needed', confidentiality: typeof integrity) => ({
    integrityProtectionIndication: integrity,
    confidentialityProtectionIndication: confidentiality,
  });

  it('[TS38413 8.2.1.2] [TS38413 9.3.1.27] what is required and cannot be had refuses the session with its cause', () => {
    expect(unmetSecurity(undefined, [nullHmac])).toBeUndefined();
    expect(unmetSecurity(wish('required', 'required'), [nullHmac, gcm])).toBeUndefined();
    expect(unmetSecurity(wish('required', 'required'), [nullHmac])?.value).toBe(
      'up-confidentiality-protection-not-possible',
    );
    expect(unmetSecurity(wish('required', 'not-needed'), [nullHmac])).toBeUndefined();
    expect(unmetSecurity(wish('required', 'not-needed'), [])?.value).toBe(
      'up-integrity-protection-not-possible',
    );
    for (const free of ['preferred', 'not-needed'] as const)
      expect(unmetSecurity(wish(free, free), [])).toBeUndefined();
  });

  it('[TS38413 8.2.1.2] [TS38413 9.3.1.59] what was only preferred is reported as it came out', () => {
    expect(securityResult(undefined, gcm)).toBeUndefined();
    expect(securityResult(wish('required', 'not-needed'), gcm)).toBeUndefined();
    expect(securityResult(wish('required', 'preferred'), gcm)).toEqual({
      integrityProtectionResult: 'performed',
      confidentialityProtectionResult: 'performed',
    });
    expect(securityResult(wish('preferred', 'not-needed'), nullHmac)).toEqual({
      integrityProtectionResult: 'performed',
      confidentialityProtectionResult: 'not-performed',
    });
  });
});

describe('another layout of a session that is up', () => {
  const riding = (onDefault: readonly number[], onOwn: readonly number[]) => ({ onDefault, onOwn });

  it('what the policy does not move stays where it is', () => {
    const policy = { childSas: 'gbr', dscp: none } as const;
    const all = flows([1, 9], [2, 1, true], [3, 8]);
    expect(replanChildSas(all, riding([1, 3], [2]), policy)).toEqual({ added: [], dropped: [] });
    expect(replanChildSas(all, riding([1, 2, 3], []), policy).added).toEqual([
      { qfis: [2], isDefault: false },
    ]);
    expect(replanChildSas(flows([1, 9]), riding([1, 3], [2]), policy)).toEqual({ added: [], dropped: [2] });
    expect(replanChildSas(flows([2, 9], [1, 9]), riding([1], [2]), policy).dropped).toEqual([2]);
  });

  it('[TS24502 7.5.2] the default Child SA is never left without a flow, and no flow without a Child SA', () => {
    const some = fc.uniqueArray(fc.tuple(fc.nat(63), fc.integer({ min: 1, max: 9 }), fc.boolean()), {
      minLength: 1,
      maxLength: 12,
      selector: ([qfi]) => qfi,
    });
    fc.assert(
      fc.property(some, some, fc.constantFrom(...childSaPolicies), (before, after, childSas) => {
        const policy = { childSas, dscp: none };
        const [first, ...own] = planChildSas(flows(...before), policy);
        const onOwn = own.flatMap(({ qfis }) => qfis);
        const { added, dropped } = replanChildSas(flows(...after), riding(first.qfis, onOwn), policy);
        const stays = onOwn.filter((qfi) => !dropped.includes(qfi));
        const owned = [...stays, ...added.flatMap(({ qfis }) => qfis)];
        const onDefault = after.filter(([qfi]) => !owned.includes(qfi));
        expect(onDefault.length).toBeGreaterThan(0);
        expect(new Set(owned).size).toBe(owned.length);
        expect(owned.every((qfi) => after.some(([other]) => other === qfi))).toBe(true);
        expect(onDefault.length === 1 || !onDefault.some(([, , gbr]) => childSas === 'gbr' && gbr)).toBe(
          true,
        );
      }),
    );
  });
});
