import { describe, expect, it } from 'vitest';
import type { ChildSa } from '#ikev2';
import { createCipher } from '#ikev2';
import { decodeGtpu, encodeGpdu, encodeGtpu, GTPU_TYPE } from '../../../n3iwf/n3/gtpu.ts';
import { decodeGre, encodeGre } from '../../../n3iwf/nwu/gre.ts';
import { dropCauses } from '../../../n3iwf/userplane/drops.ts';
import { ECN } from '../../../n3iwf/userplane/ecn.ts';
import { EspSender } from '../../../n3iwf/userplane/esp.ts';
import { decodeIcmpEcho, encodeIcmpEcho } from '../../../n3iwf/userplane/icmp.ts';
import { decodeIp, encodeIp, IP_PROTOCOL } from '../../../n3iwf/userplane/ip.ts';
import { encodeTcp, TCP_FLAG } from '../../../n3iwf/userplane/tcp-segment.ts';
import { FakeUe, NAS, NAS_PORT, NODE, Node, suite, type Tunnel, UeNas, UP, UPF } from './fake-ue.ts';

const hexOf = (data: Uint8Array | undefined) => Buffer.from(data ?? []).toString('hex');
const empty = new Uint8Array(0);
const signalling = { kind: 'signalling' } as const;
const userData = (qfis: readonly number[], isDefault = true, pduSessionId = 1) =>
  ({ kind: 'pduSession', pduSessionId, qfis, isDefault }) as const;
const down = (qfi: number, rqi = false) => ({ direction: 'downlink', qfi, rqi }) as const;

/** A UE with PDU session 1: TEID 0x500 + id up, 0x600 + id down, flows 5 and 9. */
function attached(node: Node, id: number) {
  const ue = new FakeUe(node, id);
  const signal = ue.tunnel(signalling);
  node.plane.addPduSession(id, {
    pduSessionId: 1,
    ulTunnel: { address: UPF.address, teid: 0x500 + id },
    dlTeid: 0x600 + id,
    qfis: [5, 9],
  });
  const data = ue.tunnel(userData([5, 9]));
  return { ue, signal, data };
}

function ping(source: string, destination: string, kind: 'request' | 'reply' = 'request') {
  const octets = (text: string) => Uint8Array.from(text.split('.'), Number);
  const echo = encodeIcmpEcho({ kind, identifier: 7, sequence: 1, data: Uint8Array.of(1, 2, 3) });
  return encodeIp(octets(source), octets(destination), IP_PROTOCOL.ICMP, echo);
}

