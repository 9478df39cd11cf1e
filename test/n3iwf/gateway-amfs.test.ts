import { describe, expect, it, vi } from 'vitest';
import { IkeEndpoint } from '#ikev2';
import { encodeNgap, type MessageIes } from '#ngap';
import { endIkeSas } from '../../n3iwf/drain.ts';
import { numberToBits } from '../../n3iwf/n2/amf/guami.ts';
import { ngapGuami } from '../support/amf-facts.ts';
import { nothing } from '../support/attached.ts';
import { World, type WorldOptions } from '../support/world.ts';

const twoOfOneSet = [{ amfName: 'first' }, { amfName: 'second', amfPointer: 1 }];

/** Events of UE number `index` that end it. */
const ended = (world: World, index: number) =>
  world.ues[index]?.events.filter(({ type }) => type === 'closed' || type === 'failed').length;

async function registered(options: WorldOptions): Promise<World> {
  const world = new World(options);
  for (const ue of world.ues) await world.register(ue);
  return world;
}

/** AMFs to which the first messages of UEs went. */
function initialAmfs(world: World): number[] {
  return world.amfOf.filter((_, at) => world.toAmf[at]?.message === 'InitialUEMessage');
}

describe('several AMFs', () => {
  it('[TS23501 6.3.5] share the UEs by their capacities, and each UE stays with its own', async () => {
    const world = await registered({ cores: twoOfOneSet, ues: 12 });
    expect(new Set(initialAmfs(world))).toEqual(new Set([0, 1]));
    for (const ue of world.ues) {
      await world.openSession(ue);
      expect(await world.ping(ue)).toBe(true);
    }
    const known = world.cores.map(({ amf }) => amf.registeredUes);
    expect(known[0]! + known[1]!).toBe(12);
  });

  it('the loss of one ends its UEs and leaves the others alone', async () => {
    const world = await registered({ cores: twoOfOneSet, ues: 8 });
    const amfs = initialAmfs(world);
    for (const ue of world.ues) await world.openSession(ue);
    world.loseAmf(0);
    await world.settle();
    for (const [index, ue] of world.ues.entries()) {
      expect(ended(world, index)).toBe(amfs[index] === 0 ? 1 : 0);
      if (amfs[index] === 1) expect(await world.ping(ue)).toBe(true);
    }
    expect(world.left().ues).toBe(amfs.filter((amf) => amf === 1).length);
  });

  it('a reset by one AMF does not touch the UEs of the other', async () => {
    const world = await registered({ cores: twoOfOneSet, ues: 6 });
    const cause = { choice: 'misc', value: 'unspecified' } as const;
    const ies: MessageIes<'NGReset'> = { cause, resetType: { choice: 'ngInterface', value: 'reset-all' } };
    world.gateway.onN2Event(1, { type: 'resetReceived', ies });
    await world.settle();
    expect(world.left().ues).toBe(initialAmfs(world).filter((amf) => amf === 0).length);
  });
});

