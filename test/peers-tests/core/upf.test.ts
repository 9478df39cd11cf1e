import { describe, expect, it } from 'vitest';
import { encodeIcmpEcho } from '../../../n3iwf/userplane/icmp.ts';
import { decodeIp, encodeIp, IP_PROTOCOL } from '../../../n3iwf/userplane/ip.ts';
import { TcpConnection } from '../../../n3iwf/userplane/tcp.ts';
import { decodeTcp, encodeTcp, TCP_FLAG, type TcpSegment } from '../../../n3iwf/userplane/tcp-segment.ts';
import { decodeUdp, encodeUdp } from '../../../n3iwf/userplane/udp.ts';
import { type CoreUe, N3iwfSide } from './n3iwf-side.ts';

const server = Uint8Array.of(198, 51, 100, 1);
const echoRequest = encodeIcmpEcho({ kind: 'request', identifier: 1, sequence: 1, data: new Uint8Array(8) });

function withSession(): { n3iwf: N3iwfSide; ue: CoreUe; own: Uint8Array } {
  const n3iwf = new N3iwfSide();
  const ue = n3iwf.registered();
  n3iwf.openSession(ue, 1);
  return { n3iwf, ue, own: Uint8Array.from(n3iwf.addressOf(ue)) };
}

function innerOf(packet: Uint8Array | undefined): { source: Uint8Array; payload: Uint8Array } {
  const decoded = decodeIp(packet ?? new Uint8Array(0));
  if (!decoded.ok) throw decoded.error;
  return decoded.value;
}

describe('what the simulated UPF lets through', () => {
  it('answers an echo request of the session that has the address', () => {
    const { n3iwf, own } = withSession();
    n3iwf.uplinkPacket(1, encodeIp(own, server, IP_PROTOCOL.ICMP, echoRequest));
    expect(n3iwf.core.upf.counters).toEqual({ uplink: 1, downlink: 1, dropped: 0, spoofed: 0 });
  });

  it("drops and counts packets from an address that is not the session's", () => {
    const { n3iwf } = withSession();
    for (const source of [Uint8Array.of(10, 60, 0, 2), Uint8Array.of(198, 51, 100, 9), new Uint8Array(16)])
      n3iwf.uplinkPacket(1, encodeIp(source, source.length === 4 ? server : source, 1, echoRequest));
    expect(n3iwf.core.upf.counters).toEqual({ uplink: 0, downlink: 0, dropped: 0, spoofed: 3 });
    expect(n3iwf.packets).toEqual([]);
  });

  it("answers for no address of the UEs' own pool", () => {
    const { n3iwf, own } = withSession();
    n3iwf.uplinkPacket(1, encodeIp(own, Uint8Array.of(10, 60, 0, 200), IP_PROTOCOL.ICMP, echoRequest));
    n3iwf.uplinkPacket(1, encodeIp(own, Uint8Array.of(10, 60, 15, 200), IP_PROTOCOL.ICMP, echoRequest));
    expect(n3iwf.core.upf.counters).toMatchObject({ uplink: 0, downlink: 0, dropped: 2 });
    n3iwf.uplinkPacket(1, encodeIp(own, Uint8Array.of(10, 60, 16, 200), IP_PROTOCOL.ICMP, echoRequest));
    expect(n3iwf.core.upf.counters).toMatchObject({ uplink: 1, downlink: 1, dropped: 2 });
  });

  it('drops what is no packet and what nobody serves', () => {
    const { n3iwf, own } = withSession();
    n3iwf.uplinkPacket(1, Uint8Array.of(0x45, 0));
    const data = Uint8Array.of(1);
    const other = encodeUdp({ sourcePort: 9, destinationPort: 9, data }, own, server);
    n3iwf.uplinkPacket(1, encodeIp(own, server, IP_PROTOCOL.UDP, other));
    n3iwf.core.receiveGtpu(Uint8Array.of(0xff), { address: '192.0.2.1', port: 2152 });
    expect(n3iwf.core.upf.counters.dropped).toBe(3);
  });

  it('echoes UDP on port 7', () => {
    const { n3iwf, own } = withSession();
    const datagram = { sourcePort: 4000, destinationPort: 7, data: Uint8Array.of(1, 2, 3) };
    n3iwf.uplinkPacket(1, encodeIp(own, server, IP_PROTOCOL.UDP, encodeUdp(datagram, own, server)));
    const { source, payload } = innerOf(n3iwf.packets.at(-1));
    expect([...source]).toEqual([...server]);
    const back = decodeUdp(payload);
    expect(back).toMatchObject({ ok: true, value: { sourcePort: 7, destinationPort: 4000 } });
    expect(back.ok && [...back.value.data]).toEqual([1, 2, 3]);
  });
});

