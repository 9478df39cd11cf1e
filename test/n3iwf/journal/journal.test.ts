import { describe, expect, it } from 'vitest';
import type { NodeEvent } from '../../../n3iwf/journal/feed.ts';
import { World, type WorldOptions } from '../../support/world.ts';

const line = (event: NodeEvent): string =>
  event.kind === 'message'
    ? `${event.from} > ${event.to} ${event.protocol} ${event.name}${event.detail === undefined ? '' : ` [${event.detail}]`}`
    : `${event.kind} ${event.name}`;

async function attached(options: WorldOptions = {}): Promise<World> {
  const world = new World(options);
  await world.register();
  await world.openSession();
  return world;
}

const ladder = (world: World, ueId = 1): string[] =>
  world.gateway.journal.feed
    .since(0)
    .filter((event) => event.ueId === ueId)
    .map(line);

describe('the feed of an attach', () => {
  it('is its ladder: every message in order, with the NAS message in each', async () => {
    const world = await attached();
    expect(ladder(world).slice(0, 22)).toEqual([
      'UE > N3IWF IKE IKE_SA_INIT request [message 0]',
      'N3IWF > UE IKE IKE_SA_INIT response [message 0]',
      'UE > N3IWF IKE IKE_AUTH request [message 1]',
      'stage started',
      'N3IWF > UE EAP EAP-Request/5G-Start',
      'N3IWF > UE IKE IKE_AUTH response [message 1]',
      'UE > N3IWF IKE IKE_AUTH request [message 2]',
      'UE > N3IWF EAP EAP-Response/5G-NAS [Registration request]',
      'N3IWF > AMF NGAP InitialUEMessage [Registration request]',
      'AMF > N3IWF NGAP DownlinkNASTransport [Authentication request]',
      'N3IWF > UE EAP EAP-Request/5G-NAS [Authentication request]',
      'N3IWF > UE IKE IKE_AUTH response [message 2]',
      'UE > N3IWF IKE IKE_AUTH request [message 3]',
      'UE > N3IWF EAP EAP-Response/5G-NAS [Authentication response]',
      'N3IWF > AMF NGAP UplinkNASTransport [Authentication response]',
      'AMF > N3IWF NGAP DownlinkNASTransport [Security mode command]',
      'N3IWF > UE EAP EAP-Request/5G-NAS [Security mode command]',
      'N3IWF > UE IKE IKE_AUTH response [message 3]',
      'UE > N3IWF IKE IKE_AUTH request [message 4]',
      'UE > N3IWF EAP EAP-Response/5G-NAS [ciphered NAS message]',
      'N3IWF > AMF NGAP UplinkNASTransport [ciphered NAS message]',
      'AMF > N3IWF NGAP InitialContextSetupRequest',
    ]);
  });

  it('goes on with SAs, the attach, sessions and the end', async () => {
    const world = await attached();
    world.ue.ue.nas.deregister();
    await world.settle();
    const lines = ladder(world);
    const at = (text: string) => lines.findIndex((each) => each.includes(text));
    const order = [
      'EAP EAP-Success',
      'stage ikeSaUp',
      'stage childSaUp',
      'stage attached',
      'InitialContextSetupResponse',
      'UE > N3IWF NAS ciphered NAS message [in the signalling SA]',
      'PDUSessionResourceSetupRequest',
      'CREATE_CHILD_SA request',
      'PDUSessionResourceSetupResponse',
      'UEContextReleaseCommand',
      'INFORMATIONAL request',
      'stage closed',
      'UEContextReleaseComplete',
    ];
    expect(order.map(at)).not.toContain(-1);
    expect(order.map(at)).toEqual(order.map(at).toSorted((a, b) => a - b));
  });
});

describe('the feed of an attach, by what is in it', () => {
  it('names NAS messages in clear where the AMF does not cipher', async () => {
    const world = await attached({ cores: [{ ciphering: 0 }] });
    expect(ladder(world)).toContain(
      'UE > N3IWF NAS UL NAS transport (PDU session establishment request) [in the signalling SA]',
    );
  });

  it('keeps UEs apart, and tells of AMFs beside them', async () => {
    const world = new World({ ues: 2 });
    await Promise.all(world.ues.map(({ ue }) => ue.start()));
    await world.settle();
    expect(ladder(world, 1)).toEqual(ladder(world, 2));
    expect(world.gateway.journal.feed.since(0).map(line)).toContain('node amfUp');
  });

  it('names the key behind each SA, and its rekeys', async () => {
    const world = await attached({ auth: 'qkd', ppk: 'rfc9867' });
    world.ue.ue.rekey(1);
    await world.settle();
    const stages = world.gateway.journal.feed.since(0).filter(({ kind }) => kind === 'stage');
    const keyOf = (name: string) =>
      stages.flatMap((event) => ('keyId' in event && event.name === name ? [event.keyId] : []));
    // The first of the UE's keys is that of AUTH, which protects no traffic.
    expect(keyOf('ikeSaUp')).toEqual([world.ue.ue.keyIds[1]]);
    expect(keyOf('childSaRekeyed')).toHaveLength(1);
    expect(new Set([...keyOf('childSaUp'), ...keyOf('childSaRekeyed')]).size).toBe(3);
  });
});