describe('NAS over TCP in the signalling SA', () => {
  it('[TS24502 7.3A] opens, carries octets both ways and tells of the close', () => {
    const node = new Node();
    const { ue, signal } = attached(node, 1);
    const nas = new UeNas(ue, [signal]);
    expect(nas.connection.isOpen).toBe(true);
    expect(node.nas).toEqual(['1 opened']);
    nas.connection.send(0, Uint8Array.of(0, 2, 0x7e, 0));
    nas.run();
    node.plane.sendNas(0, 1, Uint8Array.of(0, 1, 0x7e));
    nas.run();
    expect(node.nas.at(-1)).toBe('1 00027e00');
    expect(nas.text).toBe('00017e');
    nas.connection.close(0);
    nas.run();
    expect(node.nas.at(-1)).toBe('1 closed by the peer');
    expect(node.drops).toEqual([]);
  });

  it('[TS24502 7.3A] a second connection takes the place of a lost one, in silence', () => {
    const node = new Node();
    const { ue, signal } = attached(node, 1);
    new UeNas(ue, [signal], 40_000);
    const second = new UeNas(ue, [signal], 40_001);
    expect(node.nas).toEqual(['1 opened', '1 opened']);
    node.plane.sendNas(0, 1, Uint8Array.of(9));
    second.run();
    expect(second.text).toBe('09');
  });

  it('[TS24502 7.3A] each UE has its own connection', () => {
    const node = new Node();
    const one = attached(node, 1);
    const two = attached(node, 2);
    const first = new UeNas(one.ue, [one.signal]);
    const second = new UeNas(two.ue, [two.signal]);
    node.plane.sendNas(0, 2, Uint8Array.of(2));
    second.run();
    expect([first.text, second.text]).toEqual(['', '02']);
    expect(node.nas).toEqual(['1 opened', '2 opened']);
  });

  it('what is lost on the way is sent again by the clock, until the node gives up', () => {
    const node = new Node();
    const { ue, signal } = attached(node, 1);
    new UeNas(ue, [signal]);
    node.onEsp = undefined;
    node.plane.sendNas(1000, 1, Uint8Array.of(5));
    const sent = node.esp.length;
    expect(node.plane.deadline()).toBe(1200);
    node.plane.tick(1199);
    expect(node.esp).toHaveLength(sent);
    node.plane.tick(1200);
    expect(node.esp).toHaveLength(sent + 1);
    for (let at = node.plane.deadline(); at !== undefined; at = node.plane.deadline()) node.plane.tick(at);
    expect(node.nas.at(-1)).toBe('1 the peer does not answer');
  });

  it('what may have moved the deadline is told, and user packets are not among it', () => {
    const node = new Node();
    const { ue, signal, data } = attached(node, 1);
    const changes = () => node.plane.timerChanges;
    for (let i = 0; i < 10; i++) {
      ue.sendInner(data, UP, IP_PROTOCOL.GRE, encodeGre(9, empty));
      node.plane.receiveGtpu(0, encodeGpdu(0x601, down(5), empty), UPF);
      node.plane.receiveEsp(0, Uint8Array.of(9, 9, 9, 9, 0, 0, 0, 1), NODE, UPF);
    }
    expect([changes(), node.plane.deadline()]).toEqual([0, undefined]);
    new UeNas(ue, [signal]);
    const afterNas = changes();
    expect(afterNas).toBeGreaterThan(0);
    node.plane.receiveGtpu(0, encodeGtpu(GTPU_TYPE.ECHO_RESPONSE, 0, 1, empty), UPF);
    expect(changes()).toBe(afterNas + 1);
  });

  it('a UE that was removed gets nothing more', () => {
    const node = new Node();
    const { ue, signal } = attached(node, 1);
    new UeNas(ue, [signal]);
    const sent = node.esp.length;
    node.plane.removeUe(1);
    node.plane.removeUe(1);
    node.plane.sendNas(0, 1, Uint8Array.of(1));
    expect(node.esp).toHaveLength(sent);
    expect(node.plane.deadline()).toBeUndefined();
    ue.sendInner(signal, NAS, IP_PROTOCOL.TCP, empty);
    node.plane.receiveGtpu(0, encodeGpdu(0x601, down(5), empty), UPF);
    expect(node.drops.map(([cause]) => cause)).toEqual(['unknownSpi', 'unknownTeid']);
  });
});

