/** What time does to an IKE SA, and how it looks from outside. */

import type { IkeSaSummary } from '../output.ts';
import { nameOf } from '../wire/registry.ts';
import type { IkeSa } from './ike-sa.ts';
import type { Task } from './task.ts';

/** Responder: nobody went on from IKE_SA_INIT. Initiator: it was refused and no better answer came. */
export function expireHalfOpen(sa: IkeSa): void {
  const refusal = sa.initRefusal;
  if (sa.role === 'responder') {
    if (sa.state === 'initDone') sa.close('timeout', 'the initiator did not go on from IKE_SA_INIT');
  } else if (sa.state === 'created' && refusal !== undefined) {
    sa.close('protocol', `the responder refused IKE_SA_INIT: ${nameOf('notify', refusal)}`, refusal);
  }
}

/** Sends what `ask` makes when the peer was silent for the whole period. */
export function checkSilence(sa: IkeSa, ask: () => Task): void {
  if (sa.state !== 'established') return;
  const period = sa.node.timers.liveness;
  const silent = sa.now - sa.lastHeard >= period;
  if (silent && !sa.busy) sa.request(ask());
  sa.timers.set('liveness', (silent ? sa.now : sa.lastHeard) + period);
}

/** For operators and tests; no secrets. */
export function summarize(sa: IkeSa): IkeSaSummary {
  const { role, state, channel, local, remote, peerId, suite } = sa;
  return {
    ikeSaId: sa.id,
    role,
    state,
    spiInitiator: channel.spiInitiator,
    spiResponder: channel.spiResponder,
    local,
    remote,
    peerId,
    suite: suite === '' ? undefined : suite,
    childSas: [...sa.children.values()].map(({ id, spiIn, spiOut }) => ({ id, spiIn, spiOut })),
  };
}
