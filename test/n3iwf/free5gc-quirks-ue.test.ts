import { describe, expect, it } from 'vitest';
import { nothing } from '../support/attached.ts';
import { World, type WorldOptions } from '../support/world.ts';
import { ids, names, sent, setupTransfer, sNssai } from './n2/support.ts';

/** Every UE is deaf from its Initial Context Setup Request on, for `ms`. */
function slowUe(ms: number): Pick<WorldOptions, 'n2' | 'channel'> {
  let until = 0;
  return {
    n2: (pdu, toAmf, world) => {
      if (!toAmf && pdu.message === 'InitialContextSetupRequest' && until === 0) until = world.now + ms;
      return pdu;
    },
    channel: (datagram, world) =>
      world.now < until && datagram.from.address === '192.0.2.1' ? [] : [datagram],
  };
}

const to = (world: World, message: string) => world.toN3iwf.filter((pdu) => pdu.message === message);
const types = (world: World) => world.ue.events.map(({ type }) => type);

describe("free5GC's ways with UEs, shown by the simulated AMF: messages out of the ordinary", () => {
  it('q3: the empty NAS message after a later Initial Context Setup is dropped and counted', async () => {
    const world = new World({ cores: [{ quirks: ['q3'] }] });
    await world.register();
    const [request] = to(world, 'InitialContextSetupRequest');
    const list = [{ pduSessionId: 5, sNssai, pduSessionResourceSetupRequestTransfer: setupTransfer() }];
    await world.amfSends({
      ...request,
      ies: { ...request?.ies, pduSessionResourceSetupListCxtReq: list },
    } as never);
    expect(to(world, 'DownlinkNASTransport').at(-1)?.ies).toMatchObject({ nasPdu: new Uint8Array(0) });
    expect(world.gateway.n2Counters.of('emptyNas')).toBe(1);
    expect(world.gateway.ues.ofId(1)?.sessions.has(5)).toBe(true);
    await world.openSession();
    expect(await world.ping()).toBe(true);
  });

  it('q13: a UE that the AMF forgot without a word ends at its next NAS message, with its session, and no other', async () => {
    const world = new World({ cores: [{ quirks: ['q13'] }], ues: 2 });
    for (const ue of world.ues) {
      await world.register(ue);
      await world.openSession(ue);
    }
    world.core.amf.deregister('208930000000001');
    await world.settle();
    expect([world.left().ues, world.core.amf.knownUes]).toEqual([2, 1]);
    world.ue.ue.sessions.release(1);
    await world.settle();
    expect(to(world, 'ErrorIndication')).toHaveLength(1);
    expect(types(world).at(-1)).toBe('closed');
    expect(world.left()).toMatchObject({ ues: 1, addresses: 1 });
    expect(await world.ping(world.ues[1])).toBe(true);
  });

  it('q5: a first message that the AMF cannot read arrives as the UE sent it, and its refusal ends the UE alone', async () => {
    const world = new World({ cores: [{ quirks: ['q5'] }], ues: 2 });
    const first = Uint8Array.of(0x7e, 1, 0xde, 0xad, 0xbe, 0xef, 0, 0x7e, 0, 0x4c, 0x10, 0, 7);
    world.ue.ue.nas.registrationRequest = () => first;
    await world.register();
    await world.pass(60_000);
    expect(sent(world, 'InitialUEMessage')[0]?.nasPdu).toEqual(first);
    expect(names(world).at(-1)).toBe('UEContextReleaseComplete');
    expect(world.left()).toEqual(nothing);
    await world.register(world.ues[1]);
    expect(world.core.amf.registeredUes).toBe(1);
  });
});

