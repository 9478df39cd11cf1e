import type { DownlinkNASTransport } from '#ngap';
import type { Node } from '../../node.ts';
import type { AnParameters } from '../../nwu/an-parameters.ts';
import { sendNasToUe } from '../../nwu/nas-delivery.ts';
import type { UeContext } from '../../ue/context.ts';
import { rrcEstablishmentCause } from '../establishment-cause.ts';
import { userLocation } from '../user-location.ts';

/** The first NAS message of a UE opens its NGAP context [TS38413 8.6.1]. */
export function sendInitialUeMessage(node: Node, ue: UeContext, nasPdu: Uint8Array, an: AnParameters): void {
  node.sendN2({
    message: 'InitialUEMessage',
    ies: {
      ranUeNgapId: ue.ranUeNgapId,
      nasPdu,
      userLocationInformation: userLocation(ue),
      rrcEstablishmentCause: rrcEstablishmentCause(an.establishmentCause),
      ueContextRequest: 'requested',
    },
  });
}

/** Every later NAS message of the UE [TS38413 8.6.3]. */
export function sendUplinkNas(node: Node, ue: UeContext, nasPdu: Uint8Array): void {
  if (ue.amfUeNgapId === undefined) {
    node.log.warn({ ue: ue.id }, 'NAS message from the UE dropped: the AMF has not answered its first one');
    return;
  }
  node.sendN2({
    message: 'UplinkNASTransport',
    ies: {
      amfUeNgapId: ue.amfUeNgapId,
      ranUeNgapId: ue.ranUeNgapId,
      nasPdu,
      userLocationInformation: userLocation(ue),
    },
  });
}

/** NAS for the UE travels inside EAP-5G until the signalling SA is up, then over its NAS connection [TS38413 8.6.2]. */
export function onDownlinkNas(node: Node, ue: UeContext, ies: DownlinkNASTransport): void {
  if (ies.nasPdu.length === 0) return; // free5GC sends an empty one after each Initial Context Setup
  if (!ue.advance('nasFromAmf')) {
    node.log.warn({ ue: ue.id, state: ue.state }, 'downlink NAS does not fit the state of the UE; dropped');
    return;
  }
  sendNasToUe(node, ue, ies.nasPdu);
}
