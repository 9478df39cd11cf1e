/** Which procedure a message of an AMF belongs to, and which UE it is about. */
import { type Cause, type DecodedPdu, type MessageIes, type MessageName, ueIdsOf } from '#ngap';
import type { Node } from '../node.ts';
import type { UeContext } from '../ue/context.ts';
import type { Amf } from './amf/amf.ts';
import { sendErrorIndication, type UeIds } from './error-indication.ts';
import { onInitialContextSetupRequest } from './procedures/initial-context-setup.ts';
import { onLocationReportingControl } from './procedures/location-reporting.ts';
import { onDownlinkNas } from './procedures/nas-transport.ts';
import { onPduSessionResourceModifyRequest } from './procedures/pdu-session-resource-modify.ts';
import {
  keepDownlinkTunnels,
  onPduSessionResourceModifyConfirm,
} from './procedures/pdu-session-resource-modify-indication.ts';
import { onPduSessionResourceReleaseCommand } from './procedures/pdu-session-resource-release.ts';
import { onPduSessionResourceSetupRequest } from './procedures/pdu-session-resource-setup.ts';
import { onRerouteNasRequest } from './procedures/reroute-nas.ts';
import { onTraceStart } from './procedures/trace.ts';
import { onUeContextModificationRequest } from './procedures/ue-context-modification.ts';
import { onUeContextReleaseCommand } from './procedures/ue-context-release.ts';
import { type Report, reportOf } from './report.ts';

/** Messages that carry both numbers of a UE. */
type UeMessage = {
  [M in MessageName]: MessageIes<M> extends { ranUeNgapId: number; amfUeNgapId: number } ? M : never;
}[MessageName];
/** Each message with the handler of its own IEs: the compiler holds the rows to their types. */
type UeHandlers = {
  [M in UeMessage]?: (node: Node, ue: UeContext, ies: MessageIes<M>, report: Report) => void;
};
type NodeHandlers = {
  [M in MessageName]?: (node: Node, amf: Amf, ies: MessageIes<M>, report: Report) => void;
};

/** UE-associated messages of the AMF that name the UE by both numbers, and what each does here. */
const ueHandlers: UeHandlers = {
  DownlinkNASTransport: onDownlinkNas,
  InitialContextSetupRequest: onInitialContextSetupRequest,
  UEContextModificationRequest: onUeContextModificationRequest,
  PDUSessionResourceSetupRequest: onPduSessionResourceSetupRequest,
  PDUSessionResourceModifyRequest: onPduSessionResourceModifyRequest,
  PDUSessionResourceReleaseCommand: onPduSessionResourceReleaseCommand,
  PDUSessionResourceModifyConfirm: onPduSessionResourceModifyConfirm,
  LocationReportingControl: onLocationReportingControl,
  TraceStart: onTraceStart,
  DeactivateTrace: (node) => node.n2Counters.count('DeactivateTrace'),
};

/** Messages that name a UE in another way, or none. A UE that is CM-IDLE over this access is not paged [TS23501 5.5.2]. */
const nodeHandlers: NodeHandlers = {
  UEContextReleaseCommand: releaseCommand,
  ErrorIndication: errorIndication,
  RerouteNASRequest: onRerouteNasRequest,
  Paging: (node) => node.n2Counters.count('Paging'),
};

/** Causes of the answers to numbers that fit no UE. */
const causes = {
  unknownUe: { choice: 'radioNetwork', value: 'unknown-local-UE-NGAP-ID' },
  inconsistent: { choice: 'radioNetwork', value: 'inconsistent-remote-UE-NGAP-ID' },
} as const satisfies Record<string, Cause>;

/** Causes of an Error Indication that say that the AMF has no such UE, or another one under the number. */
const ueIsGone: ReadonlySet<string> = new Set(Object.values(causes).map(({ value }) => value));

/** Our number for the UE that a message of an AMF names by it; undefined for one that names none of ours so. */
export function ueNamedBy(ues: Node['ues'], ies: unknown): number | undefined {
  const { ueNgapIds } = (ies ?? {}) as { ueNgapIds?: { value?: unknown } };
  const { ranUeNgapId } = ueIdsOf(ueNgapIds === undefined ? ies : ueNgapIds.value);
  return ranUeNgapId === undefined ? undefined : ues.ofId(ranUeNgapId)?.id;
}