describe("free5GC's ways with UEs, shown by the simulated AMF: the accept inside the context request", () => {
  it('q6: a second context request, with the accept in it, is served by the answer to the first', async () => {
    const world = new World({ cores: [{ quirks: ['q6'] }], ...slowUe(7_000) });
    await world.register();
    await world.pass(40_000);
    const [first, second, ...more] = to(world, 'InitialContextSetupRequest');
    expect(first?.ies).not.toHaveProperty('nasPdu');
    expect(second?.ies).toHaveProperty('nasPdu');
    expect(more).toEqual([]);
    expect(sent(world, 'InitialContextSetupResponse')).toMatchObject([ids]);
    expect(names(world)).not.toContain('InitialContextSetupFailure');
    expect(types(world)).toContain('registered');
    await world.openSession();
    expect(await world.ping()).toBe(true);
  });

  it('q6: an accept that comes before the signalling SA waits for the NAS connection', async () => {
    const { n2, channel } = slowUe(7_000);
    const world = new World({
      cores: [{ quirks: ['q6'] }],
      ...(channel === undefined ? {} : { channel }),
      n2: (pdu, toAmf, within) => {
        const passed = n2?.(pdu, toAmf, within);
        if (passed?.message !== 'InitialUEMessage') return passed;
        const { ueContextRequest: _, ...ies } = passed.ies;
        return { ...passed, ies };
      },
    });
    await world.register();
    await world.pass(6_500);
    expect(world.gateway.ues.ofId(1)).toMatchObject({ state: 'securing', nasConnected: false });
    expect(world.gateway.ues.ofId(1)?.nasQueue).toHaveLength(1);
    await world.pass(40_000);
    expect(to(world, 'InitialContextSetupRequest')).toHaveLength(1);
    expect(types(world)).toContain('registered');
    expect(world.core.amf.registeredUes).toBe(1);
  });

  it('q6: an AMF that gives up after its last try ends the UE, and nothing is left', async () => {
    const world = new World({ cores: [{ quirks: ['q6'] }], ...slowUe(3_600_000) });
    await world.register();
    await world.pass(3_600_000);
    expect(to(world, 'InitialContextSetupRequest')).toHaveLength(5);
    expect(world.left()).toEqual(nothing);
    expect(world.core.amf.knownUes).toBe(0);
  });
});

describe("free5GC's ways with UEs, shown by the simulated AMF: many UEs and all of them", () => {
  it('q7: a UE that offers NIA2 registers, one that offers NIA0 alone is refused and leaves nothing', async () => {
    const world = new World({ cores: [{ quirks: ['q7'] }] });
    await world.register();
    expect(types(world)).toContain('registered');
    const bare = new World({ cores: [{ quirks: ['q7'] }], ue: { capability: Uint8Array.of(0xa0, 0x80) } });
    await bare.register();
    await bare.pass(60_000);
    expect(bare.ue.events).toContainEqual(expect.objectContaining({ type: 'failed', step: 'registration' }));
    expect(bare.left()).toEqual(nothing);
    expect(bare.core.amf.knownUes).toBe(0);
  });

  it('q8: UEs that come and go together get by with an AMF that changes the order of their messages', async () => {
    const world = new World({ cores: [{ quirks: ['q8'] }], ues: 4 });
    await world.pass(1_000); // NG Setup waits for its worker as well
    await Promise.all(world.ues.map(({ ue }) => ue.start()));
    await world.pass(1_000);
    expect(world.core.amf.registeredUes).toBe(4);
    for (const { ue } of world.ues) ue.sessions.request(1);
    await world.pass(1_000);
    for (const who of world.ues) expect(await world.ping(who)).toBe(true);
    for (const { ue } of world.ues) ue.disconnect();
    await world.pass(1_000);
    expect(world.left()).toEqual(nothing);
    expect(world.core.amf.knownUes).toBe(0);
    expect(names(world)).not.toContain('ErrorIndication');
    expect(to(world, 'ErrorIndication')).toEqual([]);
  });

  it('q9: an AMF forgets its UEs with the association: they end here too, and come back after NG Setup', async () => {
    const world = new World({ ues: 3 });
    await world.register(world.ues[0]);
    await world.register(world.ues[1]);
    await world.openSession();
    world.core.amf.clear();
    world.loseAmf();
    await world.settle();
    expect(world.left()).toEqual(nothing);
    expect(world.ues.slice(0, 2).map(({ events }) => events.at(-1)?.type)).toEqual(['closed', 'closed']);
    expect(names(world)).not.toContain('UEContextReleaseRequest');
    world.setUpAmf();
    const [, , third] = world.ues;
    await world.register(third);
    await world.openSession(third);
    expect(await world.ping(third)).toBe(true);
  });
});
