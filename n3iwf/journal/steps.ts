/** How messages and events become steps of the feed: names as the standards have them, and a detail worth a line. */
import { decodeHeader, type IkeEvent, nameOf } from '#ikev2';
import { decodeEap5g } from '../nwu/eap5g.ts';
import type { MessageStep, Party, Protocol, StageStep } from './feed.ts';
import { nasName } from './nas-names.ts';
import { keyIdOf } from './sa-book.ts';

/** The event of that type. */
type EventOf<T extends IkeEvent['type']> = Extract<IkeEvent, { type: T }>;
/** What each event of the IKE engine is in the life of a UE. */
type Stages = { [T in IkeEvent['type']]?: (event: EventOf<T>) => StageStep | undefined };

/** One arrow of the ladder. */
function message(
  from: Party,
  to: Party,
  protocol: Protocol,
  name: string,
  detail: string | undefined,
): MessageStep {
  return { kind: 'message', from, to, protocol, name, ...(detail === undefined ? {} : { detail }) };
}

const stage = (name: StageStep['name'], detail: string, keyId?: string): StageStep => ({
  kind: 'stage',
  name,
  detail,
  ...(keyId === undefined ? {} : { keyId }),
});

/** Events of the IKE engine that are stages of an SA's life. */
const stages: Stages = {
  ikeSaEstablished: ({ suite, auth, ppkIdentity }) =>
    stage('ikeSaUp', `${suite}, AUTH ${auth}`, keyIdOf(ppkIdentity)),
  ikeSaRekeyed: ({ suite, ppkIdentity }) => stage('ikeSaRekeyed', suite, keyIdOf(ppkIdentity)),
  childSaEstablished: ({ child, rekeyed, redundant }) =>
    redundant === true
      ? undefined
      : stage(
          rekeyed === undefined ? 'childSaUp' : 'childSaRekeyed',
          child.suiteName,
          keyIdOf(child.ppkIdentity),
        ),
  childSaDeleted: ({ reason, withIkeSa }) => (withIkeSa === true ? undefined : stage('childSaDown', reason)),
  addressChanged: ({ remote }) => stage('moved', `${remote.address}:${remote.port}`),
  ikeSaClosed: ({ reason }) => stage('closed', reason),
};

/** The stage that an event of the IKE engine is; undefined for those that are none. */
export function stageOf(event: IkeEvent): StageStep | undefined {
  return (stages[event.type] as ((event: IkeEvent) => StageStep | undefined) | undefined)?.(event);
}

/** Type of the payload that holds one fragment of a message, and where in it the fragment's number stands [RFC7383 2.5]. */
const encryptedFragment = 53;
const fragmentNumberAt = 32;

/** What the clear header of an IKE message tells. */
export interface IkeMessageStep {
  readonly spiInitiator: Uint8Array;
  readonly spiResponder: Uint8Array;
  readonly step: MessageStep;
}

/** Reads the header of a datagram without non-ESP marker; undefined for what is no IKE, or a fragment behind the first. */
export function ikeMessageStep(datagram: Uint8Array, from: 'UE' | 'N3IWF'): IkeMessageStep | undefined {
  const header = decodeHeader(datagram);
  if (!header.ok) return undefined;
  const { exchange, response, messageId, nextPayload, spiInitiator, spiResponder } = header.value;
  const isFragment = nextPayload === encryptedFragment;
  if (isFragment && datagram[fragmentNumberAt] === 0 && datagram[fragmentNumberAt + 1] !== 1)
    return undefined;
  const name = `${nameOf('exchange', exchange)} ${response ? 'response' : 'request'}`;
  const detail = `message ${messageId}${isFragment ? ', in fragments' : ''}`;
  return {
    spiInitiator,
    spiResponder,
    step: message(from, from === 'UE' ? 'N3IWF' : 'UE', 'IKE', name, detail),
  };
}

/** The first request, which is known to belong to an SA only once it is answered. */
export function initRequestStep(): MessageStep {
  return message('UE', 'N3IWF', 'IKE', 'IKE_SA_INIT request', 'message 0');
}

/** An EAP packet, with the NAS message in it. */
export function eapStep(packet: Uint8Array, from: 'UE' | 'N3IWF'): MessageStep {
  const to = from === 'UE' ? 'N3IWF' : 'UE';
  const decoded = decodeEap5g(packet);
  if (!decoded.ok) return message(from, to, 'EAP', 'unreadable EAP packet', decoded.error.message);
  const { value } = decoded;
  if (value.kind === 'end') return message(from, to, 'EAP', `EAP-${capital(value.code)}`, undefined);
  const kind = value.kind === 'other' ? `method ${value.method}` : eapKinds[value.kind];
  const detail = value.kind === 'nas' && value.nasPdu.length > 0 ? nasName(value.nasPdu) : undefined;
  return message(from, to, 'EAP', `EAP-${capital(value.code)}/${kind}`, detail);
}

const eapKinds = { start: '5G-Start', nas: '5G-NAS', notification: '5G-Notification', stop: '5G-Stop' };

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);

/** A NAS message on the UE's NAS connection. */
export function nasStep(nasPdu: Uint8Array, from: 'UE' | 'N3IWF'): MessageStep {
  return message(from, from === 'UE' ? 'N3IWF' : 'UE', 'NAS', nasName(nasPdu), 'in the signalling SA');
}

/** An NGAP message by its name and IEs: the NAS message in it, or the cause that it gives. */
export function ngapStep(name: string, ies: unknown, from: 'N3IWF' | 'AMF'): MessageStep {
  const { nasPdu, cause } = (ies ?? {}) as {
    nasPdu?: unknown;
    cause?: { choice?: unknown; value?: unknown };
  };
  const nas = nasPdu instanceof Uint8Array && nasPdu.length > 0 ? nasName(nasPdu) : undefined;
  const why = cause?.value === undefined ? undefined : `cause ${String(cause.value)}`;
  return message(from, from === 'AMF' ? 'N3IWF' : 'AMF', 'NGAP', name, nas ?? why);
}
