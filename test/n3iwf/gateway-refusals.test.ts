import { describe, expect, it } from 'vitest';
import type { IkeEndpoint, Output } from '#ikev2';
import type { NgapPdu } from '#ngap';
import { nothing } from '../support/attached.ts';
import { World, type WorldOptions } from '../support/world.ts';

const failure = (world: World, who = world.ue) => who.events.find((event) => event.type === 'failed');
const sent = (world: World, message: NgapPdu['message']) =>
  world.toAmf.filter((pdu) => pdu.message === message);

async function refused(options: WorldOptions): Promise<World> {
  const world = new World(options);
  await world.register();
  await world.pass(30_000);
  expect(world.ue.events.map(({ type }) => type)).not.toContain('registered');
  expect(world.left()).toEqual(nothing);
  expect(world.core.amf.knownUes).toBe(0);
  expect(world.core.undecodable).toBe(0);
  return world;
}

describe('refusals of what a UE shows or asks', () => {
  it('ends a UE that answers the challenge wrongly', async () => {
    const world = await refused({ ue: { wrongResStar: true } });
    expect(failure(world)).toMatchObject({ step: 'authentication' });
    expect(sent(world, 'UEContextReleaseComplete')).toHaveLength(1);
  });

  it('[RFC8784 3] refuses a UE whose PPK the key manager does not know', async () => {
    const world = await refused({ auth: 'psk', ppk: 'rfc8784', unknownKeys: true });
    expect(failure(world)).toMatchObject({ reason: expect.stringContaining('AUTHENTICATION_FAILED') });
    expect(world.fetched).toEqual([]);
  });

  it('refuses a UE whose key for AUTH the key manager does not know', async () => {
    const world = await refused({ auth: 'qkd', unknownKeys: true });
    expect(failure(world)).toMatchObject({ reason: expect.stringContaining('AUTHENTICATION_FAILED') });
    expect(sent(world, 'InitialUEMessage')).toEqual([]);
  });

  it('ends a UE whose registration the AMF refuses', async () => {
    const world = await refused({ refuse: 'registration' });
    expect(failure(world)).toMatchObject({ step: 'registration' });
  });

  it('keeps a UE whose PDU session the core refuses', async () => {
    const world = new World({ refuse: 'pduSession' });
    await world.register();
    await world.openSession();
    expect(failure(world)).toMatchObject({ step: 'PDU session' });
    expect(world.left()).toEqual({ ues: 1, teids: 0, addresses: 1 });
  });
});

describe('refusals for want of something', () => {
  it('releases a UE that deletes its signalling SA, as NAS has no way to it any more', async () => {
    const world = new World();
    await world.register();
    await world.openSession();
    const ue = world.ue.ue as unknown as {
      engine: IkeEndpoint;
      ikeSaId: number;
      carryOut(outputs: Output[]): void;
    };
    const [signalling] = [...ue.engine.ikeSas()][0]?.childSas ?? [];
    ue.carryOut(ue.engine.deleteChildSa(world.now, ue.ikeSaId, signalling?.id ?? 0));
    await world.settle();
    expect(sent(world, 'UEContextReleaseRequest')).toMatchObject([
      { ies: { cause: { value: 'radio-connection-with-ue-lost' } } },
    ]);
    await world.pass(60_000);
    expect(world.left()).toEqual({ ues: 0, teids: 0, addresses: 0 });
  });

  it('[TS24502 7.3.4] releases a UE for which no inner address is left', async () => {
    const world = new World({ ues: 2, innerPool: '10.45.0.0/30' });
    const [first, second] = world.ues;
    await world.register(first);
    await world.register(second);
    await world.pass(30_000);
    expect(second?.events.map(({ type }) => type)).not.toContain('registered');
    expect(sent(world, 'UEContextReleaseRequest').map(({ ies }) => ies)).toMatchObject([
      { ranUeNgapId: 2, cause: { value: 'failure-in-radio-interface-procedure' } },
    ]);
    expect(world.left()).toEqual({ ues: 1, teids: 0, addresses: 1 });
    await world.openSession(first);
    expect(await world.ping(first)).toBe(true);
  });

  it('with the name proved by the QKD key: an N3IWF of another name is left, ours is not', async () => {
    await refused({ auth: 'qkd', ue: { proveName: true, n3iwfName: 'other.example' } });
    const world = new World({ auth: 'qkd', ue: { proveName: true } });
    await world.register();
    expect(world.ue.events.map(({ type }) => type)).toContain('registered');
    expect(world.fetched).toHaveLength(1);
  });

  it('[TS24502 9.2.4.2] turns UEs away with CONGESTION while no AMF is connected', async () => {
    const world = new World();
    world.loseAmf();
    await world.register();
    expect(failure(world)).toMatchObject({ reason: expect.stringMatching(/CONGESTION|15500/) });
    expect(world.left()).toEqual(nothing);
    expect(world.toAmf).toEqual([]);
  });
});
