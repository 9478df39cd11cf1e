import { expect, it, test } from 'vitest';
import type { NgapPdu } from '#ngap';
import { dryRunNgSetup, explainCause } from '../../../n3iwf/doctor/ng-setup.ts';
import { MemoryAssociation } from '../../../n3iwf/io/sctp-memory.ts';
import { ngSetupRequest } from '../../../n3iwf/n2/setup.ts';
import { amfThat, configWith, setupResponse } from './healthy.ts';

const setup = ngSetupRequest(configWith().n2);
/** A silence that lasts until it is stopped. */
const patient = {
  now: () => 0,
  pause: (_ms: number, stop: AbortSignal) =>
    new Promise<void>((resolve) => stop.addEventListener('abort', () => resolve())),
};

it('does one NG Setup and shuts the association down in order', async () => {
  const seen: string[] = [];
  const outcome = await dryRunNgSetup(setup, () => amfThat(setupResponse, seen), patient);
  expect(outcome).toMatchObject({ kind: 'accepted', amf: { amfName: 'amf-one' } });
  await new Promise((resolve) => setImmediate(resolve));
  expect(seen).toEqual(['NGSetupRequest', 'the peer shut the association down']);
});

it('gives the cause of a failure, and does not try again', async () => {
  const seen: string[] = [];
  const refusal: NgapPdu = {
    message: 'NGSetupFailure',
    ies: { cause: { choice: 'misc', value: 'control-processing-overload' }, timeToWait: 'v1s' },
  };
  const outcome = await dryRunNgSetup(setup, () => amfThat(refusal, seen), patient);
  expect(outcome).toMatchObject({ kind: 'refused', cause: { value: 'control-processing-overload' } });
  expect(seen.filter((name) => name === 'NGSetupRequest')).toHaveLength(1);
});

it('gives up on an AMF that keeps silent', async () => {
  const outcome = await dryRunNgSetup(setup, () => amfThat(undefined), {
    now: () => 0,
    pause: async () => {},
  });
  expect(outcome).toEqual({ kind: 'refused', reason: 'the AMF did not answer NG Setup', cause: undefined });
});

it('survives an AMF that answers with garbage', async () => {
  const dial = async () => {
    const [near, far] = MemoryAssociation.pair();
    far.onMessage((_data, stream) => far.send(stream, Uint8Array.of(0x20, 0x15, 0xff)));
    return near;
  };
  const outcome = await dryRunNgSetup(setup, dial, {
    now: () => 0,
    pause: () => new Promise((r) => setTimeout(r, 20)),
  });
  expect(outcome.kind).toBe('refused');
});

it('tells an association that cannot be had, and one that ends', async () => {
  const refused = () => Promise.reject(new Error('Connection refused'));
  expect(await dryRunNgSetup(setup, refused, patient)).toEqual({
    kind: 'unreachable',
    reason: 'Connection refused',
  });
  const lost = async () => {
    const [near, far] = MemoryAssociation.pair();
    far.onMessage(() => far.fail('aborted'));
    return near;
  };
  expect(await dryRunNgSetup(setup, lost, patient)).toEqual({ kind: 'unreachable', reason: 'aborted' });
});

test('causes are put in words with what to do, unknown ones by their name', () => {
  expect(explainCause({ choice: 'misc', value: 'unknown-PLMN-or-SNPN' }).words).toContain('serves no PLMN');
  expect(explainCause({ choice: 'radioNetwork', value: 'unspecified' }).words).toBe(
    'radioNetwork unspecified',
  );
  expect(explainCause({ choice: 'protocol', value: 'semantic-error' }).remedy).toContain('open5gs.md');
  expect(explainCause(undefined)).toEqual({ words: '', remedy: expect.stringContaining('own log') });
});
