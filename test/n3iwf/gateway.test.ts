import { describe, expect, it } from 'vitest';
import { attached, nothing } from '../support/attached.ts';
import { World, type WorldOptions } from '../support/world.ts';

const types = (world: World, who = world.ue) => who.events.map(({ type }) => type);
const sent = (world: World) => world.toAmf.map(({ message }) => message);

describe('attach', () => {
  for (const auth of ['qkd', 'psk', 'eap-only'] as const) {
    for (const ppk of ['rfc8784', 'none'] as const) {
      it(`[TS24502 7.3.3] [TS24502 7.3.4] [TS24502 7.5] AUTH ${auth} with PPK ${ppk} leads to a ping`, async () => {
        const world = await attached({ auth, ppk });
        expect(types(world).slice(0, 4)).toEqual(['ikeSaInit', 'signallingUp', 'registered', 'sessionUp']);
        expect(world.fetched).toEqual(world.ue.ue.keyIds);
        expect(world.fetched).toHaveLength(Number(auth === 'qkd') + Number(ppk === 'rfc8784'));
        expect(world.left()).toEqual({ ues: 1, teids: 1, addresses: 1 });
        expect(world.core.undecodable).toBe(0);
      });
    }
  }

  it('[TS38413 8.6.1] [TS38413 8.6.3] [TS38413 8.3.1] [TS38413 8.2.1] goes over N2 in the order of the procedures', async () => {
    const world = await attached();
    expect(sent(world)).toEqual([
      'InitialUEMessage',
      'UplinkNASTransport',
      'UplinkNASTransport',
      'InitialContextSetupResponse',
      'UplinkNASTransport',
      'UplinkNASTransport',
      'PDUSessionResourceSetupResponse',
    ]);
    const [initial] = world.toAmf;
    expect(initial?.message === 'InitialUEMessage' && initial.ies.rrcEstablishmentCause).toBe(
      'mo-Signalling',
    );
  });

  it('keeps two UEs apart that chose the same initiator SPI', async () => {
    const world = new World({ ues: 2, ue: { spi: Uint8Array.of(0, 0, 0, 0, 0, 6, 0xf7, 8) } });
    const [first, second] = world.ues;
    await Promise.all(world.ues.map(({ ue }) => ue.start()));
    await world.settle();
    for (const who of world.ues) await world.openSession(who);
    expect(await world.ping(first)).toBe(true);
    expect(await world.ping(second)).toBe(true);
    expect(world.left()).toEqual({ ues: 2, teids: 2, addresses: 2 });
  });
});

describe('attach over a bad path', () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    it(`still attaches when a fifth of all datagrams is lost (seed ${seed})`, async () => {
      const channel: WorldOptions['channel'] = (datagram, world) =>
        world.random.fraction() < 0.2 ? [] : [datagram];
      const world = new World({ auth: 'qkd', ppk: 'rfc8784', seed, channel });
      await world.register();
      await world.pass(60_000);
      expect(types(world)).toContain('registered');
      await world.openSession();
      await world.pass(60_000);
      expect(types(world)).toContain('sessionUp');
      const pings: boolean[] = [];
      for (let i = 0; i < 20; i++) pings.push(await world.ping());
      expect(pings).toContain(true);
    });
  }

  it('attaches when every datagram comes twice', async () => {
    const world = await attached({ channel: (datagram) => [datagram, datagram] });
    expect(world.left()).toEqual({ ues: 1, teids: 1, addresses: 1 });
    expect(sent(world).filter((message) => message === 'InitialUEMessage')).toHaveLength(1);
  });
});

describe('life and end of a UE', () => {
  it('rekeys the Child SAs of session and signalling, and still pings', async () => {
    const world = await attached();
    for (const pduSessionId of [1, undefined, 1]) {
      world.ue.ue.rekey(pduSessionId);
      await world.settle();
      expect(world.ue.events.at(-1)).toEqual({ type: 'childSaRekeyed', pduSessionId });
      expect(await world.ping()).toBe(true);
    }
  });

  it('[TS38413 8.2.2] releases a session for UE and AMF, and lets another be opened', async () => {
    const world = await attached();
    world.ue.ue.sessions.release(1);
    await world.settle();
    expect(types(world)).toContain('sessionDown');
    expect(sent(world)).toContain('PDUSessionResourceReleaseResponse');
    expect(world.left()).toEqual({ ues: 1, teids: 0, addresses: 1 });
    await world.openSession(world.ue, 2);
    expect(await world.ping(world.ue, 2)).toBe(true);
  });

  it('[TS38413 8.3.3] leaves nothing of a UE that deregistered', async () => {
    const world = await attached();
    world.ue.ue.nas.deregister();
    await world.settle();
    expect(types(world)).toContain('deregistered');
    expect(types(world).at(-1)).toBe('closed');
    expect(sent(world).at(-1)).toBe('UEContextReleaseComplete');
    expect(world.left()).toEqual(nothing);
    expect(world.core.amf.knownUes).toBe(0);
  });

  it('[TS38413 8.3.2] asks the AMF to release a UE that left without a word', async () => {
    const world = await attached();
    world.ue.ue.disconnect();
    await world.settle();
    expect(sent(world).slice(-2)).toEqual(['UEContextReleaseRequest', 'UEContextReleaseComplete']);
    const request = world.toAmf.at(-2);
    expect(request?.ies).toMatchObject({ pduSessionResourceListCxtRelReq: [{ pduSessionId: 1 }] });
    expect(world.left()).toEqual(nothing);
    expect(world.core.amf.knownUes).toBe(0);
  });

  it('drops a UE that the AMF never releases, after ten seconds', async () => {
    const n2: WorldOptions['n2'] = (pdu, toAmf) =>
      toAmf && pdu.message === 'UEContextReleaseRequest' ? undefined : pdu;
    const world = await attached({ n2 });
    world.ue.ue.disconnect();
    await world.pass(9_000);
    expect(world.left()).toEqual({ ues: 1, teids: 0, addresses: 0 });
    await world.pass(2_000);
    expect(world.left()).toEqual(nothing);
  });
});
