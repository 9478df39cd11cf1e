import { expect } from 'vitest';
import { nothing } from '../support/attached.ts';
import type { Replay } from './conversations.ts';
import { deregister, endSession, happened, openSession, start } from './steps.ts';

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

/** Deregistration while the session is up. */
export async function goesWithSession(run: Replay): Promise<void> {
  await start(run);
  await openSession(run);
  await deregister(run);
  expect(happened(run).at(-1)).toBe('closed');
  settled(run);
}

/** The UE leaves by ending its IKE SA, and comes again for a whole life: two conversations of one capture. */
export async function leavesAndReturns(left: Replay, again: Replay): Promise<void> {
  await start(left);
  await openSession(left);
  await left.step(() => left.world.ue.ue.disconnect());
  settled(left);
  await wholeLife(again);
}

/** The session goes by a command of the network, which follows its set-up without a word of ours. */
export async function losesSessionToNetwork(run: Replay): Promise<void> {
  await start(run);
  await openSession(run);
  expect(happened(run)).toContain('sessionDown');
  await deregister(run);
  settled(run);
}

/** A UE that holds an answer back, so that the AMF asks again, and then goes on through a whole life. */
export async function holdsAnswerBack(run: Replay): Promise<void> {
  await start(run);
  await run.step(() => run.world.ue.ue.resume());
  expect(happened(run)).toContain('registered');
  await openSession(run);
  await endSession(run);
  await deregister(run);
  expect(happened(run).at(-1)).toBe('closed');
  settled(run);
}

/** The association with the AMF goes while the UE has a session. */
export async function losesAmf(run: Replay): Promise<void> {
  await start(run);
  await openSession(run);
  await run.step(() => run.world.loseAmf());
  expect(happened(run).at(-1)).toBe('closed');
  expect(run.world.left()).toEqual(nothing);
}

/** A UE that the network does not let in, or that does not believe the network. */
export async function fails(run: Replay): Promise<void> {
  await start(run);
  expect(happened(run)).toContain('failed');
  expect(happened(run)).not.toContain('registered');
}

/** As `fails`, and the UE took everything that the AMF said to it in the recording. */
export async function failsAsRecorded(run: Replay): Promise<void> {
  await fails(run);
  expect(run.withheld).toBe(0);
}
