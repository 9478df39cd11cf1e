import { describe, expect, it } from 'vitest';
import { decodeGtpu, encodeGpdu, encodeGtpu, GTPU_TYPE } from '../../../n3iwf/n3/gtpu.ts';
import { decodeGre, encodeGre } from '../../../n3iwf/nwu/gre.ts';
import { decodeIcmpEcho } from '../../../n3iwf/userplane/icmp.ts';
import { decodeIp, encodeIp, IP_PROTOCOL } from '../../../n3iwf/userplane/ip.ts';
import { attached, down, empty, hexOf, ping, signalling, userData } from './attached-ue.ts';
import { NAS, NODE, Node, type Tunnel, UeNas, UP, UPF } from './fake-ue.ts';

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
