import type { MessageIes } from '#ngap';
import type { Node } from '../../node.ts';
import type { UeContext } from '../../ue/context.ts';

/** This node does not trace, and says so by the trace's own number [TS38413 8.11.2]. */
export function onTraceStart(node: Node, ue: UeContext, ies: MessageIes<'TraceStart'>): void {
  // its criticality is ignore: without it there is no number to answer with
  const activation = ies.traceActivation as typeof ies.traceActivation | undefined;
  if (activation === undefined) return;
  node.log.info({ ue: ue.id }, 'the AMF wants the UE traced, which this node does not do');
  node.sendN2({
    message: 'TraceFailureIndication',
    ies: {
      amfUeNgapId: ies.amfUeNgapId,
      ranUeNgapId: ies.ranUeNgapId,
      ngranTraceId: activation.ngranTraceId,
      cause: { choice: 'misc', value: 'unspecified' },
    },
  });
}
