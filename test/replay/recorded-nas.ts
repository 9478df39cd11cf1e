import type { NgapPdu } from '#ngap';
import type { SimulatedUe } from '#peers';
import type { Conversation } from './conversations.ts';

interface Ies {
  readonly nasPdu?: Uint8Array;
  readonly securityKey?: { readonly bits: Uint8Array };
  readonly pduSessionResourceSetupListSUReq?: readonly { readonly nasPdu?: Uint8Array }[];
}

/** NAS messages in a message of N2, those of sessions included; an empty one, which this AMF sends, is none. */
function nasOf({ ies }: NgapPdu): Uint8Array[] {
  const { nasPdu, pduSessionResourceSetupListSUReq: sessions = [] } = ies as Ies;
  return [nasPdu, ...sessions.map((session) => session.nasPdu)].filter(
    (each) => each !== undefined && each.length > 0,
  ) as Uint8Array[];
}

/**
 * Makes a UE say on NAS what another one said in a recording, octet by octet, each message after as many messages of the
 * network as there. Its K_N3IWF is the recorded one, so IKE, ESP and TCP around NAS are live.
 */
export function speakAs(ue: SimulatedUe, { messages }: Conversation): void {
  const after: Uint8Array[][] = [[]];
  let key: Uint8Array | undefined;
  for (const { toAmf, pdu } of messages) {
    key ??= (pdu.ies as Ies).securityKey?.bits;
    for (const nas of nasOf(pdu)) {
      if (toAmf) after.at(-1)?.push(nas);
      else after.push([]);
    }
  }
  const [[first = new Uint8Array(0)] = []] = after;
  ue.nas.registrationRequest = () => first;
  ue.nas.kN3iwf = key;
  let received = 0;
  ue.nas.receive = () => {
    for (const nas of after[++received] ?? []) ue.nas.ports.send(nas);
  };
}
