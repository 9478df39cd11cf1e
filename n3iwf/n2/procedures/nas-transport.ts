import type { DownlinkNASTransport } from '#ngap';
import { hexOf } from '../../hex.ts';
import type { Node } from '../../node.ts';
import type { AnParameters } from '../../nwu/an-parameters.ts';
import { decodeInitialNas, type InitialNas, type TemporaryIdentity } from '../../nwu/initial-nas.ts';
import { sendNasToUe } from '../../nwu/nas-delivery.ts';
import type { UeContext } from '../../ue/context.ts';
import { guamiOfUe, numberToBits } from '../amf/guami.ts';
import type { AmfWish } from '../amf/selection.ts';
import { sliceOfUe } from '../amf/slices.ts';
import { rrcEstablishmentCause } from '../establishment-cause.ts';

/**
 * The first NAS message of a UE chooses its AMF and opens its context there [TS38413 8.6.1]. A UE that comes with
 * anything but an initial registration is named by its 5G-S-TMSI, by which the AMF finds what it knows of it.
 *
 * @returns false when there is no AMF for it now: nothing was sent
 */
export function sendInitialUeMessage(
  node: Node,
  ue: UeContext,
  nasPdu: Uint8Array,
  an: AnParameters,
): boolean {
  const decoded = decodeInitialNas(nasPdu);
  const nas: InitialNas = decoded.ok ? decoded.value : { isInitialRegistration: false };
  const cause = rrcEstablishmentCause(an.establishmentCause);
  const wish = wishOf(an, nas, cause);
  const choice = node.amfs.select(wish);
  if (!('amf' in choice)) {
    node.log.warn({ ue: ue.id, reason: choice.none }, 'there is no AMF for the UE');
    return false;
  }
  ue.amf = choice.amf;
  ue.amfWish = wish;
  ue.name = nas.name;
  node.sendN2({
    message: 'InitialUEMessage',
    ies: {
      ranUeNgapId: ue.ranUeNgapId,
      nasPdu,
      userLocationInformation: node.locate(ue.remote),
      rrcEstablishmentCause: cause,
      ...(nas.isInitialRegistration || nas.identity === undefined ? {} : { fiveGSTmsi: sTmsi(nas.identity) }),
      ueContextRequest: 'requested',
    },
  });
  return true;
}

/** What the UE said outside NAS counts first; its identity inside names the AMF where the rest does not. */
function wishOf(an: AnParameters, nas: InitialNas, cause: AmfWish['cause']): AmfWish {
  const guami = an.guami ?? nas.identity?.guami;
  return {
    cause,
    slices: (an.requestedNssai ?? []).map(sliceOfUe),
    ...(guami === undefined ? {} : { guami: guamiOfUe(guami) }),
    ...(an.selectedPlmn === undefined ? {} : { plmn: hexOf(an.selectedPlmn) }),
  };
}

/** As NGAP has it: bit strings in place of numbers. */
function sTmsi({ amfSetId, amfPointer, tmsi }: TemporaryIdentity) {
  return { amfSetId: numberToBits(amfSetId, 10), amfPointer: numberToBits(amfPointer, 6), fiveGTmsi: tmsi };
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
      userLocationInformation: node.locate(ue.remote),
    },
  });
}

/** NAS for the UE travels inside EAP-5G until the signalling SA is up, then over its NAS connection [TS38413 8.6.2]. */
export function onDownlinkNas(node: Node, ue: UeContext, ies: DownlinkNASTransport): void {
  if (!ue.advance('nasFromAmf')) {
    node.log.warn({ ue: ue.id, state: ue.state }, 'downlink NAS does not fit the state of the UE; dropped');
    sendNasNonDelivery(node, ue, ies.nasPdu);
    return;
  }
  sendNasToUe(node, ue, ies.nasPdu);
}

/** Gives a NAS message back to the AMF that the UE cannot have any more [TS38413 8.6.4.2]. */
export function sendNasNonDelivery(node: Node, ue: UeContext, nasPdu: Uint8Array): void {
  const { amfUeNgapId, ranUeNgapId } = ue;
  if (amfUeNgapId === undefined) return;
  const cause = { choice: 'radioNetwork', value: 'radio-connection-with-ue-lost' } as const;
  node.sendN2({ message: 'NASNonDeliveryIndication', ies: { amfUeNgapId, ranUeNgapId, nasPdu, cause } });
}
