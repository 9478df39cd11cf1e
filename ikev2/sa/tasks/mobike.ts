/** MOBIKE: the initiator moves to another address and takes its SAs along. [RFC4555 3.5] */

import { equalOctets } from '../../crypto/octets.ts';
import { EXCHANGE, NOTIFY } from '../../wire/registry.ts';
import type { NotifyPayload, Payload } from '../../wire/types.ts';
import type { IkeSa } from '../ike-sa.ts';
import { armKeepalive, move, natNotifies, noteNat, type Path, reportPath, samePath } from '../mobility.ts';
import { find, findError, findNotify, notify } from '../payloads.ts';
import type { Task } from '../task.ts';
import { addressOctets } from './natd.ts';

const COOKIE2_LENGTH = 16;

/** Tells the responder of our new address. Only the latest of several counts. */
export function updateAddressesTask(path: Path): Task {
  return {
    exchange: EXCHANGE.INFORMATIONAL,
    build: (sa) => {
      if (sa.state !== 'established' || !samePath(sa, path)) return undefined;
      return [notify(NOTIFY.UPDATE_SA_ADDRESSES), ...natNotifies(sa, sa)];
    },
    process: (sa, payloads) => {
      if (!samePath(sa, path)) return;
      const error = findError(payloads);
      if (error !== undefined) {
        sa.emit({ type: 'addressRefused', ikeSaId: sa.id, notifyType: error.notifyType });
        return;
      }
      sa.seenAs = seenAddress(payloads);
      noteNat(sa, payloads, sa);
      reportPath(sa);
    },
  };
}

/** Moves an SA that we started; the request in flight, if any, is sent again from there. */
export function changeAddress(sa: IkeSa, path: Path): void {
  move(sa, path);
  armKeepalive(sa);
  sa.requests.repeat();
  sa.request(updateAddressesTask(path), true);
}

/**
 * The answer to an INFORMATIONAL request about addresses, undefined when it is about something else: an update, the
 * question whether we are where we say, or one for the state of NATs on the way.
 */
export function answerMobility(sa: IkeSa, payloads: readonly Payload[]): Payload[] | undefined {
  if (!sa.mobike) return undefined;
  const cookie = findNotify(payloads, NOTIFY.COOKIE2);
  const echo: NotifyPayload[] = cookie === undefined ? [] : [notify(NOTIFY.COOKIE2, cookie.data)];
  const update = findNotify(payloads, NOTIFY.UPDATE_SA_ADDRESSES) !== undefined;
  const asks = findNotify(payloads, NOTIFY.NAT_DETECTION_SOURCE_IP) !== undefined;
  if (find(payloads, 'Delete') !== undefined || !(update || asks || cookie !== undefined)) return undefined;
  if (!update || sa.role === 'initiator') return [...echo, ...(asks ? natNotifies(sa, sa.asked) : [])];
  const refusal = refusalOf(sa, payloads);
  if (refusal !== undefined) return [notify(refusal), ...echo];
  return [...echo, ...natNotifies(sa, sa.asked)];
}

/** Follows an update that was answered: messages at once, ESP when the peer has shown that it is there. [RFC4555 3.7] */
export function followUpdate(sa: IkeSa, payloads: readonly Payload[]): void {
  const update = findNotify(payloads, NOTIFY.UPDATE_SA_ADDRESSES) !== undefined;
  if (!sa.mobike || !update || sa.role === 'initiator') return;
  if (refusalOf(sa, payloads) !== undefined) return;
  const moved = !samePath(sa, sa.asked);
  move(sa, sa.asked);
  noteNat(sa, payloads, sa);
  if (moved) sa.request(routabilityTask(sa, { local: sa.local, remote: sa.remote }), true);
  else reportPath(sa);
}

/** Initiator behind a NAT: asks along with liveness how the responder sees us. [RFC4555 3.8] */
export function mappingQuestion(sa: IkeSa): Payload[] {
  return sa.mobike && sa.role === 'initiator' && sa.nat.local ? natNotifies(sa, sa) : [];
}

/** Another answer than before: the NAT has changed its mapping, so the responder is to send there. [RFC4555 3.8] */
export function noteMapping(sa: IkeSa, payloads: readonly Payload[]): void {
  const seen = seenAddress(payloads);
  const before = sa.seenAs;
  if (seen === undefined || sa.role !== 'initiator' || !sa.mobike) return;
  sa.seenAs = seen;
  if (before !== undefined && !equalOctets(before, seen)) {
    sa.request(updateAddressesTask({ local: sa.local, remote: sa.remote }), true);
  }
}

/** Whether the peer is where it says: only it can send back what we send there. */
function routabilityTask(sa: IkeSa, path: Path): Task {
  const cookie = Uint8Array.from(sa.node.random(COOKIE2_LENGTH));
  return {
    exchange: EXCHANGE.INFORMATIONAL,
    build: () => (sa.state === 'established' ? [notify(NOTIFY.COOKIE2, cookie)] : undefined),
    process: (_, payloads) => {
      const echo = findNotify(payloads, NOTIFY.COOKIE2)?.data;
      if (echo === undefined || !equalOctets(echo, cookie)) {
        sa.close('protocol', 'the peer does not prove that it is at its new address');
      } else if (samePath(sa, path)) reportPath(sa);
    },
  };
}

/** How the peer sees us, by the hash that it made of our address. */
function seenAddress(payloads: readonly Payload[]): Uint8Array | undefined {
  const data = findNotify(payloads, NOTIFY.NAT_DETECTION_DESTINATION_IP)?.data;
  return data === undefined ? undefined : Uint8Array.from(data);
}

/** The error notify for an update that we do not follow: for a NAT where there may be none, or by the owner's word. */
function refusalOf(sa: IkeSa, payloads: readonly Payload[]): number | undefined {
  if (natForbidden(payloads, sa.asked)) return NOTIFY.UNEXPECTED_NAT_DETECTED;
  const admitted = sa.node.ports.admitAddress?.(sa.id, sa.asked.remote) ?? true;
  return admitted ? undefined : NOTIFY.UNACCEPTABLE_ADDRESSES;
}

/** [RFC4555 3.9] NO_NATS_ALLOWED names both addresses and ports as the sender sees them: they must be as we see them. */
function natForbidden(payloads: readonly Payload[], { local, remote }: Path): boolean {
  const data = findNotify(payloads, NOTIFY.NO_NATS_ALLOWED)?.data;
  if (data === undefined) return false;
  const ports = [remote.port >> 8, remote.port & 0xff, local.port >> 8, local.port & 0xff];
  const seen = Uint8Array.from([...addressOctets(remote.address), ...addressOctets(local.address), ...ports]);
  return !equalOctets(data, seen);
}