describe('user data', () => {
  it('a ping goes up with the TEID and the QFI, and its answer comes down to the UE', () => {
    const node = new Node();
    const { ue, data } = attached(node, 1);
    const request = ping('10.60.0.1', '8.8.8.8');
    ue.sendInner(data, UP, IP_PROTOCOL.GRE, encodeGre(9, request));
    const up = decodeGtpu(node.gtpu[0]?.datagram as Uint8Array);
    if (!up.ok) throw up.error;
    expect(node.gtpu[0]?.remote).toEqual(UPF);
    expect(up.value).toMatchObject({ type: 255, teid: 0x501, container: { direction: 'uplink', qfi: 9 } });
    expect(hexOf(up.value.payload)).toBe(hexOf(request));

    const reply = ping('8.8.8.8', '10.60.0.1', 'reply');
    node.plane.receiveGtpu(0, encodeGpdu(0x601, down(9, true), reply), UPF);
    const inner = ue.open(data, node.esp[0] as never);
    expect(inner).toMatchObject({ protocol: IP_PROTOCOL.GRE, source: UP, destination: ue.inner });
    const gre = decodeGre(inner?.payload ?? empty);
    if (!gre.ok) throw gre.error;
    expect(gre.value).toMatchObject({ qfi: 9, rqi: true });
    const packet = decodeIp(gre.value.payload);
    if (!packet.ok) throw packet.error;
    expect(decodeIcmpEcho(packet.value.payload)).toMatchObject({
      ok: true,
      value: { kind: 'reply', identifier: 7 },
    });
    expect(node.plane.counters()).toMatchObject({ uplink: 1, downlink: 1 });
    expect(node.esp[0]).toMatchObject({ udp: true, remote: ue.remote });
  });

  it('a large packet after a small one comes whole, and the small one after it', () => {
    const node = new Node();
    const { ue, data } = attached(node, 1);
    for (const length of [20, 3000, 20]) {
      const packet = new Uint8Array(length).fill(length & 0xff);
      node.plane.receiveGtpu(0, encodeGpdu(0x601, down(5), packet), UPF);
      const gre = decodeGre(ue.open(data, node.esp.at(-1) as never)?.payload ?? empty);
      expect(gre.ok && hexOf(gre.value.payload)).toBe(hexOf(packet));
    }
  });

  it('[TS24502 7.5.2] [TS24502 8.3.2] each flow takes the Child SA that names it, others the default one', () => {
    const node = new Node();
    const { ue, data } = attached(node, 1);
    const voice = ue.tunnel(userData([9], false));
    for (const [qfi, tunnel, other] of [
      [9, voice, data],
      [5, data, voice],
      [33, data, voice],
    ] as const) {
      node.plane.receiveGtpu(0, encodeGpdu(0x601, down(qfi), Uint8Array.of(qfi)), UPF);
      const sent = node.esp.at(-1) as never;
      expect(ue.open(other, sent)).toBeUndefined();
      const gre = decodeGre(ue.open(tunnel, sent)?.payload ?? empty);
      expect(gre).toMatchObject({ ok: true, value: { qfi } });
    }
  });

  it('a G-PDU without container goes with the first flow of its session', () => {
    const node = new Node();
    const { ue, data } = attached(node, 1);
    node.plane.receiveGtpu(0, encodeGtpu(GTPU_TYPE.G_PDU, 0x601, undefined, Uint8Array.of(1)), UPF);
    expect(decodeGre(ue.open(data, node.esp[0] as never)?.payload ?? empty)).toMatchObject({
      value: { qfi: 5 },
    });
  });

  it('no UE gets a packet of another, nor sends in its name', () => {
    const node = new Node();
    const one = attached(node, 1);
    const two = attached(node, 2);
    node.plane.receiveGtpu(0, encodeGpdu(0x602, down(5), Uint8Array.of(1)), UPF);
    expect(one.ue.open(one.data, node.esp[0] as never)).toBeUndefined();
    expect(two.ue.open(two.data, node.esp[0] as never)).toBeDefined();
    one.ue.send(one.data, encodeIp(two.ue.inner, UP, IP_PROTOCOL.GRE, encodeGre(5, Uint8Array.of(1))));
    one.ue.sendInner(one.data, two.ue.inner, IP_PROTOCOL.GRE, encodeGre(5, Uint8Array.of(1)));
    expect(node.gtpu).toEqual([]);
    expect(node.drops).toEqual([
      ['spoofedSource', 1],
      ['wrongDestination', 1],
    ]);
  });

  it('the answer follows the newest authenticated packet, and no older or forged one', () => {
    const node = new Node();
    const { ue, data } = attached(node, 1);
    const packet = encodeIp(ue.inner, UP, IP_PROTOCOL.GRE, encodeGre(5, Uint8Array.of(1)));
    const [older, newer] = [ue.seal(data, packet), ue.seal(data, packet)];
    const moved = { address: '203.0.113.99', port: 61000 };
    const forged = Uint8Array.from(ue.seal(data, packet));
    forged[forged.length - 1] = (forged.at(-1) as number) ^ 1;
    node.plane.receiveEsp(0, newer, NODE, moved);
    node.plane.receiveEsp(0, older, NODE, { address: '203.0.113.1', port: 1 });
    node.plane.receiveEsp(0, forged, NODE, { address: '203.0.113.2', port: 2 });
    node.plane.receiveGtpu(0, encodeGpdu(0x601, down(5), empty), UPF);
    expect(node.esp[0]?.remote).toEqual(moved);
    const next = ue.tunnel(userData([5, 9]), data.child.id, { startedHere: true });
    node.plane.receiveGtpu(0, encodeGpdu(0x601, down(5), empty), UPF);
    expect(ue.open(next, node.esp[1] as never)).toBeDefined();
    expect(node.esp[1]?.remote).toEqual(moved);
  });
});

