/** What happens to IKE and Child SAs, in terms of UEs, their sessions and the keys that they rest on. */
import { type IkeEvent, NOTIFY } from '#ikev2';
import {
  completeInitialContextSetup,
  failInitialContextSetup,
} from '../n2/procedures/initial-context-setup.ts';
import { reportNewLocation } from '../n2/procedures/location-reporting.ts';
import { releaseFlows, releaseSessions } from '../n2/procedures/pdu-session-resource-notify.ts';
import { abandonSetup } from '../n2/procedures/pdu-session-resource-setup.ts';
import type { Node } from '../node.ts';
import { UeContext } from '../ue/context.ts';
import type { PlaneChildSa } from '../userplane/plane.ts';
import { refuseForCongestion } from './congestion.ts';
import { onEapResponse } from './eap-exchange.ts';
import { sendEapToUe } from './eap-send.ts';
import { eapStart } from './eap5g.ts';
import { rankOfChildSa, rankOfExchange } from './keying-subject.ts';
import { onPpkMismatch, onPpkRequested, onSharedSecretRequested } from './quantum-keys.ts';
import { onSessionChangeAnswered } from './session-change.ts';
import { onSessionChildSa, onSessionChildSaFailed } from './session-child-sas.ts';

/** The event of that type. */
type EventOf<T extends IkeEvent['type']> = Extract<IkeEvent, { type: T }>;
/** A handler for each type of event that matters, held to that event's members. */
type Handlers = { [T in IkeEvent['type']]?: (node: Node, event: EventOf<T>) => void };

/** What each event of the IKE engine means for the UE behind it. Events without a row are for logs and captures only. */
const handlers: Handlers = {
  eapStarted,
  eapReceived: (node, event) => {
    const ue = node.ues.ofIkeSa(event.ikeSaId);
    if (ue !== undefined) onEapResponse(node, ue, event.packet);
  },
  ppkRequested: onPpkRequested,
  ppkMismatch: onPpkMismatch,
  ikeSaRekeyed,
  sharedSecretRequested: onSharedSecretRequested,
  ikeSaEstablished,
  childSaEstablished,
  childSaFailed,
  childSaDeleted,
  informed: (node, { ikeSaId, tag, notifies }) => {
    const ue = node.ues.ofIkeSa(ikeSaId);
    if (ue !== undefined) onSessionChangeAnswered(ue, tag, notifies);
  },
  addressChanged: (node, { ikeSaId, local, remote, udpEncapsulation }) => {
    const ue = node.ues.ofIkeSa(ikeSaId);
    if (ue === undefined) return;
    const from = ue.remote.address;
    if (from !== remote.address)
      node.log.info({ ue: ue.id, from, to: remote.address }, 'UE is at another address');
    ue.remote = remote;
    node.plane.moveUe(ue.id, { local, remote, udpEncapsulation });
    reportNewLocation(node, ue);
  },
  ikeSaClosed,
};

/** Gives one event of the IKE engine to its handler, where it has one. */
export function onIkeEvent(node: Node, event: IkeEvent): void {
  const handler = handlers[event.type] as ((node: Node, event: IkeEvent) => void) | undefined;
  handler?.(node, event);
}

/** The first IKE_AUTH request without AUTH: the UE wants EAP, and EAP-5G begins with 5G-Start [TS24502 7.3.3]. */
function eapStarted(node: Node, event: EventOf<'eapStarted'>): void {
  const id = node.amfs.anyAvailable && !node.draining ? node.ues.allocateId() : undefined;
  const identifier = node.random(1)[0] ?? 0;
  if (id === undefined) {
    const why = node.draining ? 'the node is ending' : 'no AMF is connected';
    node.log.warn({ remote: event.remote.address }, `UE refused: ${why}`);
    refuseForCongestion(node, event.ikeSaId);
    return;
  }
  const identity = new TextDecoder().decode(event.peerId.data);
  const ue = new UeContext(id, event.ikeSaId, event.remote, identifier, node.now(), identity);
  node.ues.add(ue);
  node.journal.ueStarted(id, event.ikeSaId);
  node.log.info({ ue: id, remote: `${event.remote.address}:${event.remote.port}` }, 'UE started EAP-5G');
  sendEapToUe(node, ue, eapStart(identifier));
}

/** The first keys of an IKE SA count from here: those that it took while it was set up are in use. */
function ikeSaEstablished(node: Node, event: EventOf<'ikeSaEstablished'>): void {
  const { ikeSaId, freshPpks, ppkIdentity, rekeyAt } = event;
  node.keyUses.ikeSaUp(ikeSaId);
  confirmKeys(node, node.keyUses.keysOf(ikeSaId));
  const rank = rankOfExchange(node, ikeSaId, { kind: 'ikeSaRekey' });
  node.keying.ikeSaUp(ikeSaId, { freshPpks, quantum: ppkIdentity !== undefined, rekeyAt }, rank);
}

