import type { Cause, QosFlowLevelQosParameters } from '#ngap';

/** One flow of a request; to change a flow that exists, the parameters may be left out. */
export interface FlowRequest {
  readonly qosFlowIdentifier: number;
  readonly qosFlowLevelQosParameters?: QosFlowLevelQosParameters | undefined;
}

/** A flow that could not be had, as every transfer lists it. */
export interface FailedFlow {
  readonly qosFlowIdentifier: number;
  readonly cause: Cause;
}

/** Flows by QFI, with what was asked for each. */
export type Flows = ReadonlyMap<number, QosFlowLevelQosParameters>;

/** What becomes of the flows of one request: the parameters of those accepted, by QFI, and the others with their causes. */
export interface FlowVerdict {
  readonly accepted: Flows;
  readonly failed: readonly FailedFlow[];
}

/** Standardized 5QI values with a guaranteed bit rate, the delay-critical ones included [TS23501 5.7.4]. */
const guaranteed: ReadonlySet<number> = new Set([
  1, 2, 3, 4, 65, 66, 67, 71, 72, 73, 74, 75, 76, 82, 83, 84, 85, 86, 87, 88, 89, 90,
]);

/** True when the flow has a guaranteed bit rate, whether its 5QI is standardized or described in full. */
export function isGuaranteed({ qosCharacteristics, gbrQosInformation }: QosFlowLevelQosParameters): boolean {
  if (gbrQosInformation !== undefined) return true;
  if (qosCharacteristics.choice === 'nonDynamic5qi') return guaranteed.has(qosCharacteristics.value.fiveQi);
  return isDelayCritical(qosCharacteristics);
}

function isDelayCritical(characteristics: QosFlowLevelQosParameters['qosCharacteristics']): boolean {
  return characteristics.choice === 'dynamic5qi' && characteristics.value.delayCritical === 'delay-critical';
}

/** What rules look at beside the flow itself. */
interface Context {
  readonly requests: readonly FlowRequest[];
  readonly existing: Flows;
  readonly released: ReadonlySet<number>;
}

/** What a flow must be so that it is served, and the cause that it is refused with otherwise. */
interface Rule {
  readonly cause: Cause;
  breaks(flow: FlowRequest, context: Context): boolean;
}

const radioNetwork = <V extends Extract<Cause, { choice: 'radioNetwork' }>['value']>(value: V): Cause => ({
  choice: 'radioNetwork',
  value,
});

/** Why a flow is refused; the first rule that it breaks gives the cause [TS38413 8.2.1.4], [TS38413 8.2.3.4]. */
const rules: readonly Rule[] = [
  {
    cause: radioNetwork('multiple-qos-flow-ID-instances'),
    breaks: ({ qosFlowIdentifier: qfi }, { requests, released }) =>
      released.has(qfi) || requests.filter(({ qosFlowIdentifier }) => qosFlowIdentifier === qfi).length > 1,
  },
  {
    cause: radioNetwork('unkown-qos-flow-ID'),
    breaks: ({ qosFlowIdentifier, qosFlowLevelQosParameters }, { existing }) =>
      qosFlowLevelQosParameters === undefined && !existing.has(qosFlowIdentifier),
  },
  {
    cause: radioNetwork('invalid-qos-combination'),
    breaks: ({ qosFlowLevelQosParameters: wanted }) =>
      wanted !== undefined && isGuaranteed(wanted) && wanted.gbrQosInformation === undefined,
  },
  {
    cause: radioNetwork('invalid-qos-combination'),
    breaks: ({ qosFlowLevelQosParameters: wanted }) =>
      wanted !== undefined &&
      wanted.qosCharacteristics.choice === 'dynamic5qi' &&
      isDelayCritical(wanted.qosCharacteristics) &&
      wanted.qosCharacteristics.value.maximumDataBurstVolume === undefined,
  },
];

/**
 * Weighs the flows that a request wants set up or changed. `existing` are the session's flows, `released` the QFIs that
 * the same request takes away: a flow in both lists is refused and not released.
 */
export function judgeFlows(
  requests: readonly FlowRequest[],
  existing: Flows,
  released: ReadonlySet<number>,
): FlowVerdict {
  const context = { requests, existing, released };
  const accepted = new Map<number, QosFlowLevelQosParameters>();
  const failed = new Map<number, FailedFlow>();
  for (const request of requests) {
    const { qosFlowIdentifier } = request;
    const broken = rules.find((rule) => rule.breaks(request, context));
    const parameters = request.qosFlowLevelQosParameters ?? existing.get(qosFlowIdentifier);
    if (broken !== undefined) failed.set(qosFlowIdentifier, { qosFlowIdentifier, cause: broken.cause });
    else if (parameters !== undefined) accepted.set(qosFlowIdentifier, parameters);
  }
  return { accepted, failed: [...failed.values()] };
}