describe('a UE that no NAT is in front of', () => {
  it('[RFC7296 2.23] is not moved by whoever puts its packets into UDP', () => {
    const node = new Node();
    const { ue } = attached(node, 1);
    const bare = ue.tunnel(userData([5, 9]), undefined, { udpEncapsulation: false });
    const packet = ue.seal(bare, encodeIp(ue.inner, UP, IP_PROTOCOL.GRE, encodeGre(5, empty)));
    node.plane.receiveEsp(0, packet, NODE, { address: '203.0.113.66', port: 6666 });
    node.plane.receiveGtpu(0, encodeGpdu(0x601, down(5), empty), UPF);
    expect(node.esp[0]).toMatchObject({ remote: ue.remote, udp: false });
  });

  it('[RFC4555 3.5] takes the way that MOBIKE tells, in UDP or not, with its packets as large as that allows', () => {
    const node = new Node({ nwuMtu: 1500 });
    const { ue } = attached(node, 1);
    const bare = ue.tunnel(userData([5, 9]), undefined, { udpEncapsulation: false });
    const [local, remote] = [
      { address: '192.0.2.99', port: 4500 },
      { address: '203.0.113.99', port: 61_000 },
    ];
    const sent = () => {
      node.plane.receiveGtpu(0, encodeGpdu(0x601, down(5), Uint8Array.of(1)), UPF);
      return node.esp.at(-1);
    };
    expect(sent()).toMatchObject({ remote: ue.remote, udp: false });
    node.plane.moveUe(1, { local, remote, udpEncapsulation: true });
    expect(sent()).toMatchObject({ remote, udp: true });
    const fresh = ue.tunnel(userData([5, 9]), bare.child.id, { startedHere: true, udpEncapsulation: false });
    expect(ue.open(fresh, sent() as never)).toBeDefined();
    expect(node.esp.at(-1)).toMatchObject({ remote, udp: true });
    node.plane.moveUe(1, { local, remote, udpEncapsulation: false });
    expect(sent()).toMatchObject({ remote, udp: false });
    node.plane.moveUe(77, { local, remote, udpEncapsulation: false });
  });
});

describe('rekeying', () => {
  it('[RFC7296 2.8] that we began: the new SA sends at once, the old one is heard until it is removed', () => {
    const node = new Node();
    const { ue, data: old } = attached(node, 1);
    const up = (tunnel: Tunnel) => ue.sendInner(tunnel, UP, IP_PROTOCOL.GRE, encodeGre(5, Uint8Array.of(1)));
    const fresh = ue.tunnel(userData([5, 9]), old.child.id, { startedHere: true });
    up(old);
    up(fresh);
    expect(node.gtpu).toHaveLength(2);
    node.plane.receiveGtpu(0, encodeGpdu(0x601, down(5), empty), UPF);
    expect(ue.open(fresh, node.esp[0] as never)).toBeDefined();
    node.plane.removeChildSa(old.child.id);
    node.plane.removeChildSa(old.child.id);
    up(old);
    expect(node.drops).toEqual([['unknownSpi', undefined]]);
    up(fresh);
    node.plane.receiveGtpu(0, encodeGpdu(0x601, down(9), empty), UPF);
    expect(node.gtpu).toHaveLength(3);
    expect(ue.open(fresh, node.esp[1] as never)).toBeDefined();
  });

  it('[RFC7296 2.8] that the UE began: the old SA sends until the UE is heard by the new one', () => {
    const node = new Node();
    const { ue, data: old } = attached(node, 1);
    const fresh = ue.tunnel(userData([5, 9]), old.child.id);
    const sentBy = (qfi: number, tunnels: readonly Tunnel[]) => {
      node.plane.receiveGtpu(0, encodeGpdu(0x601, down(qfi), empty), UPF);
      return tunnels.findIndex((tunnel) => ue.open(tunnel, node.esp.at(-1) as never) !== undefined);
    };
    ue.sendInner(old, UP, IP_PROTOCOL.GRE, encodeGre(5, Uint8Array.of(1)));
    const forged = ue.seal(fresh, encodeIp(ue.inner, UP, IP_PROTOCOL.GRE, encodeGre(5, empty)));
    forged[forged.length - 1] = (forged.at(-1) as number) ^ 1;
    node.plane.receiveEsp(0, forged, NODE, ue.remote);
    expect([5, 9, 11].map((qfi) => sentBy(qfi, [old, fresh]))).toEqual([0, 0, 0]);
    ue.sendInner(fresh, UP, IP_PROTOCOL.GRE, encodeGre(5, Uint8Array.of(1)));
    expect([5, 9, 11].map((qfi) => sentBy(qfi, [old, fresh]))).toEqual([1, 1, 1]);
    expect(node.plane.report(1)?.sessions[0]?.flows[0]?.childSaId).toBe(fresh.child.id);
  });

  it('[RFC7296 2.8] that the UE began: the new SA sends when the old one is removed, whichever was rekeyed in between', () => {
    const node = new Node();
    const { ue, data: first } = attached(node, 1);
    const second = ue.tunnel(userData([5, 9]), first.child.id);
    const third = ue.tunnel(userData([5, 9]), second.child.id);
    const sender = () => node.plane.report(1)?.sessions[0]?.flows.map(({ childSaId }) => childSaId);
    expect(sender()).toEqual([first.child.id, first.child.id]);
    node.plane.removeChildSa(second.child.id);
    expect(sender()).toEqual([first.child.id, first.child.id]);
    node.plane.removeChildSa(first.child.id);
    expect(sender()).toEqual([third.child.id, third.child.id]);
    node.plane.removeChildSa(third.child.id);
    expect(sender()).toEqual([undefined, undefined]);
  });

  it('[RFC7296 2.8.1] one that lost a collision is heard until it is removed, and no flow goes by it', () => {
    const node = new Node();
    const { ue, data: old } = attached(node, 1);
    const lost = ue.tunnel({ kind: 'pduSession', pduSessionId: 1, qfis: [], isDefault: false }, old.child.id);
    ue.sendInner(lost, UP, IP_PROTOCOL.GRE, encodeGre(5, Uint8Array.of(1)));
    expect(node.gtpu).toHaveLength(1);
    for (const qfi of [5, 9, 11]) node.plane.receiveGtpu(0, encodeGpdu(0x601, down(qfi), empty), UPF);
    expect(node.esp.map((sent) => ue.open(lost, sent))).toEqual([undefined, undefined, undefined]);
    node.plane.removeChildSa(lost.child.id);
    ue.sendInner(lost, UP, IP_PROTOCOL.GRE, encodeGre(5, Uint8Array.of(1)));
    expect(node.drops).toEqual([['unknownSpi', undefined]]);
  });

  it('[RFC7296 2.8] the NAS connection lives on in the new signalling SA, as soon as the UE hears it', () => {
    const node = new Node();
    const { ue, signal } = attached(node, 1);
    const tunnels = [signal];
    const nas = new UeNas(ue, tunnels);
    const fresh = ue.tunnel(signalling, signal.child.id);
    node.plane.sendNas(0, 1, Uint8Array.of(0x2a));
    nas.run();
    expect(nas.text).toBe('2a');
    tunnels.push(fresh);
    tunnels.shift();
    node.plane.removeChildSa(signal.child.id);
    node.plane.sendNas(0, 1, Uint8Array.of(0x2b));
    nas.run();
    expect(nas.text).toBe('2a2b');
  });
});

