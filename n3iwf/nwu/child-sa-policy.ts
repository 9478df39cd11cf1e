/** How QoS flows are laid on Child SAs, first and again whenever the flows change. */
import type { QosFlowLevelQosParameters } from '#ngap';
import { type Flows, isGuaranteed } from '../n2/qos-flows.ts';
import type { GreVariant } from './gre.ts';

/** Which flows of a session get a Child SA of their own: none, those with a guaranteed bit rate, or each. */
export const childSaPolicies = ['session', 'gbr', 'flow'] as const;

/** One of these policies. */
export type ChildSaPolicy = (typeof childSaPolicies)[number];

/** How sessions are laid on Child SAs. */
export interface SessionPolicy {
  readonly childSas: ChildSaPolicy;
  /** Differentiated services code points (0 to 63) by 5QI; flows of others keep that of their packets. */
  readonly dscp: ReadonlyMap<number, number>;
  /** How long NAS of a UE waits once the Child SAs of a session are up, in ms; not at all without it. */
  readonly nasDelayMs?: number;
  /** GRE headers of single UEs by their IKE identity; the others have that of the plane. */
  readonly greVariants?: ReadonlyMap<string, GreVariant>;
}

/** One Child SA for each session, and no code points of our own. */
export const defaultSessionPolicy: SessionPolicy = { childSas: 'session', dscp: new Map() };

/** One Child SA to be: what 5G_QOS_INFO tells the UE of it. */
export interface ChildSaPlan {
  readonly qfis: readonly number[];
  readonly isDefault: boolean;
  readonly dscp?: number;
}

/** Whether a flow is to have a Child SA of its own. */
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
export function planChildSas(flows: Flows, policy: SessionPolicy): readonly [ChildSaPlan, ...ChildSaPlan[]] {
  const first = flowsOfDefault(flows, policy, []);
  const others = [...flows.keys()].filter((qfi) => !first.includes(qfi));
  return [planOf(flows, first, true, policy), ...others.map((qfi) => planOf(flows, [qfi], false, policy))];
}

/** How the flows of a session ride at present: on the default Child SA, or on one of their own. */
export interface Riding {
  readonly onDefault: readonly number[];
  readonly onOwn: readonly number[];
}

/** What turns one layout into another. */
export interface Relaying {
  /** Child SAs to ask the UE for. */
  readonly added: readonly ChildSaPlan[];
  /** Flows that lose the Child SA of their own, as they are gone or ride on the default one from now on. */
  readonly dropped: readonly number[];
}

/**
 * Lays the flows that a session is to have, again at least one, on the Child SAs that it has. What need not move stays:
 * above all the default Child SA, whose last flow is followed by another [TS24502 7.6.2].
 */
export function replanChildSas(flows: Flows, riding: Riding, policy: SessionPolicy): Relaying {
  const onDefault = flowsOfDefault(flows, policy, riding.onDefault, riding.onOwn);
  const ownWanted = [...flows.keys()].filter((qfi) => !onDefault.includes(qfi));
  return {
    added: ownWanted
      .filter((qfi) => !riding.onOwn.includes(qfi))
      .map((qfi) => planOf(flows, [qfi], false, policy)),
    dropped: riding.onOwn.filter((qfi) => !ownWanted.includes(qfi)),
  };
}

/** A Child SA for `qfis`, with the code point that they share. */
export function planOf(
  flows: Flows,
  qfis: readonly number[],
  isDefault: boolean,
  { dscp }: SessionPolicy,
): ChildSaPlan {
  const code = codePointOf(
    qfis.map((qfi) => flows.get(qfi)),
    dscp,
  );
  return code === undefined ? { qfis, isDefault } : { qfis, isDefault, dscp: code };
}

/**
 * The flows that share the default Child SA. Where all ask for one of their own, a single flow is the default one's: the
 * one that rides there already, else one that has no other yet, and of those rather one without a guaranteed bit rate.
 */
function flowsOfDefault(
  flows: Flows,
  { childSas }: SessionPolicy,
  before: readonly number[],
  onOwn: readonly number[] = [],
): readonly number[] {
  const all = [...flows];
  const shared = all.filter(([, parameters]) => !ownSa[childSas](parameters));
  if (shared.length > 0) return shared.map(([qfi]) => qfi);
  const isPlain = ([, parameters]: (typeof all)[number]) => !isGuaranteed(parameters);
  const stays = all.find(([qfi]) => before.includes(qfi));
  const fresh = all.filter(([qfi]) => !onOwn.includes(qfi));
  const chosen = stays ?? fresh.find(isPlain) ?? fresh[0] ?? all.find(isPlain) ?? all[0];
  return chosen === undefined ? [] : [chosen[0]];
}

/** The code point that all flows of a Child SA share; undefined where they differ or one has none. */
function codePointOf(
  flows: readonly (QosFlowLevelQosParameters | undefined)[],
  dscp: ReadonlyMap<number, number>,
): number | undefined {
  const codes = new Set(flows.map((parameters) => dscp.get(fiveQiOf(parameters) ?? -1)));
  return codes.size === 1 ? [...codes][0] : undefined;
}

/** The 5QI of a flow, standardized or assigned by the network; undefined where the AMF gave none. */
export function fiveQiOf(parameters: QosFlowLevelQosParameters | undefined): number | undefined {
  const characteristics = parameters?.qosCharacteristics;
  if (characteristics?.choice === 'nonDynamic5qi' || characteristics?.choice === 'dynamic5qi')
    return characteristics.value.fiveQi;
  return undefined;
}
