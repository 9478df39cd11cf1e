import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeGtpu, encodeGpdu } from '../../../n3iwf/n3/gtpu.ts';
import { decodeGre, encodeGre } from '../../../n3iwf/nwu/gre.ts';
import { requireAddress } from '../../../n3iwf/userplane/address.ts';
import { encodeIp, IP_PROTOCOL } from '../../../n3iwf/userplane/ip.ts';
import type { ChildUse, PlaneChildSa, PlaneOptions } from '../../../n3iwf/userplane/plane.ts';
import { FakeUe, NODE, Node, UP, UPF } from './fake-ue.ts';

const own = requireAddress('10.60.0.1');
const far = requireAddress('192.0.2.80');
const use: ChildUse = { kind: 'pduSession', pduSessionId: 1, qfis: [5], isDefault: true };
const packetOf = (length: number) => encodeIp(far, own, IP_PROTOCOL.UDP, new Uint8Array(length - 20).fill(7));

/** A UE with a session and one Child SA for it. */
function withSession(options: Partial<PlaneOptions>, more: Partial<PlaneChildSa> = {}) {
  const node = new Node(options);
  const ue = new FakeUe(node, 1);
  const ulTunnel = { address: UPF.address, teid: 0x200 };
  node.plane.addPduSession(1, { pduSessionId: 1, ulTunnel, dlTeid: 0x100, qfis: [5], type: 'ipv4' });
  const tunnel = ue.tunnel(use, undefined, more);
  /** Sends a user packet down; how long its ESP packet is, and what the UE finds in it. */
  const down = (packet: Uint8Array) => {
    node.plane.receiveGtpu(0, encodeGpdu(0x100, { direction: 'downlink', qfi: 5, rqi: false }, packet), UPF);
    const sent = node.esp.at(-1);
    const inner = sent && ue.open(tunnel, sent);
    const gre = decodeGre(inner?.payload ?? new Uint8Array(0));
    if (sent === undefined || !gre.ok) throw new Error('nothing came down');
    return { length: sent.packet.length, payload: gre.value.payload };
  };
  return { node, ue, tunnel, down };
}

describe('padding against the analysis of traffic', () => {
  it('[RFC4303 2.7] all packets up to the size are equally long, longer ones as they are, and each arrives whole', () => {
    const { down } = withSession({ padTo: 800, nwuMtu: 1500 });
    const padded = new Set<number>();
    fc.assert(
      fc.property(fc.integer({ min: 28, max: 1380 }), (length) => {
        const packet = packetOf(length);
        const { length: onWire, payload } = down(packet);
        expect(Buffer.compare(payload, packet)).toBe(0);
        if (length + 28 <= 800) padded.add(onWire);
        else expect(onWire).toBeGreaterThan(length + 28);
      }),
    );
    expect(padded.size).toBe(1);
    expect([...padded][0]).toBeGreaterThan(800);
  });

  it('[RFC4303 2.7] what stood in the buffer before does not travel in the padding', () => {
    const { node, tunnel } = withSession({ padTo: 400 });
    const flow = { direction: 'downlink', qfi: 5, rqi: false } as const;
    for (const packet of [packetOf(1000).fill(0xaa, 20), packetOf(40)])
      node.plane.receiveGtpu(0, encodeGpdu(0x100, flow, packet), UPF);
    const opened = tunnel.receiver.open(Uint8Array.from(node.esp.at(-1)!.packet));
    if (!opened.ok) throw new Error(opened.fault);
    expect(opened.payload.length).toBe(400);
    expect(opened.payload.subarray(68).every((octet) => octet === 0)).toBe(true);
  });

  it('never makes a packet too large for its path', () => {
    const { down } = withSession({ padTo: 65_535, nwuMtu: 1400 });
    const { length } = down(packetOf(100));
    expect(length + 28).toBeLessThanOrEqual(1400);
    expect(length + 28).toBeGreaterThan(1390);
  });

  it('[RFC7296 1.3.1] is left out for a UE that takes none', () => {
    const { down } = withSession({ padTo: 800 }, { refusesPadding: true });
    expect(down(packetOf(100)).length).toBeLessThan(200);
  });

  it('[RFC4303 2.7] of a UE is not passed on to the UPF', () => {
    const { node, ue, tunnel } = withSession({});
    tunnel.sender.padTo(900);
    const packet = encodeIp(own, far, IP_PROTOCOL.UDP, new Uint8Array(50));
    ue.sendInner(tunnel, UP, IP_PROTOCOL.GRE, encodeGre(5, packet));
    const up = decodeGtpu(node.gtpu.at(-1)?.datagram as Uint8Array);
    if (!up.ok) throw up.error;
    expect(Buffer.compare(up.value.payload, packet)).toBe(0);
    expect(node.drops).toEqual([]);
  });
});