describe('several signalling SAs', () => {
  it('NAS goes by the newest; should that vanish first, by the one before it', () => {
    const node = new Node();
    const { ue, signal } = attached(node, 1);
    const tunnels = [signal];
    const nas = new UeNas(ue, tunnels);
    const fresh = ue.tunnel(signalling, signal.child.id, { startedHere: true });
    tunnels.push(fresh);
    const before = node.plane.report(1)?.childSas.map(({ packetsOut }) => packetsOut);
    node.plane.sendNas(0, 1, Uint8Array.of(0x2a));
    nas.run();
    const after = node.plane.report(1)?.childSas.map(({ packetsOut }) => packetsOut);
    expect(after?.at(-1)).toBeGreaterThan(before?.at(-1) ?? 0);
    node.plane.removeChildSa(fresh.child.id);
    node.plane.sendNas(0, 1, Uint8Array.of(0x2b));
    nas.run();
    expect(nas.text).toBe('2a2b');
  });
});

describe('GTP-U path messages', () => {
  it('[TS29281 7.2.2] an echo request is answered to where it came from', () => {
    const node = new Node();
    const asker = { address: '198.51.100.77', port: 33_000 };
    node.plane.receiveGtpu(0, encodeGtpu(GTPU_TYPE.ECHO_REQUEST, 0, 0x4321, empty), asker);
    expect(node.gtpu[0]?.remote).toEqual(asker);
    expect(decodeGtpu(node.gtpu[0]?.datagram ?? empty)).toMatchObject({
      value: { type: 2, teid: 0, sequence: 0x4321 },
    });
  });

  it('[TS29281 7.3.1] an unknown TEID is answered by an error indication to port 2152', () => {
    const node = new Node();
    node.plane.receiveGtpu(0, encodeGpdu(0xabcdef01, down(5), empty), { address: UPF.address, port: 999 });
    expect(node.gtpu[0]?.remote).toEqual(UPF);
    expect(hexOf(node.gtpu[0]?.datagram)).toContain('10abcdef01850004c6336401');
    expect(node.drops).toEqual([['unknownTeid', undefined]]);
  });

  it('a session that was released is unknown', () => {
    const node = new Node();
    const { ue, data } = attached(node, 1);
    node.plane.removePduSession(1, 1);
    node.plane.removePduSession(1, 1);
    node.plane.receiveGtpu(0, encodeGpdu(0x601, down(5), empty), UPF);
    ue.sendInner(data, UP, IP_PROTOCOL.GRE, encodeGre(5, empty));
    expect(node.drops.map(([cause]) => cause)).toEqual(['unknownTeid', 'noSession']);
  });
});

