import { describe, expect, it } from 'vitest';
import type { MessageIes, NgapPdu } from '#ngap';
import type { Quirk } from '../peers/core/config.ts';
import { nothing } from '../support/attached.ts';
import { World, type WorldOptions } from '../support/world.ts';
import { names, sent } from './n2/support.ts';

/** Everything that sets Open5GS 2.8.0 apart. */
const open5gs: readonly Quirk[] = ['o1', 'o2', 'o3', 'o4'];
const compat = { profile: 'open5gs-gnb-compat', gnb: { id: 0x1234, idBits: 24, cell: 1 } } as const;
const modified = { ue: { nasAccess: '3gpp' } } as const;

const beside = (quirks: readonly Quirk[], more: WorldOptions = {}) =>
  new World({ cores: [{ quirks }], ...more });
const types = (world: World) => world.ue.events.map(({ type }) => type);
const received = <M extends NgapPdu['message']>(world: World, message: M) =>
  world.toN3iwf.filter((pdu) => pdu.message === message).map(({ ies }) => ies as MessageIes<M>);
const choicesOfPlace = (world: World) =>
  new Set(
    world.toAmf.flatMap(({ ies }) =>
      'userLocationInformation' in ies ? [ies.userLocationInformation?.choice] : [],
    ),
  );

/** Takes the wish for a context out of the first messages of UEs. */
const withoutWish: WorldOptions['n2'] = (pdu, toAmf) => {
  if (!toAmf || pdu.message !== 'InitialUEMessage') return pdu;
  const { ueContextRequest: _, ...ies } = pdu.ies;
  return { ...pdu, ies };
};

describe("Open5GS's ways, shown by the simulated AMF, against an N3IWF as it should be", () => {
  it('o1: NG Setup is refused, and no UE is let in', async () => {
    const world = beside(['o1']);
    expect(world.gateway.amfs.anyAvailable).toBe(false);
    await world.register();
    await world.pass(120_000);
    expect(world.toAmf).toEqual([]);
    expect(world.left()).toEqual(nothing);
  });

  it('o2: the first message is answered by an Error Indication, and the UE ends', async () => {
    const world = beside(['o2']);
    await world.register();
    expect(received(world, 'ErrorIndication')).toMatchObject([
      { ranUeNgapId: 1, cause: { choice: 'protocol', value: 'unspecified' } },
    ]);
    await world.pass(60_000);
    expect(types(world)).not.toContain('registered');
    expect(world.left()).toEqual(nothing);
  });

  it('o3: a UE by the standard finds the Security Mode Command forged, and leaves nothing', async () => {
    const world = beside(['o3', 'o4']);
    await world.register();
    expect(world.ue.events).toContainEqual(expect.objectContaining({ type: 'failed', step: 'NAS security' }));
    expect(names(world)).not.toContain('InitialContextSetupResponse');
    await world.pass(60_000);
    expect(world.left()).toEqual(nothing);
  });

  it('o3: the key of the other access fails the UE in IKE_AUTH, were its NAS security passed over', async () => {
    const world = beside(['o4'], {
      n2: (pdu, toAmf) => {
        if (toAmf || pdu.message !== 'InitialContextSetupRequest') return pdu;
        const securityKey = { bits: new Uint8Array(32).fill(1), length: 256 };
        return { ...pdu, ies: { ...pdu.ies, securityKey } };
      },
    });
    await world.register();
    await world.pass(60_000);
    expect(types(world)).not.toContain('signallingUp');
    expect(names(world)).toContain('InitialContextSetupFailure');
    expect(world.left()).toEqual(nothing);
  });
});

describe("Open5GS's ways with the context of a UE", () => {
  it('o4: the Registration Accept inside the context request waits for the NAS connection, with no profile', async () => {
    const world = beside(['o4']);
    await world.register();
    expect(received(world, 'InitialContextSetupRequest')[0]).toHaveProperty('nasPdu');
    expect(types(world)).toEqual(['ikeSaInit', 'signallingUp', 'registered']);
    expect(world.core.amf.registeredUes).toBe(1);
    await world.openSession();
    expect(await world.ping()).toBe(true);
  });

  it('o4: without a wish for a context there would be none, nor a key: so it is asked for every time', async () => {
    const world = beside(['o4'], { n2: withoutWish });
    await world.register();
    expect(sent(world, 'InitialUEMessage')).toMatchObject([{ ueContextRequest: 'requested' }]);
    expect(received(world, 'InitialContextSetupRequest')).toEqual([]);
    expect(types(world)).not.toContain('signallingUp');
    await world.pass(120_000);
    expect(world.left()).toEqual(nothing);
  });
});

describe('open5gs-gnb-compat', () => {
  it('a UE with the NAS security of 3GPP access registers, pings, rekeys and leaves', async () => {
    const world = beside(open5gs, { ...compat, ...modified });
    await world.register();
    expect(types(world)).toContain('registered');
    await world.openSession();
    expect(await world.ping()).toBe(true);
    world.ue.ue.rekey(1);
    await world.settle();
    expect(await world.ping()).toBe(true);
    world.ue.ue.nas.deregister();
    await world.settle();
    expect(types(world).at(-1)).toBe('closed');
    expect(world.left()).toEqual(nothing);
    expect(world.core.amf.knownUes).toBe(0);
    expect(received(world, 'ErrorIndication')).toEqual([]);
  });

  it('every message that tells a UE where it is names the cell, and no address', async () => {
    const world = beside(open5gs, { ...compat, ...modified });
    await world.register();
    await world.openSession();
    world.ue.ue.sessions.release(1);
    await world.settle();
    world.ue.ue.disconnect();
    await world.settle();
    expect(choicesOfPlace(world)).toEqual(new Set(['userLocationInformationNR']));
    const standard = new World();
    await standard.register();
    expect(choicesOfPlace(standard)).toEqual(new Set(['userLocationInformationN3IWF']));
  });
});

describe('open5gs-gnb-compat where it does not help', () => {
  it('does not help a UE by the standard: it ends at the Security Mode Command, as the guide says', async () => {
    const world = beside(open5gs, compat);
    await world.register();
    await world.pass(60_000);
    expect(world.ue.events).toContainEqual(expect.objectContaining({ type: 'failed', step: 'NAS security' }));
    expect(world.left()).toEqual(nothing);
  });

  it('a UE with the NAS security of 3GPP access is of no use on a core by the standard', async () => {
    const world = new World(modified);
    await world.register();
    await world.pass(60_000);
    expect(types(world)).not.toContain('registered');
    expect(world.left()).toEqual(nothing);
  });

  it('Paging, as any gNB gets it, is counted and dropped', async () => {
    const world = beside(open5gs, { ...compat, ...modified });
    await world.register();
    const fiveGSTmsi = {
      amfSetId: { bits: Uint8Array.of(0, 0x40), length: 10 },
      amfPointer: { bits: Uint8Array.of(0), length: 6 },
      fiveGTmsi: Uint8Array.of(1, 2, 3, 4),
    };
    const tai = { plmnIdentity: Uint8Array.of(2, 0xf8, 0x39), tac: Uint8Array.of(0, 0, 1) };
    const uePagingIdentity = { choice: 'fiveGSTmsi', value: fiveGSTmsi } as const;
    await world.amfSends({ message: 'Paging', ies: { uePagingIdentity, taiListForPaging: [{ tai }] } });
    expect(world.gateway.n2Counters.of('Paging')).toBe(1);
    expect(names(world)).not.toContain('ErrorIndication');
  });
});