describe('bad input is counted for the UE that sent it, and for the node', () => {
  const inner = requireAddress('10.99.1.1');
  const gre = (qfi: number) => encodeGre(qfi, encodeIp(own, far, IP_PROTOCOL.UDP, new Uint8Array(8)));
  type Attached = ReturnType<typeof withSession>;
  const send = ({ ue, tunnel }: Attached, packet: Uint8Array) => ue.send(tunnel, packet);
  const greFrom = (source: Uint8Array, octets: Uint8Array) => encodeIp(source, UP, IP_PROTOCOL.GRE, octets);
  const withoutKey = gre(5);
  withoutKey[0] = 0;
  const cases: readonly (readonly [string, string, (world: Attached) => void])[] = [
    [
      'replayed',
      'a packet that comes again',
      ({ node, ue, tunnel }) => {
        const sealed = ue.seal(tunnel, greFrom(inner, gre(5)));
        for (let i = 0; i < 2; i++) node.plane.receiveEsp(0, Uint8Array.from(sealed), NODE, ue.remote);
      },
    ],
    [
      'integrity',
      'an ICV that does not fit',
      ({ node, ue, tunnel }) => {
        const sealed = ue.seal(tunnel, greFrom(inner, gre(5)));
        sealed[sealed.length - 1] = (sealed.at(-1) ?? 0) ^ 1;
        node.plane.receiveEsp(0, sealed, NODE, ue.remote);
      },
    ],
    ['malformedInner', 'an inner header that is none', (world) => send(world, new Uint8Array(40).fill(0xf0))],
    ['spoofedSource', 'the inner address of another', (world) => send(world, greFrom(far, gre(5)))],
    ['noGreKey', 'GRE without a key', (world) => send(world, greFrom(inner, withoutKey))],
    ['unknownFlow', 'a QFI that the session does not have', (world) => send(world, greFrom(inner, gre(6)))],
    [
      'malformedGre',
      'GRE that ends early',
      (world) => send(world, greFrom(inner, Uint8Array.of(0x20, 0, 0))),
    ],
    [
      'wrongDestination',
      'an inner destination that is not this node',
      (world) => send(world, encodeIp(inner, far, IP_PROTOCOL.GRE, gre(5))),
    ],
  ];
  it.each(cases)('%s: %s', (cause, _, act) => {
    const world = withSession({});
    const other = new FakeUe(world.node, 2);
    act(world);
    expect(world.node.plane.report(1)?.drops).toEqual({ [cause]: 1 });
    expect(world.node.plane.report(2)?.drops).toEqual({});
    expect(world.node.drops).toEqual([[cause, 1]]);
    expect(other.id).toBe(2);
  });

  const anonymous: readonly (readonly [string, string, (world: Attached) => void])[] = [
    [
      'unknownSpi',
      'an SPI that nobody has',
      ({ node, ue }) => node.plane.receiveEsp(0, new Uint8Array(64).fill(9), NODE, ue.remote),
    ],
    [
      'unknownTeid',
      'a guessed TEID',
      ({ node }) =>
        node.plane.receiveGtpu(
          0,
          encodeGpdu(0x999, { direction: 'downlink', qfi: 5, rqi: false }, packetOf(40)),
          UPF,
        ),
    ],
    [
      'malformedGtpu',
      'a length beyond the datagram',
      ({ node }) => node.plane.receiveGtpu(0, Uint8Array.of(0x30, 255, 0xff, 0xff, 0, 0, 1, 0), UPF),
    ],
    [
      'malformedGtpu',
      'an extension header that leads back to itself',
      ({ node }) =>
        node.plane.receiveGtpu(
          0,
          Uint8Array.of(0x34, 255, 0, 8, 0, 0, 1, 0, 0, 0, 0, 0x40, 0, 0, 0, 0x40),
          UPF,
        ),
    ],
  ];
  it.each(anonymous)('%s: %s, which belongs to no UE', (cause, _, act) => {
    const world = withSession({});
    act(world);
    expect(world.node.plane.counters().drops).toMatchObject({ [cause]: 1 });
    expect(world.node.plane.report(1)?.drops).toEqual({});
    expect(world.node.esp).toEqual([]);
  });
});