/** The first packet of a UE around a plaintext whose padding may be wrong. */
function withPlaintext({ spiIn, keysIn }: ChildSa, plaintext: Uint8Array): Uint8Array {
  const cipher = createCipher(suite, keysIn.encr, keysIn.integ);
  const header = Uint8Array.of(0, 0, spiIn >>> 8, spiIn & 0xff, 0, 0, 0, 1);
  const packet = new Uint8Array(16 + plaintext.length + 16);
  packet.set(header);
  cipher.sealInto(packet, 16, new Uint8Array(8), header, plaintext);
  return packet;
}

describe('drops', () => {
  type Story = (node: Node, attachedUe: ReturnType<typeof attached>) => void;
  const gre =
    (octets: Uint8Array): Story =>
    (_node, { ue, data }) =>
      ue.sendInner(data, UP, IP_PROTOCOL.GRE, octets);
  const segment = (destinationPort: number, flags: number, ue: FakeUe) =>
    encodeTcp(
      { sourcePort: 1, destinationPort, sequence: 1, acknowledgment: 0, flags, window: 9, data: empty },
      ue.inner,
      NAS,
    );

  const v4Session = {
    pduSessionId: 2,
    ulTunnel: { address: UPF.address, teid: 0x701 },
    dlTeid: 0x700,
    qfis: [7],
  } as const;

  const stories: Record<(typeof dropCauses)[number], Story> = {
    unknownSpi: (node) => node.plane.receiveEsp(0, Uint8Array.of(9, 9, 9, 9, 0, 0, 0, 1), NODE, UPF),
    malformedEsp: (node, { ue, data }) =>
      node.plane.receiveEsp(0, ue.seal(data, empty).subarray(0, 20), NODE, ue.remote),
    replayed: (node, { ue, data }) => {
      const packet = ue.seal(data, encodeIp(ue.inner, UP, IP_PROTOCOL.GRE, encodeGre(5, empty)));
      node.plane.receiveEsp(0, packet, NODE, ue.remote);
      node.plane.receiveEsp(0, packet, NODE, ue.remote);
    },
    integrity: (node, { ue, data }) => {
      const packet = ue.seal(data, empty);
      packet[packet.length - 1] = (packet.at(-1) as number) ^ 1;
      node.plane.receiveEsp(0, packet, NODE, ue.remote);
    },
    padding: (node, { ue, data }) => {
      const packet = withPlaintext(data.child, Uint8Array.of(7, 7, 2, 4));
      node.plane.receiveEsp(0, packet, NODE, ue.remote);
    },
    malformedInner: (_node, { ue, data }) => ue.send(data, Uint8Array.of(0x45, 1, 2)),
    congestionLost: (node, { ue, data }) => {
      const packet = ue.seal(data, encodeIp(ue.inner, UP, IP_PROTOCOL.GRE, encodeGre(5, empty)));
      node.plane.receiveEsp(0, packet, NODE, ue.remote, ECN.CE);
    },
    wrongType: (node, { ue }) => {
      node.plane.addPduSession(1, { ...v4Session, type: 'ipv4' });
      ue.sendInner(ue.tunnel(userData([7], true, 2)), UP, IP_PROTOCOL.GRE, encodeGre(7, Uint8Array.of(0x60)));
    },
    tooBig: (node, { ue }) => {
      node.plane.addPduSession(1, { ...v4Session, type: 'ipv4' });
      ue.tunnel(userData([7], true, 2));
      const large = encodeIp(NAS, UP, IP_PROTOCOL.UDP, new Uint8Array(1500));
      large[16] = 224;
      node.plane.receiveGtpu(0, encodeGpdu(0x700, down(7), large), UPF);
    },
    spoofedSource: (_node, { ue, data }) =>
      ue.send(data, encodeIp(UP, UP, IP_PROTOCOL.GRE, encodeGre(5, empty))),
    wrongDestination: (_node, { ue, data }) => ue.sendInner(data, NAS, IP_PROTOCOL.GRE, encodeGre(5, empty)),
    malformedTcp: (_node, { ue, signal }) => ue.sendInner(signal, NAS, IP_PROTOCOL.TCP, new Uint8Array(20)),
    noConnection: (_node, { ue, signal }) =>
      ue.sendInner(signal, NAS, IP_PROTOCOL.TCP, segment(NAS_PORT, TCP_FLAG.ACK, ue)),
    malformedGre: gre(Uint8Array.of(0xff, 0xff, 0, 0)),
    noGreKey: gre(Uint8Array.of(0, 0, 8, 0, 0x45)),
    unknownFlow: gre(encodeGre(6, empty)),
    noSession: (_node, { ue, signal }) => ue.sendInner(signal, UP, IP_PROTOCOL.GRE, encodeGre(5, empty)),
    noChildSa: (node, { data }) => {
      node.plane.removeChildSa(data.child.id);
      node.plane.receiveGtpu(0, encodeGpdu(0x601, down(5), empty), UPF);
    },
    sequenceExhausted: (node) => {
      const original = EspSender.prototype.sealPrepared;
      EspSender.prototype.sealPrepared = () => undefined;
      try {
        node.plane.receiveGtpu(0, encodeGpdu(0x601, down(5), empty), UPF);
      } finally {
        EspSender.prototype.sealPrepared = original;
      }
    },
    malformedGtpu: (node) => node.plane.receiveGtpu(0, Uint8Array.of(0x30, 255, 0, 9), UPF),
    unknownTeid: (node) => node.plane.receiveGtpu(0, encodeGpdu(0x999, down(5), empty), UPF),
    unexpectedGtpu: (node) => node.plane.receiveGtpu(0, encodeGtpu(32, 0, 0, empty), UPF),
    unknownExtension: (node) => {
      const octets = encodeGtpu(GTPU_TYPE.G_PDU, 0x601, 0, Uint8Array.of(1, 0, 0, 0, 0x45));
      octets[0] = 0x36;
      octets[11] = 0xc0;
      node.plane.receiveGtpu(0, octets, UPF);
    },
  };

  it.each(dropCauses)('%s is counted once and told', (cause) => {
    const node = new Node({ nwuMtu: 1500 });
    const ue = attached(node, 1);
    stories[cause](node, ue);
    const expected = Object.fromEntries(dropCauses.map((other) => [other, other === cause ? 1 : 0]));
    expect(node.plane.counters().drops).toEqual(expected);
    expect(node.drops.map(([told]) => told)).toEqual([cause]);
  });

  it('a packet to another port of the NAS address has no connection', () => {
    const node = new Node();
    const { ue, signal } = attached(node, 1);
    ue.sendInner(signal, NAS, IP_PROTOCOL.TCP, segment(NAS_PORT + 1, TCP_FLAG.SYN, ue));
    expect(node.drops).toEqual([['noConnection', 1]]);
  });

  it('[RFC4303 2.6] ESP that carries anything else than an IP packet of the family of the UE is dropped', () => {
    const node = new Node();
    const { ue, data } = attached(node, 1);
    const packet = encodeIp(ue.inner, UP, IP_PROTOCOL.GRE, encodeGre(5, Uint8Array.of(1)));
    for (const nextHeader of [0, IP_PROTOCOL.TCP, IP_PROTOCOL.IPV6, IP_PROTOCOL.GRE, 255])
      node.plane.receiveEsp(0, ue.seal(data, packet, nextHeader), NODE, ue.remote);
    expect(node.drops).toEqual(Array(5).fill(['malformedInner', 1]));
    node.plane.receiveEsp(0, ue.seal(data, packet, IP_PROTOCOL.IPV4), NODE, ue.remote);
    expect(node.gtpu).toHaveLength(1);
  });

  it('a dummy packet is no drop', () => {
    const node = new Node();
    const { ue, data } = attached(node, 1);
    node.plane.receiveEsp(0, ue.seal(data, new Uint8Array(30), IP_PROTOCOL.NONE), NODE, ue.remote);
    expect(node.drops).toEqual([]);
  });
});
