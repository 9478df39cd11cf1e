import type { MessageIes, N2Event } from '#ngap';
import type { Gateway } from '../gateway.ts';
import type { Amf } from './amf/amf.ts';
import { sameGuami } from './amf/guami.ts';
import { amfLost, resetByAmf } from './amf-gone.ts';

type EventOf<T extends N2Event['type']> = Extract<N2Event, { type: T }>;
type Handlers = { [T in N2Event['type']]?: (node: Gateway, amf: Amf, event: EventOf<T>) => void };

/** What each event of the NG interface to one AMF means for this node and its UEs. Events without a row are for the log. */
const handlers: Handlers = {
  setupCompleted: (node, amf, event) => {
    amf.accept(event.amf);
    node.journal.alarms.set('amfLost', false, `AMF ${amf.name} is there`, String(amf.number));
    node.journal.feed.add({ kind: 'node', name: 'amfUp', detail: amf.name });
  },
  associationLost: (node, amf, event) => {
    node.journal.alarms.set('amfLost', true, `AMF ${amf.name}: ${event.reason}`, String(amf.number));
    node.journal.feed.add({ kind: 'node', name: 'amfLost', detail: amf.name });
    amf.resetting = false;
    amfLost(node, amf);
  },
  messageReceived: (node, amf, event) => node.receiveN2(event.pdu, amf),
  resetReceived: (node, amf, event) => resetByAmf(node, amf, event.ies),
  amfConfigurationUpdated: (_, amf, event) => amf.update(event.ies),
  overloadStarted: (node, amf, event) => {
    amf.startOverload(event.ies);
    node.log.warn({ amf: amf.name }, 'the AMF is overloaded');
  },
  overloadStopped: (node, amf) => {
    amf.overload = undefined;
    node.log.info({ amf: amf.name }, 'the AMF is no longer overloaded');
  },
  amfStatusIndicated: (node, amf, event) => onAmfStatusIndication(node, amf, event.ies),
  requestAnswered: (_, amf, event) => {
    if (event.request.message === 'NGReset') amf.resetting = false;
  },
  requestUnanswered: (node, amf, event) => {
    if (event.request.message === 'NGReset') amf.resetting = false;
    node.log.warn({ amf: amf.name, request: event.request.message }, 'the AMF never answered');
  },
};

/** Gives an event of one NG interface to its handler. */
export function onN2Event(node: Gateway, amf: Amf, event: N2Event): void {
  const handler = handlers[event.type] as ((node: Gateway, amf: Amf, event: N2Event) => void) | undefined;
  handler?.(node, amf, event);
}

/**
 * GUAMIs that the AMF gives up: it gets no new UE by them, and UEs registered under one go on with another AMF of the
 * set, the named stand-in first [TS38413 8.7.6.2]. With the timer approach the AMF moves its UEs by itself and only
 * the choice for new ones changes [TS23501 5.21.2.2.1].
 */
function onAmfStatusIndication(node: Gateway, amf: Amf, ies: MessageIes<'AMFStatusIndication'>): void {
  const gone = amf.markUnavailable(ies);
  node.log.warn({ amf: amf.name, guamis: gone.length }, 'the AMF gives GUAMIs up');
  const moving = gone.filter(
    (_, at) => ies.unavailableGuamiList[at]?.timerApproachForGuamiRemoval === undefined,
  );
  for (const ue of node.ues) {
    const { guami } = ue;
    if (ue.amf !== amf || guami === undefined) continue;
    if (!moving.some((entry) => sameGuami(entry.guami, guami))) continue;
    const standIn = node.amfs.standIn(guami, amf);
    if (standIn === undefined) continue; // stays until the AMF ends it or is lost
    ue.amf = standIn;
    node.log.info({ ue: ue.id, from: amf.name, to: standIn.name }, 'the UE goes on with another AMF');
  }
}
