import { describe, expect, it } from 'vitest';
import type { ChildSa } from '#ikev2';
import { createCipher } from '#ikev2';
import { encodeGpdu, encodeGtpu, GTPU_TYPE } from '../../../n3iwf/n3/gtpu.ts';
import { encodeGre } from '../../../n3iwf/nwu/gre.ts';
import { dropCauses } from '../../../n3iwf/userplane/drops.ts';
import { ECN } from '../../../n3iwf/userplane/ecn.ts';
import { EspSender } from '../../../n3iwf/userplane/esp.ts';
import { encodeIp, IP_PROTOCOL } from '../../../n3iwf/userplane/ip.ts';
import { encodeTcp, TCP_FLAG } from '../../../n3iwf/userplane/tcp-segment.ts';
import { attached, down, empty, userData } from './attached-ue.ts';
import { type FakeUe, NAS, NAS_PORT, NODE, Node, suite, UP, UPF } from './fake-ue.ts';

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
