import { describe, expect, it } from 'vitest';
import { decodeGtpu, encodeGpdu, encodeGtpu, GTPU_TYPE } from '../../../n3iwf/n3/gtpu.ts';
import { decodeGre, encodeGre } from '../../../n3iwf/nwu/gre.ts';
import { requireAddress } from '../../../n3iwf/userplane/address.ts';
import { ECN, tosAt } from '../../../n3iwf/userplane/ecn.ts';
import { decodeIp, encodeIp, IP_PROTOCOL } from '../../../n3iwf/userplane/ip.ts';
import type { ChildUse, UserPacketType } from '../../../n3iwf/userplane/plane.ts';
import { decodeTcp, encodeTcp, TCP_FLAG } from '../../../n3iwf/userplane/tcp-segment.ts';
import { FakeUe, NODE, Node, type Tunnel, UeNas, UP, UPF } from './fake-ue.ts';

const own = requireAddress('10.60.0.1');
const far = requireAddress('192.0.2.80');
const use = (pduSessionId: number, qfis: readonly number[], isDefault: boolean, dscp?: number): ChildUse => ({
  kind: 'pduSession',
  pduSessionId,
  qfis,
  isDefault,
  ...(dscp === undefined ? {} : { dscp }),
});
const down = (qfi: number) => ({ direction: 'downlink', qfi, rqi: false }) as const;
const udp = (length: number, from = far, to = own) =>
  encodeIp(from, to, IP_PROTOCOL.UDP, new Uint8Array(length));

/** TEIDs: 0x100 + session down, 0x200 + session up. */
function openSession(node: Node, id: number, qfis: readonly number[], type: UserPacketType = 'ipv4') {
  const ulTunnel = { address: UPF.address, teid: 0x200 + id };
  node.plane.addPduSession(1, { pduSessionId: id, ulTunnel, dlTeid: 0x100 + id, qfis, type });
}

function up(ue: FakeUe, tunnel: Tunnel, qfi: number, packet: Uint8Array) {
  ue.sendInner(tunnel, UP, IP_PROTOCOL.GRE, encodeGre(qfi, packet));
}

function gtpuOf(node: Node, at = -1) {
  const decoded = decodeGtpu(node.gtpu.at(at)?.datagram as Uint8Array);
  if (!decoded.ok) throw decoded.error;
  return decoded.value;
}

/** The user packet that came down through `tunnel`, with what it was wrapped in. */
function opened(ue: FakeUe, tunnel: Tunnel, node: Node, at = -1) {
  const sent = node.esp.at(at);
  const inner = sent && ue.open(tunnel, sent);
  if (sent === undefined || inner === undefined) return undefined;
  const gre = decodeGre(inner.payload);
  if (!gre.ok) throw gre.error;
  return { qfi: gre.value.qfi, packet: gre.value.payload, tos: sent.tos };
}

