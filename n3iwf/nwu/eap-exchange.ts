/** EAP-5G as the network's side has it: NAS of the UE goes to its AMF, and whatever else comes ends the attempt. */
import { sendInitialUeMessage, sendUplinkNas } from '../n2/procedures/nas-transport.ts';
import type { Node } from '../node.ts';
import type { UeContext } from '../ue/context.ts';
import { refuseForCongestion } from './congestion.ts';
import { sendEapSuccess, sendEapToUe } from './eap-send.ts';
import { decodeEap5g, eapFailure } from './eap5g.ts';
import { onEapAnswered } from './nas-delivery.ts';

/** One EAP-Response of the UE while it authenticates [TS24502 7.3.3]. Anything but 5G-NAS ends with EAP-Failure. */
export function onEapResponse(node: Node, ue: UeContext, packet: Uint8Array): void {
  const decoded = decodeEap5g(packet);
  if (!decoded.ok) {
    fail(node, ue, `EAP packet unreadable: ${decoded.error.message}`);
    return;
  }
  const message = decoded.value;
  if (message.code !== 'response' || message.identifier !== ue.eapIdentifier) {
    fail(
      node,
      ue,
      `EAP ${message.code} with identifier ${message.identifier}, expected a response to ${ue.eapIdentifier}`,
    );
  } else if (message.kind === 'nas') {
    onNas(node, ue, message.nasPdu, message.anParameters);
  } else {
    fail(
      node,
      ue,
      message.kind === 'stop' ? 'the UE stopped EAP-5G' : `EAP-5G ${message.kind} is not for the network`,
    );
  }
}

/** What the UE told of itself beside its NAS message. */
type AnParameters = Parameters<typeof sendInitialUeMessage>[3];

/** The first NAS message chooses the AMF; later ones go to it. A UE may answer with no NAS at all. */
function onNas(node: Node, ue: UeContext, nasPdu: Uint8Array, an: AnParameters): void {
  const isFirst = ue.state === 'starting';
  if (ue.waitingKey !== undefined) {
    succeed(node, ue, nasPdu, ue.waitingKey);
    return;
  }
  if (!ue.advance('nasFromUe')) {
    fail(node, ue, `NAS message in state ${ue.state}`);
  } else if (isFirst) {
    if (!sendInitialUeMessage(node, ue, nasPdu, an)) refuseForCongestion(node, ue.ikeSaId);
  } else if (nasPdu.length > 0) {
    sendUplinkNas(node, ue, nasPdu);
  }
  onEapAnswered(node, ue);
}

/** EAP-Failure: the IKE engine then ends the SA, and the UE with it. */
/** The answer for which EAP-Success waited; what NAS it brings goes on to the AMF first. */
function succeed(node: Node, ue: UeContext, nasPdu: Uint8Array, key: Uint8Array): void {
  ue.waitingKey = undefined;
  if (nasPdu.length > 0) sendUplinkNas(node, ue, nasPdu);
  sendEapSuccess(node, ue, key);
  key.fill(0);
}

/** EAP-Failure ends the IKE SA; the AMF hears of it by a release request, if it knows the UE at all. */
function fail(node: Node, ue: UeContext, reason: string): void {
  node.log.warn({ ue: ue.id, reason }, 'EAP-5G ended without success');
  sendEapToUe(node, ue, eapFailure(ue.eapIdentifier));
}