/** Keys that went into an SA which stands now: the store books them as in use. Nothing waits for that. */
function confirmKeys(node: Node, keyIds: readonly string[]): void {
  for (const keyId of keyIds) void node.keys?.confirm?.(keyId);
}

/** Keys that nothing rests on any more. */
function retireKeys(node: Node, keyIds: readonly string[]): void {
  for (const keyId of keyIds) void node.keys?.retire?.(keyId);
}

/** A Child SA came up: a rekeyed one takes the place of the old, a tagged one is a session's, the first is for signalling. */
function childSaEstablished(node: Node, event: EventOf<'childSaEstablished'>): void {
  node.keyUses.childSaUp(event.ikeSaId, event.child.id, keyIdOf(event.child.ppkIdentity));
  const ue = node.ues.ofIkeSa(event.ikeSaId);
  if (ue === undefined) return;
  if (event.redundant === true) {
    hearRedundant(node, ue, event);
    return;
  }
  const { rekeyed, tag } = event;
  const child = withWishes(event);
  const fresh = rekeyed === undefined && tag === undefined ? undefined : keyIdOf(child.ppkIdentity);
  if (fresh !== undefined) confirmKeys(node, [fresh]);
  node.log.info(
    { ue: ue.id, child: child.id, suite: child.suiteName, keyId: keyIdOf(child.ppkIdentity), rekeyed },
    'Child SA is up',
  );
  if (rekeyed !== undefined) {
    replaceChildSa(node, ue, rekeyed, child);
  } else if (tag !== undefined) {
    onSessionChildSa(node, ue, tag, child);
  } else {
    ue.childUses.set(child.id, { kind: 'signalling' });
    node.plane.installChildSa(ue.id, child, { kind: 'signalling' });
    if (ue.advance('signallingUp')) {
      node.journal.ueAttached(ue.id, ue.ikeSaId);
      completeInitialContextSetup(node, ue);
    }
  }
  bookChildSa(node, ue, event);
}

/** Its next rekey is foreseen, in the class of what it carries. */
function bookChildSa(node: Node, ue: UeContext, event: EventOf<'childSaEstablished'>): void {
  const { ikeSaId, child, rekeyed, tag } = event;
  const names = { ...(rekeyed === undefined ? {} : { rekeyed }), ...(tag === undefined ? {} : { tag }) };
  const due = child.rekeyAt === undefined ? {} : { rekeyAt: child.rekeyAt };
  node.keying.childSaUp(ikeSaId, { id: child.id, ...due, ...names }, rankOfChildSa(node, ue, child.id));
}

/** Without its signalling SA a UE is of no use, though the IKE SA lives on: it is released. */
function childSaFailed(node: Node, { ikeSaId, tag, reason, rekeyed }: EventOf<'childSaFailed'>): void {
  const ue = node.ues.ofIkeSa(ikeSaId);
  // A rekey that failed leaves the old Child SA as it was.
  if (ue === undefined || rekeyed !== undefined) return;
  if (tag !== undefined) onSessionChildSaFailed(node, ue, tag, reason);
  else if (ue.state === 'securing') {
    const cause = 'failure-in-radio-interface-procedure';
    failInitialContextSetup(node, ue, { choice: 'radioNetwork', value: cause });
    node.release(ue, { group: 'radioNetwork', cause, text: `no signalling SA: ${reason}` });
  }
}

/** The UE's IKE SA has other keys, and those that only the old one rested on are done with. */
function ikeSaRekeyed(node: Node, { ikeSaId, suite, ppkIdentity, rekeyAt }: EventOf<'ikeSaRekeyed'>): void {
  node.keying.ikeSaRekeyed(ikeSaId, rekeyAt, rankOfExchange(node, ikeSaId, { kind: 'ikeSaRekey' }));
  const ue = node.ues.ofIkeSa(ikeSaId)?.id;
  const keyId = keyIdOf(ppkIdentity);
  node.log.info({ ue, ikeSa: ikeSaId, suite, keyId }, 'IKE SA has new keys');
  if (keyId !== undefined) confirmKeys(node, [keyId]);
  retireKeys(node, node.keyUses.ikeSaRekeyed(ikeSaId, keyId));
}

/** A PPK identity as the text that key stores know it by. */
function keyIdOf(identity: { readonly data: Uint8Array } | undefined): string | undefined {
  return identity === undefined ? undefined : new TextDecoder().decode(identity.data);
}