describe('two sessions with three flows each', () => {
  function attached() {
    const node = new Node();
    const ue = new FakeUe(node, 1);
    openSession(node, 1, [1, 2, 3]);
    openSession(node, 2, [1, 2, 3], 'ipv6');
    const tunnels = {
      rest: ue.tunnel(use(1, [1, 2], true)),
      voice: ue.tunnel(use(1, [3], false, 46)),
      v6: ue.tunnel(use(2, [1, 2, 3], true)),
    };
    return { node, ue, ...tunnels };
  }

  it('[TS24502 7.5.2] each flow of each session goes its own way, both ways', () => {
    const { node, ue, rest, voice, v6 } = attached();
    for (const [session, tunnel, qfi] of [
      [1, rest, 1],
      [1, rest, 2],
      [1, voice, 3],
      [2, v6, 1],
      [2, v6, 3],
    ] as const) {
      const packet =
        session === 1 ? udp(1380) : udp(1360, requireAddress('2001:db8::2'), requireAddress('2001:db8::1'));
      up(ue, tunnel, qfi, packet);
      expect(gtpuOf(node)).toMatchObject({ teid: 0x200 + session, container: { qfi, direction: 'uplink' } });
      expect(Buffer.compare(gtpuOf(node).payload, packet)).toBe(0);
      node.plane.receiveGtpu(0, encodeGpdu(0x100 + session, down(qfi), packet), UPF);
      const got = opened(ue, tunnel, node);
      expect(got?.qfi).toBe(qfi);
      expect(Buffer.compare(got?.packet as Uint8Array, packet)).toBe(0);
    }
    expect(node.drops).toEqual([]);
  });

  it('counts packets and octets by flow, session, UE and Child SA', () => {
    const { node, ue, rest, voice } = attached();
    up(ue, rest, 1, udp(100));
    up(ue, rest, 1, udp(50));
    up(ue, voice, 3, udp(10));
    node.plane.receiveGtpu(0, encodeGpdu(0x101, down(3), udp(30)), UPF);
    node.plane.receiveGtpu(0, encodeGpdu(0x101, down(9), udp(5)), UPF);
    node.plane.receiveGtpu(0, encodeGtpu(GTPU_TYPE.END_MARKER, 0x101, undefined, new Uint8Array(0)), UPF);
    up(ue, voice, 60, udp(10));
    const report = node.plane.report(1);
    expect(report?.sessions[0]?.flows).toMatchObject([
      { qfi: 1, childSaId: rest.child.id, uplinkPackets: 2, uplinkOctets: 190, downlinkPackets: 0 },
      { qfi: 2, childSaId: rest.child.id, uplinkPackets: 0, downlinkPackets: 0 },
      { qfi: 3, childSaId: voice.child.id, uplinkPackets: 1, downlinkPackets: 1, downlinkOctets: 50 },
    ]);
    const total = { uplinkPackets: 3, uplinkOctets: 220, downlinkPackets: 2, downlinkOctets: 75 };
    expect(report?.sessions[0]).toMatchObject({ ...total, endMarkers: 1 });
    expect(report?.sessions[1]).toMatchObject({ uplinkPackets: 0, endMarkers: 0 });
    expect(report).toMatchObject({ ...total, drops: { unknownFlow: 1 } });
    expect(report?.childSas).toMatchObject([
      { childSaId: rest.child.id, packetsIn: 2, packetsOut: 1 },
      { childSaId: voice.child.id, packetsIn: 2, packetsOut: 1 },
      { packetsIn: 0, octetsIn: 0, packetsOut: 0, octetsOut: 0 },
    ]);
    expect(report?.childSas[0]?.octetsOut).toBe(node.esp.at(-1)?.packet.length);
    node.plane.removePduSession(1, 1);
    expect(node.plane.report(1)).toMatchObject(total);
    expect(node.plane.report(2)).toBeUndefined();
  });

  it('[RFC6040 4.1] the code point of a Child SA is on its outer packets, else that of the user packet; ECN is the packet’s', () => {
    const { node, ue, rest, voice } = attached();
    const marked = udp(10);
    marked[1] = (10 << 2) | ECN.ECT0;
    marked.set([0, 0], 10);
    for (const [qfi, tunnel, dscp] of [
      [1, rest, 10],
      [3, voice, 46],
    ] as const) {
      node.plane.receiveGtpu(0, encodeGpdu(0x101, down(qfi), marked), UPF);
      expect(opened(ue, tunnel, node)?.tos).toBe((dscp << 2) | ECN.ECT0);
    }
  });

  it('flows and tunnels change while packets run, and what stays keeps its counters', () => {
    const { node, ue, rest, voice } = attached();
    up(ue, rest, 1, udp(100));
    up(ue, rest, 2, udp(100));
    const ulTunnel = { address: '198.51.100.20', teid: 0x900 };
    expect(node.plane.updatePduSession(1, 1, { ulTunnel, dlTeid: 0x901, qfis: [1, 3, 7] })).toBe(true);
    expect(node.plane.updatePduSession(1, 9, {})).toBe(false);
    up(ue, rest, 2, udp(1));
    expect(node.drops.at(-1)?.[0]).toBe('unknownFlow');
    up(ue, rest, 7, udp(1));
    expect(gtpuOf(node).teid).toBe(0x900);
    expect(node.gtpu.at(-1)?.remote).toEqual({ address: '198.51.100.20', port: 2152 });
    node.plane.receiveGtpu(0, encodeGpdu(0x901, down(7), udp(1)), UPF);
    expect(opened(ue, rest, node)?.qfi).toBe(7);
    node.plane.receiveGtpu(0, encodeGpdu(0x101, down(7), udp(1)), UPF);
    expect(node.drops.at(-1)?.[0]).toBe('unknownTeid');
    expect(node.plane.report(1)?.sessions[0]).toMatchObject({
      uplinkPackets: 3,
      flows: [{ uplinkPackets: 1 }, {}, {}],
    });
    node.plane.changeChildUse(voice.child.id, use(1, [3, 7], false));
    node.plane.changeChildUse(999, use(1, [3, 7], false));
    node.plane.receiveGtpu(0, encodeGpdu(0x901, down(7), udp(1)), UPF);
    expect(opened(ue, voice, node)?.qfi).toBe(7);
  });

  it('a Child SA that goes leaves its flows to the default one; without that they are dropped', () => {
    const { node, ue, rest, voice } = attached();
    node.plane.removeChildSa(voice.child.id);
    node.plane.receiveGtpu(0, encodeGpdu(0x101, down(3), udp(1)), UPF);
    expect(opened(ue, rest, node)?.qfi).toBe(3);
    node.plane.removeChildSa(rest.child.id);
    node.plane.receiveGtpu(0, encodeGpdu(0x101, down(3), udp(1)), UPF);
    expect(node.drops.map(([cause]) => cause)).toEqual(['noChildSa']);
  });

  it('a Child SA that was there before its session serves it', () => {
    const node = new Node();
    const ue = new FakeUe(node, 1);
    const early = ue.tunnel(use(1, [5], true));
    openSession(node, 1, [5]);
    up(ue, early, 5, udp(1));
    expect(gtpuOf(node).teid).toBe(0x201);
  });

  it('the old SA serves again when its successor vanishes first', () => {
    const { node, ue, rest } = attached();
    const fresh = ue.tunnel(use(1, [1, 2], true), rest.child.id);
    node.plane.removeChildSa(fresh.child.id);
    node.plane.receiveGtpu(0, encodeGpdu(0x101, down(1), udp(1)), UPF);
    expect(opened(ue, rest, node)?.qfi).toBe(1);
  });
});

