import { describe, expect, test } from 'vitest';
import type { NgapPdu } from '#ngap';
import { nothing } from '../support/attached.ts';
import { World } from '../support/world.ts';

const uplinks = (world: World) =>
  world.toAmf.filter(({ message }) => message === 'UplinkNASTransport').length;
const isUp = (world: World) => world.ue.events.some(({ type }) => type === 'registered');

/** The last message of the AMF to the N3IWF, as its timers send it again. */
async function repeated(world: World): Promise<void> {
  await world.amfSends(world.toN3iwf.at(-1) as NgapPdu);
}

async function worksOn(world: World): Promise<void> {
  expect(isUp(world)).toBe(true);
  await world.openSession();
  expect(await world.ping()).toBe(true);
  world.ue.ue.nas.deregister();
  await world.settle();
  expect(world.left()).toEqual(nothing);
}

/** free5GC's AMF sends NAS again after 6 s without an answer (T3560, T3550), also while EAP waits for the UE. */
describe('an AMF that repeats itself because the UE is slow', () => {
  test.each([
    ['Authentication Request', 1],
    ['Security Mode Command', 2],
  ])(
    '[RFC3748 2] %s: the UE holds one EAP request, answers it once, and registers',
    async (_, holdDownlink) => {
      const world = new World({ ue: { holdDownlink } });
      await world.register();
      const before = uplinks(world);
      await repeated(world);
      await repeated(world);
      expect(uplinks(world)).toBe(before);
      world.ue.ue.resume();
      await world.settle();
      await worksOn(world);
    },
  );

  test('[RFC3748 2] a copy that crosses the answer on its way does not reach the UE: it would drop it, and EAP would stop', async () => {
    const world = new World({
      // The AMF's timer sends the Security Mode Command again just before the UE's answer to it arrives there.
      n2: (pdu, toAmf, own) => {
        const command = own.toN3iwf.filter(({ message }) => message === 'DownlinkNASTransport').at(-1);
        if (!toAmf && pdu.message === 'InitialContextSetupRequest' && command !== undefined)
          own.gateway.receiveN2(command);
        return pdu;
      },
    });
    await world.register();
    await worksOn(world);
  });

  test('a question that is put again well after its answer goes to the UE', async () => {
    const world = new World({ ue: { holdDownlink: 2 } });
    await world.register();
    const ue = [...world.gateway.ues][0];
    const identityRequest = Uint8Array.of(0x7e, 0x00, 0x5b, 0x01);
    if (ue === undefined) throw new Error('no UE');
    ue.nasInEap = identityRequest;
    ue.eapAnsweredMs = world.now - 10_000;
    const before = ue.eapIdentifier;
    const nas = { amfUeNgapId: 1, ranUeNgapId: 1, nasPdu: identityRequest };
    await world.amfSends({ message: 'DownlinkNASTransport', ies: nas });
    expect(ue.eapIdentifier).toBe(before + 1);
  });
});

describe('an AMF that goes on while the UE is slow', () => {
  test('[RFC3748 2] another NAS message waits until the UE has answered, and then is the next request', async () => {
    const world = new World({ ue: { holdDownlink: 1 } });
    await world.register();
    const identityRequest = Uint8Array.of(0x7e, 0x00, 0x5b, 0x01);
    await world.amfSends({
      message: 'DownlinkNASTransport',
      ies: { amfUeNgapId: 1, ranUeNgapId: 1, nasPdu: identityRequest },
    });
    const { nasQueue, eapIdentifier } = [...world.gateway.ues][0] ?? {};
    expect(nasQueue).toEqual([identityRequest]);
    world.ue.ue.resume();
    await world.settle();
    const ue = [...world.gateway.ues][0];
    expect([ue?.nasInEap, (ue?.eapIdentifier ?? 0) - (eapIdentifier ?? 0)]).toEqual([identityRequest, 1]);
  });

  test('[TS38413 8.3.1] Initial Context Setup Request again, with NAS: one context, one answer', async () => {
    const world = new World({ ue: { holdEapSuccess: true } });
    await world.register();
    await repeated(world);
    await repeated(world);
    expect(isUp(world)).toBe(false);
    world.ue.ue.resume();
    await world.settle();
    const answers = world.toAmf.filter(({ message }) => message.startsWith('InitialContextSetup'));
    expect(answers.map(({ message }) => message)).toEqual(['InitialContextSetupResponse']);
    await worksOn(world);
  });

  test('[TS24502 7.3A] NAS between EAP-Success and the NAS connection waits for it', async () => {
    const world = new World({ ue: { holdEapSuccess: true } });
    await world.register();
    const early = Uint8Array.of(0x7e, 0x00, 0x5b, 0x03);
    await world.amfSends({
      message: 'DownlinkNASTransport',
      ies: { amfUeNgapId: 1, ranUeNgapId: 1, nasPdu: early },
    });
    expect([...world.gateway.ues][0]?.nasQueue).toEqual([early]);
    world.ue.ue.resume();
    await world.settle();
    expect([...world.gateway.ues][0]?.nasQueue).toEqual([]);
    expect(isUp(world)).toBe(true);
  });
});