describe('strangers', () => {
  it('leave no trace in the feed when they only knock', async () => {
    const world = new World({
      channel: (datagram) => (datagram.to.address !== '192.0.2.1' ? [] : [datagram]),
    });
    await world.register();
    await world.pass(120_000);
    expect(world.gateway.journal.feed.since(0).filter(({ kind }) => kind !== 'node')).toEqual([]);
    expect(world.gateway.journal.sas.size).toBe(0);
  });

  it('are shown when they fail after they began', async () => {
    const world = new World({ auth: 'qkd', ppk: 'rfc9867', unknownKeys: true });
    await world.register();
    await world.pass(60_000);
    const lines = world.gateway.journal.feed.since(0).map(line);
    expect(lines).toContain('UE > N3IWF IKE IKE_INTERMEDIATE request [message 1]');
    expect(lines).toContain('stage closed');
  });

  it('cannot make the feed say anything by octets alone', () => {
    const { gateway } = new World();
    const before = gateway.journal.feed.lastSeq;
    for (const length of [0, 3, 4, 27, 28, 60]) {
      const datagram = new Uint8Array(length).fill(7);
      gateway.receiveIke(datagram, { address: '192.0.2.1', port: 500 }, { address: '192.0.2.9', port: 500 });
    }
    expect(gateway.journal.feed.lastSeq).toBe(before);
  });
});

describe('alarms', () => {
  it('stand while an AMF is lost, and are told once each way', () => {
    const world = new World();
    world.loseAmf();
    world.loseAmf();
    expect(world.gateway.journal.alarms.standing()).toMatchObject([
      { name: 'amfLost', severity: 'critical', subject: '0', detail: 'AMF amf: lost' },
    ]);
    world.setUpAmf();
    expect(world.gateway.journal.alarms.standing()).toEqual([]);
    const told = world.gateway.journal.feed.since(0).filter(({ kind }) => kind === 'alarm');
    expect(told.map((event) => event.kind === 'alarm' && event.raised)).toEqual([true, false]);
  });
});

describe('SAs in the book', () => {
  it('end with their IKE SAs', async () => {
    const world = await attached({ auth: 'qkd', ppk: 'rfc9867' });
    const { sas } = world.gateway.journal;
    expect([...sas].map(({ established, children }) => [established, children.size])).toEqual([[true, 2]]);
    world.ue.ue.disconnect();
    await world.settle();
    expect(sas.size).toBe(0);
  });

  it('keep their place through a rekey of the IKE SA by either SPI', async () => {
    const world = await attached({ lifetimes: { ike: { softMs: 60_000, hardMs: 72_000, jitter: 0 } } });
    const [before] = [...world.gateway.journal.sas].map(({ spiResponder }) => spiResponder);
    await world.pass(61_000);
    const [sa] = [...world.gateway.journal.sas];
    expect(sa).toMatchObject({ rekeys: 1, established: true, ueId: 1 });
    expect(sa?.spiResponder).not.toEqual(before);
    expect(ladder(world).at(-1)).toMatch(/INFORMATIONAL (request|response)|stage ikeSaRekeyed/);
    expect(ladder(world)).toContain('stage ikeSaRekeyed');
  });

  it('keep the last messages of an SA that is rekeyed: the answer, and its Delete', async () => {
    const world = await attached();
    for (let times = 1; times <= 2; times++) {
      const known = ladder(world).length;
      world.ue.ue.rekeyIke();
      await world.settle();
      const [request, ...others] = ladder(world).slice(known);
      expect(request).toMatch(/^UE > N3IWF IKE CREATE_CHILD_SA request/);
      expect(others).toEqual([
        'stage ikeSaRekeyed',
        expect.stringMatching(/^N3IWF > UE IKE CREATE_CHILD_SA response/),
        expect.stringMatching(/^UE > N3IWF IKE INFORMATIONAL request/),
        expect.stringMatching(/^N3IWF > UE IKE INFORMATIONAL response/),
      ]);
    }
  });
});