/** Gives one message of the AMF to its procedure; numbers that fit no UE are answered as the standard says [TS38413 10.6]. */
export function dispatchN2(node: Node, amf: Amf, pdu: DecodedPdu): void {
  const report = reportOf(pdu);
  const own = nodeHandlers[pdu.message] as
    | ((node: Node, amf: Amf, ies: object, report: Report) => void)
    | undefined;
  const ofUe = ueHandlers[pdu.message as UeMessage] as
    | ((node: Node, ue: UeContext, ies: object, report: Report) => void)
    | undefined;
  if (own !== undefined) {
    own(node, amf, pdu.ies, report);
  } else if (ofUe !== undefined) {
    const ue = identify(node, amf, pdu.ies as UeIds);
    if (ue !== undefined) ofUe(node, ue, pdu.ies, report);
  } else {
    node.n2Counters.count(pdu.message);
    node.log.warn({ message: pdu.message }, 'no procedure of this node takes that message; dropped');
  }
}

/**
 * The UE that both numbers name; the AMF's number is learnt from its first message. Another AMF of the same set may
 * speak for the UE, and from then on does [TS23501 5.21.2.2].
 */
function identify(node: Node, amf: Amf, ids: UeIds): UeContext | undefined {
  const ue = ids.ranUeNgapId === undefined ? undefined : node.ues.ofId(ids.ranUeNgapId);
  if (ue === undefined || !mayServe(node, amf, ue)) {
    sendErrorIndication(node, amf, ids, causes.unknownUe);
    return undefined;
  }
  ue.amfUeNgapId ??= ids.amfUeNgapId;
  if (ue.amfUeNgapId === ids.amfUeNgapId) {
    ue.amf = amf;
    return ue;
  }
  sendErrorIndication(node, amf, ids, causes.inconsistent);
  const other = ofAmfId(node, amf, ids.amfUeNgapId);
  if (other !== undefined) releaseLocally(node, other, 'the AMF gave its number to another UE');
  return undefined;
}

/** Whether `amf` may speak for the UE: its own, or one that shares its context. */
function mayServe(node: Node, amf: Amf, ue: UeContext): boolean {
  return ue.amf === amf || (ue.amf !== undefined && node.amfs.shareContexts(ue.amf, amf));
}

/** The UE that `amf` knows by that number: each AMF has numbers of its own. */
function ofAmfId(node: Node, amf: Amf, amfUeNgapId: number | undefined): UeContext | undefined {
  if (amfUeNgapId === undefined) return undefined;
  for (const ue of node.ues) if (ue.amf === amf && ue.amfUeNgapId === amfUeNgapId) return ue;
  return undefined;
}

/** Ends a UE that the AMF does not know, or knows as another: nothing of it is said on N2 any more. */
function releaseLocally(node: Node, ue: UeContext, text: string): void {
  ue.amfUeNgapId = undefined;
  if (ue.state === 'closed') node.forget(ue);
  else node.release(ue, { group: 'protocol', cause: 'unspecified', text });
}

/** A command for a UE that is not here is no last message: the AMF is told, so that it lets go of the UE [TS38413 10.6]. */
function releaseCommand(
  node: Node,
  amf: Amf,
  ies: MessageIes<'UEContextReleaseCommand'>,
  report: Report,
): void {
  const { ueNgapIds } = ies;
  if (ueNgapIds.choice === 'ueNgapIdPair') {
    const ue = identify(node, amf, ueNgapIds.value);
    if (ue !== undefined) onUeContextReleaseCommand(node, ue, ies, report);
  } else if (ueNgapIds.choice === 'amfUeNgapId') {
    const amfUeNgapId = ueNgapIds.value;
    const ue = ofAmfId(node, amf, amfUeNgapId);
    if (ue === undefined) sendErrorIndication(node, amf, { amfUeNgapId }, causes.inconsistent);
    else onUeContextReleaseCommand(node, ue, ies, report);
  }
}

/**
 * An AMF that does not know the UE, or has not taken it in yet, is no help to it: the UE starts anew. Any other error
 * is of one message, whose answer will not come; the UE goes on [TS38413 8.7.5].
 */
function errorIndication(node: Node, amf: Amf, ies: MessageIes<'ErrorIndication'>): void {
  const { amfUeNgapId, ranUeNgapId } = ies;
  const ue = ranUeNgapId === undefined ? ofAmfId(node, amf, amfUeNgapId) : node.ues.ofId(ranUeNgapId);
  node.log.warn({ ue: ue?.id, cause: ies.cause?.value }, 'the AMF indicates an error');
  if (ue?.amf !== amf || (amfUeNgapId !== undefined && ue.amfUeNgapId !== amfUeNgapId)) return;
  if (ue.state !== 'attached' || ueIsGone.has(String(ies.cause?.value))) {
    releaseLocally(node, ue, 'the AMF indicated an error');
    return;
  }
  node.answered(ue, 'PDUSessionResourceModifyConfirm');
  keepDownlinkTunnels(node, ue);
}