describe('a UE with an IPv6 inner address', () => {
  const end = requireAddress('2001:db8:99::1');

  it('[TS24502 7.3A] has its NAS connection and its sessions at the node’s IPv6 address', () => {
    const node = new Node({ innerAddress6: '2001:db8:99::1', nwuMtu: 1500 });
    const ue = new FakeUe(node, 1, '2001:db8:99::7');
    const nas = new UeNas(ue, [ue.tunnel({ kind: 'signalling' })], 40_000, end);
    node.plane.sendNas(0, 1, Uint8Array.of(9));
    nas.run();
    expect([nas.text, node.nas]).toEqual(['09', ['1 opened']]);
    openSession(node, 1, [5]);
    const data = ue.tunnel(use(1, [5], true));
    ue.sendInner(data, end, IP_PROTOCOL.GRE, encodeGre(5, udp(1300)));
    expect(gtpuOf(node)).toMatchObject({ teid: 0x201, container: { qfi: 5 } });
    node.plane.receiveGtpu(0, encodeGpdu(0x101, down(5), udp(1352)), UPF);
    expect(opened(ue, data, node)?.packet).toHaveLength(1372);
    expect((node.esp.at(-1)?.packet.length ?? 0) + 28).toBeLessThanOrEqual(1500);
    up(ue, data, 5, udp(1));
    ue.send(data, encodeIp(requireAddress('2001:db8:99::8'), end, IP_PROTOCOL.GRE, encodeGre(5, udp(1))));
    expect(node.drops.map(([cause]) => cause)).toEqual(['wrongDestination', 'spoofedSource']);
  });

  it('is refused where the node has none', () => {
    expect(() => new FakeUe(new Node(), 1, '2001:db8:99::7')).toThrow(/of the family of 2001:db8:99::7/);
  });
});