/** The Child SA with what the UE's notifies ask of it [RFC7296 1.3.1]. */
function withWishes({ child, notifies }: EventOf<'childSaEstablished'>): PlaneChildSa {
  const refusesPadding = notifies.some(
    ({ notifyType }) => notifyType === NOTIFY.ESP_TFC_PADDING_NOT_SUPPORTED,
  );
  return refusesPadding ? { ...child, refusesPadding } : child;
}

/** What rode on the old Child SA rides on the new one, of the same session or set-up. */
function replaceChildSa(node: Node, ue: UeContext, old: number, child: PlaneChildSa): void {
  const use = ue.childUses.get(old);
  if (use === undefined) return;
  ue.childUses.set(child.id, use);
  node.plane.installChildSa(ue.id, child, use, old);
  if (use.kind !== 'pduSession') return;
  const session = ue.sessions.get(use.pduSessionId) ?? ue.sessionSetups.get(use.pduSessionId)?.session;
  session?.childSaIds.delete(old);
  session?.childSaIds.add(child.id);
}

/**
 * What lost against the UE's own rekey: the UE may have sent by it before it knew, so it is heard until its Delete is
 * answered. [RFC7296 2.8.1] Nothing is sent by it: no flow is its own. NAS needs no such care, as TCP repeats what is lost.
 */
function hearRedundant(node: Node, ue: UeContext, event: EventOf<'childSaEstablished'>): void {
  const use = event.rekeyed === undefined ? undefined : ue.childUses.get(event.rekeyed);
  if (use?.kind !== 'pduSession') return;
  node.plane.installChildSa(ue.id, event.child, { ...use, qfis: [], isDefault: false }, event.rekeyed);
}

/** A Child SA is gone. Where the UE took it away by itself, what rode on it ends, and the AMF hears of it. */
function childSaDeleted(node: Node, event: EventOf<'childSaDeleted'>): void {
  node.plane.removeChildSa(event.childSaId);
  node.keying.childSaGone(event.ikeSaId, event.childSaId);
  retireKeys(node, node.keyUses.childSaGone(event.ikeSaId, event.childSaId));
  const ue = node.ues.ofIkeSa(event.ikeSaId);
  const use = ue?.childUses.get(event.childSaId);
  if (ue === undefined || use === undefined) return;
  ue.childUses.delete(event.childSaId);
  if (event.withIkeSa === true) return; // the UE as a whole is going, its sessions with it
  if (use.kind === 'signalling') {
    releaseWithoutSignalling(node, ue);
    return;
  }
  const cause = { choice: 'radioNetwork', value: 'radio-connection-with-ue-lost' } as const;
  const { pduSessionId } = use;
  if (ue.sessionSetups.get(pduSessionId)?.session.childSaIds.has(event.childSaId) === true)
    abandonSetup(node, ue, pduSessionId, cause);
  const session = ue.sessions.get(pduSessionId);
  if (session?.childSaIds.delete(event.childSaId) !== true) return; // one that was replaced
  // Both sides had rekeyed its forerunner, and this one lost: the other carries the flows. [RFC7296 2.8.1]
  if ([...session.childSaIds].some((other) => ue.childUses.get(other) === use)) return;
  node.log.warn({ ue: ue.id, pduSession: pduSessionId }, 'the UE deleted a Child SA of a session');
  if (use.isDefault) releaseSessions(node, ue, [pduSessionId], cause);
  else releaseFlows(node, ue, session, use.qfis, cause);
}

/** NAS has no way to a UE without a signalling SA: it is as good as gone, unless another one took over. */
function releaseWithoutSignalling(node: Node, ue: UeContext): void {
  if ([...ue.childUses.values()].some(({ kind }) => kind === 'signalling')) return;
  const text = 'the signalling SA of the UE is gone';
  node.release(ue, { group: 'radioNetwork', cause: 'radio-connection-with-ue-lost', text });
}

/** The UE has no IKE SA any more: whatever it had here goes. */
function ikeSaClosed(node: Node, event: EventOf<'ikeSaClosed'>): void {
  const ue = node.ues.ofIkeSa(event.ikeSaId);
  const level = event.cause === 'local' || (event.cause === 'peer' && event.established) ? 'info' : 'warn';
  node.log[level]({ ue: ue?.id, cause: event.cause, reason: event.reason }, 'IKE SA closed');
  node.keying.ikeSaGone(event.ikeSaId);
  retireKeys(node, node.keyUses.forget(event.ikeSaId));
  if (ue !== undefined) node.ikeSaGone(ue, event.reason);
}