/** A TCP client in the UE; `lose` says which packets of the UPF do not arrive. */
function tcpClient(port: number, lose: (count: number) => boolean = () => false) {
  const { n3iwf, own } = withSession();
  const received: number[] = [];
  const told: string[] = [];
  const outbox: TcpSegment[] = [];
  const client = TcpConnection.connect(n3iwf.now, { localPort: 4000, remotePort: port }, 0xffff_fff0, {
    transmit: (segment) => void outbox.push(segment),
    opened: () => void told.push('opened'),
    received: (data) => void received.push(...data),
    closed: (reason) => void told.push(reason),
  });
  let seen = 0;
  const run = () => {
    for (let next = outbox.shift(); next !== undefined; next = outbox.shift()) {
      n3iwf.uplinkPacket(1, encodeIp(own, server, IP_PROTOCOL.TCP, encodeTcp(next, own, server)));
      while (seen < n3iwf.packets.length) {
        const packet = n3iwf.packets[seen++];
        const segment = decodeTcp(innerOf(packet).payload, server, own);
        if (segment.ok && !lose(seen)) client.receive(n3iwf.now, segment.value);
      }
    }
  };
  run();
  return { n3iwf, own, client, received, told, run };
}

describe('TCP echo of the simulated UPF', () => {
  const data = Uint8Array.from({ length: 5000 }, (_, at) => at);

  it('sends back what it is sent and lets the client close', () => {
    const { n3iwf, client, received, told, run } = tcpClient(7);
    expect(told).toEqual(['opened']);
    client.send(n3iwf.now, data);
    run();
    expect(received).toEqual([...data]);
    client.close(n3iwf.now);
    run();
    expect(told).toEqual(['opened', 'closed']);
    expect(n3iwf.core.deadline()).toBeUndefined();
  });

  it("sends again, on the core's timer, what was lost on the way down", () => {
    const { n3iwf, client, received, run } = tcpClient(7, (count) => count === 3);
    client.send(n3iwf.now, data);
    run();
    for (let round = 0; round < 20 && received.length < data.length; round++) {
      n3iwf.now = Math.min(n3iwf.core.deadline() ?? Infinity, client.deadline() ?? Infinity);
      n3iwf.core.tick();
      client.tick(n3iwf.now);
      run();
    }
    expect(received).toEqual([...data]);
  });

  it('[RFC9293 3.10.7.1] refuses other ports, and segments of no connection, with a reset', () => {
    expect(tcpClient(80).told).toEqual(['reset by the peer']);
    const { n3iwf, own } = withSession();
    const stray = { sourcePort: 4000, destinationPort: 7, sequence: 5, acknowledgment: 77, window: 9 };
    const sent = (flags: number) => {
      const octets = encodeTcp({ ...stray, flags, data: Uint8Array.of(1) }, own, server);
      n3iwf.uplinkPacket(1, encodeIp(own, server, IP_PROTOCOL.TCP, octets));
      return n3iwf.packets.length;
    };
    expect(sent(TCP_FLAG.RST)).toBe(0);
    expect(sent(TCP_FLAG.ACK)).toBe(1);
    expect(decodeTcp(innerOf(n3iwf.packets[0]).payload, server, own)).toMatchObject({
      value: { flags: TCP_FLAG.RST, sequence: 77 },
    });
  });

  it('forgets connections with their session', () => {
    const { n3iwf } = tcpClient(7, () => true);
    expect(n3iwf.core.deadline()).toBeDefined();
    n3iwf.core.amf.clear();
    expect(n3iwf.core.deadline()).toBeUndefined();
  });
});
