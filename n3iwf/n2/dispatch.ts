import type { Cause, NgapPdu } from '#ngap';
import type { Node } from '../node.ts';
import type { UeContext } from '../ue/context.ts';
import type { Amf } from './amf/amf.ts';
import { sendErrorIndication, type UeIds } from './error-indication.ts';
import { onInitialContextSetupRequest } from './procedures/initial-context-setup.ts';
import { onDownlinkNas } from './procedures/nas-transport.ts';
import { onPduSessionResourceReleaseCommand } from './procedures/pdu-session-resource-release.ts';
import { onPduSessionResourceSetupRequest } from './procedures/pdu-session-resource-setup.ts';
import { onRerouteNasRequest } from './procedures/reroute-nas.ts';
import { onUeContextReleaseCommand } from './procedures/ue-context-release.ts';

type Message = NgapPdu['message'];
type Ies<M extends Message> = Extract<NgapPdu, { message: M }>['ies'];
type UeMessage = {
  [M in Message]: Ies<M> extends { ranUeNgapId: number; amfUeNgapId: number } ? M : never;
}[Message];
type UeHandlers = { [M in UeMessage]?: (node: Node, ue: UeContext, ies: Ies<M>) => void };

/** UE-associated messages of the AMF, and what each does here. */
const ueHandlers: UeHandlers = {
  DownlinkNASTransport: onDownlinkNas,
  InitialContextSetupRequest: onInitialContextSetupRequest,
  PDUSessionResourceSetupRequest: onPduSessionResourceSetupRequest,
  PDUSessionResourceReleaseCommand: onPduSessionResourceReleaseCommand,
};

const causes = {
  unknownUe: { choice: 'radioNetwork', value: 'unknown-local-UE-NGAP-ID' },
  inconsistent: { choice: 'radioNetwork', value: 'inconsistent-remote-UE-NGAP-ID' },
  state: { choice: 'protocol', value: 'message-not-compatible-with-receiver-state' },
} as const satisfies Record<string, Cause>;

/** Gives one message of the AMF to its procedure; numbers that fit no UE are answered as the standard says [TS38413 10.6]. */
export function dispatchN2(node: Node, amf: Amf, pdu: NgapPdu): void {
  if (pdu.message === 'UEContextReleaseCommand') {
    releaseCommand(node, amf, pdu.ies);
  } else if (pdu.message === 'ErrorIndication') {
    errorIndication(node, amf, pdu.ies);
  } else if (pdu.message === 'RerouteNASRequest') {
    onRerouteNasRequest(node, amf, pdu.ies);
  } else if (pdu.message in ueHandlers) {
    const handler = ueHandlers[pdu.message as UeMessage] as (node: Node, ue: UeContext, ies: object) => void;
    const ue = identify(node, amf, pdu.ies as UeIds);
    if (ue !== undefined) handler(node, ue, pdu.ies);
  } else {
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
  if (ue.amfUeNgapId !== ids.amfUeNgapId) {
    sendErrorIndication(node, amf, ids, causes.inconsistent);
    return undefined;
  }
  ue.amf = amf;
  return ue;
}

function mayServe(node: Node, amf: Amf, ue: UeContext): boolean {
  return ue.amf === amf || (ue.amf !== undefined && node.amfs.shareContexts(ue.amf, amf));
}

function releaseCommand(node: Node, amf: Amf, ies: Ies<'UEContextReleaseCommand'>): void {
  const named = ies.ueNgapIds;
  if (named.choice === 'ueNgapIdPair') {
    const ue = identify(node, amf, named.value);
    if (ue !== undefined) onUeContextReleaseCommand(node, ue, ies);
    return;
  }
  for (const ue of node.ues) {
    if (ue.amf !== amf) continue;
    if (named.choice === 'amfUeNgapId' && ue.amfUeNgapId === named.value) {
      onUeContextReleaseCommand(node, ue, ies);
      return;
    }
  }
  node.log.warn({ ids: named.choice }, 'release command for a UE that is not here; dropped');
}

/** The AMF could not follow us for this UE: what it still knows of it is unsure, so the UE starts anew [TS38413 8.7.5]. */
function errorIndication(node: Node, amf: Amf, ies: Ies<'ErrorIndication'>): void {
  const ue = ies.ranUeNgapId === undefined ? undefined : node.ues.ofId(ies.ranUeNgapId);
  node.log.warn({ ue: ue?.id, cause: ies.cause?.value }, 'the AMF indicates an error');
  if (
    ue === undefined ||
    ue.amf !== amf ||
    (ies.amfUeNgapId !== undefined && ue.amfUeNgapId !== ies.amfUeNgapId)
  )
    return;
  ue.amfUeNgapId = undefined;
  node.release(ue, { group: 'protocol', cause: 'unspecified', text: 'the AMF indicated an error' });
}