describe('several AMFs, of one set or more', () => {
  it('[TS38413 10.6] an AMF of another set may not speak of a UE that is not its own', async () => {
    const world = await registered({ cores: [{}, { amfSetId: 7 }] });
    const own = initialAmfs(world)[0]!;
    const nasPdu = Uint8Array.of(1);
    const ids = { amfUeNgapId: 1, ranUeNgapId: 1 };
    await world.amfSends({ message: 'DownlinkNASTransport', ies: { ...ids, nasPdu } }, 1 - own);
    expect(world.toAmf.at(-1)).toMatchObject({
      message: 'ErrorIndication',
      ies: { cause: { value: 'unknown-local-UE-NGAP-ID' } },
    });
    expect(world.amfOf.at(-1)).toBe(1 - own);
    const ueNgapIds = { choice: 'amfUeNgapId', value: 1 } as const;
    const cause = { choice: 'nas', value: 'unspecified' } as const;
    await world.amfSends({ message: 'UEContextReleaseCommand', ies: { ueNgapIds, cause } }, 1 - own);
    await world.amfSends({ message: 'ErrorIndication', ies: { ...ids, cause } }, 1 - own);
    expect(world.left().ues).toBe(1);
  });

  it('[TS23501 5.21.2.2] one of the same set may, and gets the messages from then on', async () => {
    const world = await registered({ cores: twoOfOneSet });
    const own = initialAmfs(world)[0]!;
    const ids = { amfUeNgapId: 1, ranUeNgapId: 1 };
    await world.amfSends(
      { message: 'DownlinkNASTransport', ies: { ...ids, nasPdu: Uint8Array.of(0) } },
      1 - own,
    );
    expect(world.gateway.ues.ofId(1)?.amf?.number).toBe(1 - own);
  });

  it('[TS23501 5.21.2.2.1] a GUAMI given up: the UE goes on with the stand-in, new UEs too', async () => {
    const world = await registered({ cores: twoOfOneSet, ues: 2 });
    const [first, second] = [world.gateway.ues.ofId(1)!, world.gateway.ues.ofId(2)!];
    const from = first.amf!.number;
    const unavailable = (timer: boolean): MessageIes<'AMFStatusIndication'> => ({
      unavailableGuamiList: [
        {
          guami: ngapGuami(first.guami!),
          ...(timer ? { timerApproachForGuamiRemoval: 'apply-timer' as const } : {}),
        },
      ],
    });
    world.gateway.onN2Event(from, { type: 'amfStatusIndicated', ies: unavailable(true) });
    expect(first.amf?.number).toBe(from);
    world.gateway.onN2Event(from, { type: 'amfStatusIndicated', ies: unavailable(false) });
    expect(first.amf?.number).toBe(1 - from);
    expect(second.amf?.number).toBe(1 - from);
    expect(world.gateway.amfs.ofNumber(from).available).toBe(false);
  });

  it('a GUAMI given up without a stand-in leaves its UEs where they are', async () => {
    const world = await registered({});
    const ies = { unavailableGuamiList: [{ guami: ngapGuami(world.gateway.ues.ofId(1)!.guami!) }] };
    world.gateway.onN2Event(0, { type: 'amfStatusIndicated', ies });
    expect(world.gateway.ues.ofId(1)?.amf?.number).toBe(0);
    expect(await world.ping()).toBe(false);
    expect(world.left().ues).toBe(1);
  });
});

describe('an overloaded AMF', () => {
  const amfOverloadResponse = { choice: 'overloadAction', value: 'reject-rrc-cr-signalling' } as const;

  it('[TS24502 9.2.4.2] UEs are told CONGESTION with a back-off time, until the overload ends', async () => {
    const failEap = vi.spyOn(IkeEndpoint.prototype, 'failEap');
    const world = new World({ ues: 2 });
    world.gateway.onN2Event(0, { type: 'overloadStarted', ies: { amfOverloadResponse } });
    await world.register();
    expect(world.ue.events.at(-1)).toMatchObject({ type: 'failed' });
    expect(JSON.stringify(world.ue.events)).toContain('CONGESTION');
    const [, , notifyType, notifies] = failEap.mock.calls[0] ?? [];
    expect([notifyType, notifies?.[0]?.data.length]).toEqual([15500, 2]);
    expect(world.toAmf).toEqual([]);
    await world.pass(60_000);
    expect(world.left()).toEqual(nothing);
    world.gateway.onN2Event(0, { type: 'overloadStopped' });
    await world.register(world.ues[1]);
    expect(world.ues[1]?.events.at(-1)?.type).toBe('registered');
  });

  it('[TS38413 8.7.7.2] UEs that are attached go on', async () => {
    const world = await registered({});
    world.gateway.onN2Event(0, { type: 'overloadStarted', ies: { amfOverloadResponse } });
    await world.openSession();
    expect(await world.ping()).toBe(true);
  });
});

