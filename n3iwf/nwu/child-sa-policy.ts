import type { QosFlowLevelQosParameters } from '#ngap';
import { type Flows, isGuaranteed } from '../n2/qos-flows.ts';

/** Which flows of a session get a Child SA of their own: none, those with a guaranteed bit rate, or each. */
export const childSaPolicies = ['session', 'gbr', 'flow'] as const;

export type ChildSaPolicy = (typeof childSaPolicies)[number];

/** How sessions are laid on Child SAs. */
export interface SessionPolicy {
  readonly childSas: ChildSaPolicy;
  /** Differentiated services code points (0 to 63) by 5QI; flows of others keep that of their packets. */
  readonly dscp: ReadonlyMap<number, number>;
}

export const defaultSessionPolicy: SessionPolicy = { childSas: 'session', dscp: new Map() };

/** One Child SA to be: what 5G_QOS_INFO tells the UE of it. */
export interface ChildSaPlan {
  readonly qfis: readonly number[];
  readonly isDefault: boolean;
  readonly dscp?: number;
}

const ownSa: Record<ChildSaPolicy, (parameters: QosFlowLevelQosParameters) => boolean> = {
  session: () => false,
  gbr: isGuaranteed,
  flow: () => true,
};

/**
 * Lays the flows of a session, of which there is at least one, on Child SAs. The first takes those that have none of
 * their own and is the default one, of which a session has exactly one [TS24502 7.5.2]; where every flow asks for one of
 * its own, that of the first flow without a guaranteed bit rate is the default.
 */
export function planChildSas(
  flows: Flows,
  { childSas, dscp }: SessionPolicy,
): readonly [ChildSaPlan, ...ChildSaPlan[]] {
  const all = [...flows.keys()];
  const parameters = (qfi: number) => flows.get(qfi);
  const wantsOwn = (qfi: number) => {
    const wanted = parameters(qfi);
    return wanted !== undefined && ownSa[childSas](wanted);
  };
  const shared = all.filter((qfi) => !wantsOwn(qfi));
  const plain = all.find((qfi) => !isGuaranteedFlow(parameters(qfi))) ?? all[0];
  const first = shared.length > 0 ? shared : all.filter((qfi) => qfi === plain);
  const others = all.filter((qfi) => !first.includes(qfi));
  const plan = (qfis: readonly number[], isDefault: boolean): ChildSaPlan => {
    const code = codePointOf(qfis.map(parameters), dscp);
    return code === undefined ? { qfis, isDefault } : { qfis, isDefault, dscp: code };
  };
  return [plan(first, true), ...others.map((qfi) => plan([qfi], false))];
}

function isGuaranteedFlow(parameters: QosFlowLevelQosParameters | undefined): boolean {
  return parameters !== undefined && isGuaranteed(parameters);
}

/** The code point that all flows of a Child SA share; undefined where they differ or one has none. */
function codePointOf(
  flows: readonly (QosFlowLevelQosParameters | undefined)[],
  dscp: ReadonlyMap<number, number>,
): number | undefined {
  const codes = new Set(flows.map((parameters) => dscp.get(fiveQiOf(parameters) ?? -1)));
  return codes.size === 1 ? [...codes][0] : undefined;
}

function fiveQiOf(parameters: QosFlowLevelQosParameters | undefined): number | undefined {
  const characteristics = parameters?.qosCharacteristics;
  if (characteristics?.choice === 'nonDynamic5qi' || characteristics?.choice === 'dynamic5qi')
    return characteristics.value.fiveQi;
  return undefined;
}
