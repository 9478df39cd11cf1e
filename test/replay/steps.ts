import { N2Association } from '#ngap';
import { ngSetupRequest } from '../../n3iwf/n2/setup.ts';
import type { UeConfig } from '../peers/index.ts';
import { subscriberOf } from '../stub-core/settings.ts';
import {
  type Conversation,
  conversationsOf,
  decodeAll,
  type Recorded,
  type Replay,
} from './conversations.ts';
import { type N2Frame, readCapture } from './read.ts';

/** A capture with its N2 decoded and taken apart into UEs. */
export function loadCapture(path: string) {
  const capture = readCapture(path);
  const messages: readonly Recorded[] = decodeAll(capture.n2);
  const setup = messages.find(({ pdu }) => pdu.message === 'NGSetupResponse')?.pdu;
  if (setup === undefined) throw new Error(`${path} has no NG Setup Response`);
  return { ...capture, messages, setup, conversations: conversationsOf(messages) };
}

/** The `nth` conversation of the subscriber with that IMSI. @throws when there is none */
export function conversationOf(all: readonly Conversation[], imsi: string, nth = 0): Conversation {
  const found = all.filter((each) => each.imsi === imsi)[nth];
  if (found === undefined) throw new Error(`no conversation ${nth} of ${imsi}`);
  return found;
}

/** The UE of subscriber `index` as it was when the captures were made: its keys follow from the number. */
export function recordedUe<Changes extends Partial<UeConfig>>(index: number, changes?: Changes) {
  const { imsi, k, opc } = subscriberOf(index);
  return { imsi, k, opc, imeisv: '3560920407930100', ...changes };
}

/** What an association of ours, which sets NG up with `setup`, makes of the first answer in a capture. */
export function answerTo(n2: readonly N2Frame[], setup: Parameters<typeof ngSetupRequest>[0]) {
  const association = new N2Association({ setup: ngSetupRequest(setup) }, { random: () => 0 });
  association.connect(0);
  association.connected(0, 4);
  const answer = n2.find(({ toAmf }) => !toAmf)?.data ?? new Uint8Array(0);
  return association.receive(0, 0, answer);
}

export const happened = (run: Replay) => run.world.ue.events.map(({ type }) => type);
export const start = (run: Replay) => run.step(() => run.world.ue.ue.start());
export const openSession = (run: Replay) => run.step(() => run.world.ue.ue.sessions.request(1));
export const endSession = (run: Replay) => run.step(() => run.world.ue.ue.sessions.release(1));
export const deregister = (run: Replay) => run.step(() => run.world.ue.ue.nas.deregister());