describe('Reroute NAS', () => {
  const otherSet = [{ amfName: 'first' }, { amfName: 'other', amfSetId: 7 }];

  /** Has the AMF of the UE's first message send it on to set `setId` instead of taking it. */
  function rerouting(setId: number, message?: Uint8Array): WorldOptions['n2'] {
    let done = false;
    return (pdu, toAmf, world) => {
      if (!toAmf || done || pdu.message !== 'InitialUEMessage') return pdu;
      done = true;
      const ies: MessageIes<'RerouteNASRequest'> = {
        ranUeNgapId: pdu.ies.ranUeNgapId,
        amfUeNgapId: 77,
        ngapMessage: message ?? encodeNgap(pdu),
        amfSetId: numberToBits(setId, 10),
        allowedNssai: [{ sNssai: { sst: Uint8Array.of(1) } }],
      };
      void world.amfSends({ message: 'RerouteNASRequest', ies }, world.amfOf.at(-1));
      return undefined;
    };
  }

  it('[TS38413 8.6.5.2] the first message goes on to the AMF set named, and the UE registers there', async () => {
    for (const seed of [1, 2, 3, 4]) {
      const probe = new World({ seed, cores: otherSet });
      await probe.register();
      const first = initialAmfs(probe)[0]!;
      const n2 = rerouting(first === 0 ? 7 : 1016);
      const world = new World({ seed, cores: otherSet, ...(n2 === undefined ? {} : { n2 }) });
      await world.register();
      expect(initialAmfs(world)).toEqual([first, 1 - first]);
      expect(world.toAmf.filter(({ message }) => message === 'InitialUEMessage')[1]?.ies).toMatchObject({
        ranUeNgapId: 1,
        allowedNssai: [{ sNssai: { sst: Uint8Array.of(1) } }],
      });
      expect(world.ue.events.at(-1)?.type).toBe('registered');
    }
  });

  it('[TS38413 8.6.5.2] without an AMF of that set the UE ends, with nothing left over', async () => {
    const world = new World({ n2: rerouting(99)! });
    await world.register();
    await world.pass(60_000);
    expect(ended(world, 0)).toBeGreaterThan(0);
    expect(world.left()).toEqual(nothing);
  });

  it('a message inside that is none of a UE, or a UE that is not there: an error indication', async () => {
    const world = new World({ n2: rerouting(7, Uint8Array.of(1, 2, 3))!, cores: otherSet });
    await world.register();
    const errors = () => world.toAmf.filter(({ message }) => message === 'ErrorIndication');
    expect(errors()[0]?.ies).toMatchObject({ cause: { value: 'semantic-error' } });
    const ies = { ranUeNgapId: 99, ngapMessage: Uint8Array.of(1), amfSetId: numberToBits(7, 10) };
    await world.amfSends({ message: 'RerouteNASRequest', ies });
    expect(errors()[1]?.ies).toMatchObject({ cause: { value: 'unknown-local-UE-NGAP-ID' } });
  });
});

