import { expect } from 'vitest';
import { nothing } from '../n3iwf/n2/support.ts';
import {
  type Conversation,
  conversationsOf,
  decodeAll,
  type Recorded,
  type Replay,
} from './conversations.ts';
import { readCapture } from './read.ts';

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

export const happened = (run: Replay) => run.world.ue.events.map(({ type }) => type);
export const start = (run: Replay) => run.step(() => run.world.ue.ue.start());
export const openSession = (run: Replay) => run.step(() => run.world.ue.ue.sessions.request(1));
export const endSession = (run: Replay) => run.step(() => run.world.ue.ue.sessions.release(1));
export const deregister = (run: Replay) => run.step(() => run.world.ue.ue.nas.deregister());

/** Nothing differed from the recording, and nothing of the UE is left. */
export function settled(run: Replay): void {
  expect({ unexpected: run.unexpected, missing: run.missing, withheld: run.withheld }).toEqual({
    unexpected: [],
    missing: [],
    withheld: 0,
  });
  expect(run.world.left()).toEqual(nothing);
}

/** Registration, a PDU session, its release, deregistration; everything as recorded. */
export async function wholeLife(run: Replay): Promise<void> {
  await start(run);
  expect(happened(run)).toContain('registered');
  await openSession(run);
  expect(run.world.ue.events).toContainEqual(expect.objectContaining({ type: 'sessionUp', pduSessionId: 1 }));
  await endSession(run);
  expect(happened(run)).toContain('sessionDown');
  await deregister(run);
  expect(happened(run).at(-1)).toBe('closed');
  settled(run);
}
