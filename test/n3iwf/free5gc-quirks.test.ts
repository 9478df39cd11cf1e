import { describe, expect, it } from 'vitest';
import type { NgapPdu } from '#ngap';
import { ngSetupRequest, supportedTaList } from '../../n3iwf/n2/setup.ts';
import { nothing } from '../support/attached.ts';
import { World, type WorldOptions } from '../support/world.ts';

const node = {
  name: 'n3iwf',
  n3iwfId: 1,
  plmn: { mcc: '208', mnc: '93' },
  slices: [{ sst: 1, sd: '010203' }],
};
const sent = (world: World, message: NgapPdu['message']) =>
  world.toAmf.filter((pdu) => pdu.message === message);

/** A UE whose first message is a mobility registration update under a GUTI. */
function returning(world: World): void {
  const guti = Uint8Array.from(Buffer.from('f202f839cafe0001020304', 'hex'));
  world.ue.ue.nas.registrationRequest = () => Uint8Array.of(0x7e, 0, 0x41, 0x7a, 0, 11, ...guti);
}

/** Takes an IE out of the first messages of UEs. */
const withoutSTmsi: WorldOptions['n2'] = (pdu, toAmf) => {
  if (!toAmf || pdu.message !== 'InitialUEMessage') return pdu;
  const { fiveGSTmsi: _, ...ies } = pdu.ies;
  return { ...pdu, ies };
};

describe("free5GC's ways, shown by the simulated AMF: where a UE is and who it is", () => {
  it('q1: the AMF takes its own first tracking area for all UEs, so ours are told in the order written', () => {
    const moreTrackingAreas = ['0000aa', '000002'].map((tac) => ({
      tac,
      plmns: [{ mcc: '208', mnc: '93', slices: node.slices }],
    }));
    const list = supportedTaList({ ...node, tac: '000009', moreTrackingAreas });
    expect(list.map(({ tac }) => Buffer.from(tac).toString('hex'))).toEqual(['000009', '0000aa', '000002']);
    const world = new World({ cores: [{ tacs: ['000002'] }] });
    expect(world.gateway.amfs.anyAvailable).toBe(false);
    const ies = ngSetupRequest({ ...node, tac: '000009', moreTrackingAreas });
    world.core.amf.ngSetup(ies);
    expect(world.gateway.amfs.anyAvailable).toBe(true);
  });

  it('q2: an extension of the location that it cannot read is not sent', async () => {
    const world = new World();
    await world.register();
    const [initial] = sent(world, 'InitialUEMessage') as Extract<NgapPdu, { message: 'InitialUEMessage' }>[];
    const { userLocationInformation } = initial!.ies;
    expect(userLocationInformation.choice).toBe('userLocationInformationN3IWF');
    expect(userLocationInformation.value).not.toHaveProperty('ieExtensions');
  });

  it('q4: a UE that returns is named by its 5G-S-TMSI, which the AMF insists on', async () => {
    const world = new World({ cores: [{ quirks: ['q4'] }] });
    returning(world);
    await world.register();
    expect(sent(world, 'InitialUEMessage')[0]?.ies).toHaveProperty('fiveGSTmsi');
    expect(world.toN3iwf.map(({ message }) => message)).not.toContain('ErrorIndication');
  });

  it('q4: where it is missing, the UE ends with what the AMF sends, and nothing is left over', async () => {
    const world = new World({ cores: [{ quirks: ['q4'] }], n2: withoutSTmsi });
    returning(world);
    await world.register();
    expect(world.toN3iwf.map(({ message }) => message).slice(0, 2)).toEqual([
      'ErrorIndication',
      'UEContextReleaseCommand',
    ]);
    await world.pass(60_000);
    expect(world.left()).toEqual(nothing);
    expect(world.ue.events.at(-1)?.type).toBe('closed');
  });
});

describe("free5GC's ways, shown by the simulated AMF: silence, death and order", () => {
  it('q10: an AMF that has not set NG up is silent; what UEs wait for ends by itself', async () => {
    const world = new World({ cores: [{ quirks: ['q10'] }] });
    world.core.amf.die();
    world.core.amf.revive();
    await world.ue.ue.start();
    await world.pass(120_000);
    expect(world.toN3iwf).toEqual([]);
    expect(world.left()).toEqual(nothing);
    world.setUpAmf();
    expect(world.gateway.amfs.anyAvailable).toBe(true);
  });

  it('q11: an AMF that dies at the first PDU session costs its UEs, and they return to the next one', async () => {
    const world = new World({ cores: [{ quirks: ['q11'] }], ues: 2 });
    await world.register();
    await world.openSession();
    expect(world.ue.events.at(-1)?.type).toBe('closed');
    expect(world.left()).toEqual(nothing);
    world.core.amf.revive();
    world.setUpAmf();
    await world.register(world.ues[1]);
    expect(world.core.amf.registeredUes).toBe(1);
  });

  it('q12: the order of the messages of an attach, the same for all AMFs of that family', async () => {
    const order: string[] = [];
    const world = new World({
      n2: (pdu, toAmf) => {
        order.push(`${toAmf ? '>' : '<'} ${pdu.message}`);
        return pdu;
      },
    });
    await world.register();
    await world.openSession();
    expect(order).toEqual([
      '> InitialUEMessage',
      '< DownlinkNASTransport',
      '> UplinkNASTransport',
      '< DownlinkNASTransport',
      '> UplinkNASTransport',
      '< InitialContextSetupRequest',
      '> InitialContextSetupResponse',
      '< DownlinkNASTransport',
      '> UplinkNASTransport',
      '< DownlinkNASTransport',
      '> UplinkNASTransport',
      '< PDUSessionResourceSetupRequest',
      '> PDUSessionResourceSetupResponse',
    ]);
  });
});