describe('who the UE says it is', () => {
  const guti = Uint8Array.from(Buffer.from('f202f839cafe0501020304', 'hex'));

  /** Sends one first NAS message by hand; returns the Initial UE Message that it caused. */
  async function initialOf(nasPdu: Uint8Array, seed = 1, cores?: WorldOptions['cores']) {
    const world = new World({ seed, ...(cores === undefined ? {} : { cores }) });
    for (let at = 0; at < (cores?.length ?? 1); at++) world.cores[at]!.receiveN2 = () => {};
    world.ue.ue.nas.registrationRequest = () => nasPdu;
    await world.register();
    const first = world.toAmf.find(({ message }) => message === 'InitialUEMessage');
    return { ...(first?.ies as MessageIes<'InitialUEMessage'>), amf: world.amfOf[0] };
  }

  it('[TS38413 8.6.1] all but an initial registration carries the 5G-S-TMSI', async () => {
    const registration = (type: number) => Uint8Array.of(0x7e, 0, 0x41, type, 0, 11, ...guti);
    expect((await initialOf(registration(0x79))).fiveGSTmsi).toBeUndefined();
    const named = { fiveGTmsi: Uint8Array.of(1, 2, 3, 4) };
    expect((await initialOf(registration(0x7a))).fiveGSTmsi).toMatchObject(named);
    const service = Uint8Array.of(0x7e, 0, 0x4c, 0x10, 0, 7, 0xf4, 0xfe, 0x45, 1, 2, 3, 4);
    expect((await initialOf(service)).fiveGSTmsi).toMatchObject(named);
  });

  it('[TS23501 6.3.5] and goes to the AMF of its GUTI', async () => {
    const cores = [{ amfPointer: 3 }, { amfPointer: 5 }, { amfSetId: 7 }];
    for (const seed of [1, 2, 3, 4, 5]) {
      const nasPdu = Uint8Array.of(0x7e, 0, 0x41, 0x79, 0, 11, ...guti);
      expect((await initialOf(nasPdu, seed, cores)).amf).toBe(1);
    }
  });
});

describe('NG Reset from this side', () => {
  const resets = (world: World) => world.toAmf.filter(({ message }) => message === 'NGReset');

  it('[TS38413 8.7.4.2.2] for a UE that the AMF never released', async () => {
    const n2: WorldOptions['n2'] = (pdu, toAmf) =>
      toAmf && pdu.message === 'UEContextReleaseRequest' ? undefined : pdu;
    const world = await registered({ n2, ues: 2 });
    const ids = { amfUeNgapId: 1, ranUeNgapId: 1 };
    world.gateway.ike((engine, now) => engine.deleteIkeSa(now, world.gateway.ues.ofId(1)!.ikeSaId));
    await world.pass(30_000);
    expect(resets(world).map(({ ies }) => ies)).toMatchObject([
      { resetType: { choice: 'partOfNgInterface', value: [ids] } },
    ]);
    expect([world.left().ues, world.core.amf.knownUes]).toEqual([1, 1]);
    expect(world.toN3iwf.at(-1)?.message).toBe('NGResetAcknowledge');
  });

  it('[TS38413 8.7.4.2.2] for the whole interface at the end, to each AMF that is there', async () => {
    const world = await registered({ cores: [...twoOfOneSet, { refuse: 'ngSetup' }], ues: 3 });
    endIkeSas(world.gateway);
    world.gateway.resetInterfaces();
    await world.settle();
    expect(resets(world).map(({ ies }) => ies)).toMatchObject([
      { resetType: { choice: 'ngInterface' } },
      { resetType: { choice: 'ngInterface' } },
    ]);
    expect(world.left()).toEqual(nothing);
    expect(world.cores.map(({ amf }) => amf.knownUes)).toEqual([0, 0, 0]);
  });
});

describe('NAS that cannot be delivered', () => {
  it('[TS38413 8.6.4.2] goes back to the AMF when the UE is gone', async () => {
    const n2: WorldOptions['n2'] = (pdu, toAmf) =>
      toAmf && pdu.message === 'UEContextReleaseRequest' ? undefined : pdu;
    const world = await registered({ n2 });
    world.gateway.ike((engine, now) => engine.deleteIkeSa(now, world.gateway.ues.ofId(1)!.ikeSaId));
    await world.settle();
    const nasPdu = Uint8Array.of(0x7e, 0, 0x44);
    const ids = { amfUeNgapId: 1, ranUeNgapId: 1 };
    await world.amfSends({ message: 'DownlinkNASTransport', ies: { ...ids, nasPdu } });
    expect(world.toAmf.find(({ message }) => message === 'NASNonDeliveryIndication')?.ies).toMatchObject({
      ...ids,
      nasPdu,
      cause: { value: 'radio-connection-with-ue-lost' },
    });
  });
});
