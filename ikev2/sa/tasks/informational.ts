/** INFORMATIONAL: deletion, liveness, nothing at all. [RFC7296 1.4] */

import { IkeError } from '../../wire/errors.ts';
import { EXCHANGE, NOTIFY, PROTOCOL } from '../../wire/registry.ts';
import type { Notify, Payload } from '../../wire/types.ts';
import { type ChildRecord, childByPeerSpi, dropChild } from '../child-sa.ts';
import type { IkeSa } from '../ike-sa.ts';
import { noteAuthenticationLimit } from '../lifetimes.ts';
import { fromUint32, toUint32 } from '../node.ts';
import { asPayloads, findAll, findNotify } from '../payloads.ts';
import type { Task } from '../task.ts';
import { answerMobility, followUpdate, mappingQuestion, noteMapping } from './mobike.ts';
import { noteRedirect } from './redirect.ts';
import { adoptRival } from './take-over.ts';

/** A peer of one request at a time makes no more Child SAs that we do not know of yet. */
const MOST_DELETED_EARLY = 64;

/** Answers a request of the peer: an empty one by an empty one. */
export function answerInformational(sa: IkeSa, payloads: readonly Payload[]): void {
  const deletes = findAll(payloads, 'Delete');
  if (deletes.some(({ protocol }) => protocol === PROTOCOL.IKE)) {
    sa.respond(EXCHANGE.INFORMATIONAL, []);
    // The peer did not notice that both rekeyed: it deletes what its own rekey replaced.
    if (!adoptRival(sa)) sa.close('peer', 'the peer deleted the IKE SA');
    return;
  }
  const failed = findNotify(payloads, NOTIFY.AUTHENTICATION_FAILED);
  if (failed !== undefined) {
    sa.respond(EXCHANGE.INFORMATIONAL, []);
    sa.close('authentication', 'the peer does not accept our authentication', failed.notifyType);
    return;
  }
  if (!sa.established) {
    // [RFC7296 1.4] nothing else has a meaning before both sides have proved who they are.
    sa.respond(EXCHANGE.INFORMATIONAL, []);
    return;
  }
  noteAuthenticationLimit(sa, payloads);
  noteRedirect(sa, payloads);
  const addresses = answerMobility(sa, payloads);
  if (addresses !== undefined) {
    sa.respond(EXCHANGE.INFORMATIONAL, addresses);
    followUpdate(sa, payloads);
    return;
  }
  const notifies = findAll(payloads, 'Notify');
  if (deletes.length === 0 && notifies.length > 0) {
    sa.respond(EXCHANGE.INFORMATIONAL, asPayloads(sa.node.ports.informed?.(sa.id, notifies)));
    return;
  }
  const spis = deletes.filter(({ protocol }) => protocol === PROTOCOL.ESP).flatMap(({ spis }) => spis);
  const dropped: ChildRecord[] = [];
  for (const spi of spis.map(toUint32)) {
    const child = childByPeerSpi(sa, spi);
    if (child !== undefined) dropped.push(child);
    // The Delete overtook the answer that would have told us of this SPI.
    else if (sa.busy && sa.deletedEarly.size < MOST_DELETED_EARLY) sa.deletedEarly.add(spi);
  }
  // [RFC7296 1.4.1] a Child SA that both delete at once is not named again in the answer.
  const named = dropped.filter(({ busy }) => busy !== 'deleting').map(({ spiIn }) => fromUint32(spiIn));
  sa.respond(
    EXCHANGE.INFORMATIONAL,
    named.length === 0 ? [] : [{ type: 'Delete', protocol: PROTOCOL.ESP, spis: named }],
  );
  for (const child of dropped) dropChild(sa, child, 'the peer deleted it');
}

/** Deletes the IKE SA and with it all that hangs on it. */
export function deleteIkeTask(reason: string): Task {
  return {
    exchange: EXCHANGE.INFORMATIONAL,
    atOnce: true,
    build: (sa) => {
      if (sa.state !== 'established') return undefined;
      sa.advance('deleteSent');
      return [{ type: 'Delete', protocol: PROTOCOL.IKE, spis: [] }];
    },
    process: (sa) => sa.close('local', reason),
  };
}

/** Deletes one Child SA; it stays until the peer confirms. [RFC7296 1.4.1] */
export function deleteChildTask(child: ChildRecord, reason: string): Task {
  return {
    exchange: EXCHANGE.INFORMATIONAL,
    build: (sa) => {
      if (sa.children.get(child.id) !== child) return undefined;
      child.busy = 'deleting';
      return [{ type: 'Delete', protocol: PROTOCOL.ESP, spis: [fromUint32(child.spiIn)] }];
    },
    process: (sa) => dropChild(sa, child, reason),
  };
}

/** Notifies for the peer and nothing else; what it answers comes as `informed` with the same tag. [RFC7296 1.4] */
export function informTask(notifies: readonly Notify[], tag: string): Task {
  return {
    exchange: EXCHANGE.INFORMATIONAL,
    build: (sa) => (sa.state === 'established' ? asPayloads(notifies) : undefined),
    process: (sa, payloads) =>
      sa.emit({ type: 'informed', ikeSaId: sa.id, tag, notifies: findAll(payloads, 'Notify') }),
  };
}

/** An empty request, which only a living peer answers. [RFC7296 2.4] */
export function livenessTask(): Task {
  return {
    exchange: EXCHANGE.INFORMATIONAL,
    build: (sa) => (sa.state === 'established' ? mappingQuestion(sa) : undefined),
    process: (sa, payloads) => {
      sa.emit({ type: 'livenessConfirmed', ikeSaId: sa.id });
      noteMapping(sa, payloads);
    },
  };
}

/** An exchange that this SA cannot serve in its state. */
export function outOfPlace(what: string): IkeError {
  return new IkeError(`${what} is out of place`, NOTIFY.INVALID_SYNTAX);
}