describe('packets that do not fit', () => {
  function attached(type: UserPacketType = 'ipv4') {
    const node = new Node({ nwuMtu: 1500, n3Mtu: 1300, clampMss: true });
    const ue = new FakeUe(node, 1);
    openSession(node, 1, [5], type);
    return { node, ue, data: ue.tunnel(use(1, [5], true)) };
  }

  it('[RFC1191 3] down: the sender in the data network is told, at most once in 10 ms', () => {
    const { node } = attached();
    node.plane.receiveGtpu(100, encodeGpdu(0x101, down(5), udp(1450)), UPF);
    node.plane.receiveGtpu(109, encodeGpdu(0x101, down(5), udp(1450)), UPF);
    node.plane.receiveGtpu(110, encodeGpdu(0x101, down(5), udp(1450)), UPF);
    expect(node.esp).toEqual([]);
    expect(node.gtpu).toHaveLength(2);
    expect(node.drops).toHaveLength(3);
    const answer = decodeIp(gtpuOf(node).payload);
    expect(gtpuOf(node)).toMatchObject({ teid: 0x201, container: { direction: 'uplink', qfi: 5 } });
    expect(answer).toMatchObject({
      ok: true,
      value: { source: own, destination: far, protocol: IP_PROTOCOL.ICMP },
    });
  });

  it('[RFC791 3.2] down: a packet that may be cut arrives in pieces that fit', () => {
    const { node, ue, data } = attached();
    const large = udp(1450);
    large[6] = 0;
    node.plane.receiveGtpu(0, encodeGpdu(0x101, down(5), large), UPF);
    expect(node.esp).toHaveLength(2);
    const lengths = [0, 1].map((at) => opened(ue, data, node, at)?.packet.length ?? 0);
    expect((lengths[0] as number) + (lengths[1] as number)).toBe(1450 + 40);
    for (const { packet } of node.esp) expect(packet.length).toBeLessThanOrEqual(1500 - 28);
    expect(node.drops).toEqual([]);
  });

  it('[RFC1191 3] up: the UE is told, or its packet cut', () => {
    const { node, ue, data } = attached();
    up(ue, data, 5, udp(1280, own, far));
    const answer = decodeIp(opened(ue, data, node)?.packet as Uint8Array);
    expect(answer).toMatchObject({
      ok: true,
      value: { source: far, destination: own, protocol: IP_PROTOCOL.ICMP },
    });
    expect(node.drops).toEqual([['tooBig', 1]]);
    const cuttable = udp(1280, own, far);
    cuttable.set([0, 0], 6);
    up(ue, data, 5, cuttable);
    expect(node.gtpu).toHaveLength(2);
    for (const { datagram } of node.gtpu) expect(datagram.length).toBeLessThanOrEqual(1300 - 28);
  });

  it('[TS23501 5.6.10] Ethernet and unstructured packets are relayed as they are', () => {
    for (const type of ['ethernet', 'unstructured'] as const) {
      const { node, ue, data } = attached(type);
      const frame = new Uint8Array(1450).fill(0xff);
      up(ue, data, 5, frame);
      node.plane.receiveGtpu(0, encodeGpdu(0x101, down(5), frame), UPF);
      expect(Buffer.compare(gtpuOf(node).payload, frame)).toBe(0);
      expect(Buffer.compare(opened(ue, data, node)?.packet as Uint8Array, frame)).toBe(0);
    }
  });

  it('the segment size that TCP peers offer is lowered both ways', () => {
    const { node, ue, data } = attached();
    const syn = (from: Uint8Array, to: Uint8Array) => {
      const segment = {
        ...{ sourcePort: 1, destinationPort: 2, sequence: 1, acknowledgment: 0, window: 9 },
        ...{ flags: TCP_FLAG.SYN, maximumSegmentSize: 1460, data: new Uint8Array(0) },
      };
      return encodeIp(from, to, IP_PROTOCOL.TCP, encodeTcp(segment, from, to));
    };
    const offered = (packet: Uint8Array) => {
      const ip = decodeIp(packet);
      const tcp = ip.ok ? decodeTcp(ip.value.payload, ip.value.source, ip.value.destination) : undefined;
      return tcp?.ok === true ? tcp.value.maximumSegmentSize : undefined;
    };
    up(ue, data, 5, syn(own, far));
    node.plane.receiveGtpu(0, encodeGpdu(0x101, down(5), syn(far, own)), UPF);
    const largest = 1300 - 20 - 8 - 16 - 40;
    expect(offered(gtpuOf(node).payload)).toBe(largest);
    expect(offered(opened(ue, data, node)?.packet as Uint8Array)).toBe(largest);
  });
});

describe('ECN through the node', () => {
  it('[RFC6040 4.2] congestion on either path reaches the user packet, and that of others is lost', () => {
    const node = new Node();
    const ue = new FakeUe(node, 1);
    openSession(node, 1, [5]);
    const data = ue.tunnel(use(1, [5], true));
    const capable = udp(10);
    capable[1] = ECN.ECT0;
    node.plane.receiveGtpu(0, encodeGpdu(0x101, down(5), capable), UPF, ECN.CE);
    expect(tosAt(opened(ue, data, node)?.packet as Uint8Array, 0)).toBe(ECN.CE);
    expect(node.esp.at(-1)?.tos).toBe(ECN.CE);
    node.plane.receiveGtpu(0, encodeGpdu(0x101, down(5), udp(10)), UPF, ECN.CE);
    expect(node.drops).toEqual([['congestionLost', 1]]);
    const inner = encodeIp(ue.inner, UP, IP_PROTOCOL.GRE, encodeGre(5, capable));
    inner[1] = ECN.ECT0;
    inner[11] = (inner[11] as number) - ECN.ECT0;
    node.plane.receiveEsp(0, ue.seal(data, inner), NODE, ue.remote, ECN.CE);
    expect(tosAt(gtpuOf(node).payload, 0)).toBe(ECN.CE);
    expect(node.gtpu.at(-1)?.tos).toBe(ECN.CE);
  });
});

describe('GRE variants', () => {
  it('a UE of free5GC gets IPv4 as protocol type and no reflective indicator', () => {
    const node = new Node();
    const ue = new FakeUe(node, 1);
    node.plane.removeUe(1);
    node.plane.addUe(1, '10.99.1.1', { greVariant: 'free5gc' });
    openSession(node, 1, [5]);
    const data = ue.tunnel(use(1, [5], true));
    node.plane.receiveGtpu(0, encodeGpdu(0x101, { ...down(5), rqi: true }, udp(1)), UPF);
    const inner = ue.open(data, node.esp[0] as never);
    expect(Buffer.from(inner?.payload.subarray(0, 8) ?? []).toString('hex')).toBe('2000080005000000');
  });
});
