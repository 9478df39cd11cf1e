/** Mutated packets against the user plane: nothing may throw or stall, and no packet may reach another UE. */
import type { ChildSa } from '#ikev2';
import { nativeCipherFactory } from '../../n3iwf/io/native-cipher.ts';
import {
  encodeEchoRequest,
  encodeEchoResponse,
  encodeErrorIndication,
  encodeGpdu,
  encodeGtpu,
  encodeSupportedExtensions,
  GTPU_TYPE,
} from '../../n3iwf/n3/gtpu.ts';
import { defaultPathTimers } from '../../n3iwf/n3/paths.ts';
import { encodeGre } from '../../n3iwf/nwu/gre.ts';
import { requireAddress } from '../../n3iwf/userplane/address.ts';
import { EspReceiver, EspSender } from '../../n3iwf/userplane/esp.ts';
import { encodeIcmpEcho } from '../../n3iwf/userplane/icmp.ts';
import { encodeIp, IP_PROTOCOL } from '../../n3iwf/userplane/ip.ts';
import { UserspacePlane } from '../../n3iwf/userplane/plane.ts';
import { encodeTcp, TCP_FLAG } from '../../n3iwf/userplane/tcp-segment.ts';
import { mutated, randomFrom } from '../support/mutate.ts';

const slowMs = 200;
const none = new Uint8Array(0);
const suite = { encr: 'aes256-gcm16', integ: 'none', esn: false } as const;
const [nas, up] = ['10.99.0.1', '10.99.0.2'];
const upf = { address: '198.51.100.9', port: 2152 };
const local = { address: '192.0.2.1', port: 4500 };
const inners = ['10.99.1.1', '10.99.1.2'].map(requireAddress);
const far = requireAddress('192.0.2.80');
const teidsDown = [0x101, 0x102];
const qfis = [5, 9];

/** A UE as its own end sees it. */
interface FuzzedUe {
  readonly remote: { readonly address: string; readonly port: number };
  readonly sender: EspSender;
  readonly receiver: EspReceiver;
}

/** Two UEs in one plane; what leaves it for whom is checked as it leaves. */
class FuzzedPlane {
  readonly plane: UserspacePlane;
  readonly ues: readonly FuzzedUe[];
  /** The UE whose packet is being received, and the one that the plane sends to. */
  #speaking = 0;
  relayed = 0;
  opened = 0;

  constructor() {
    const createCipher = nativeCipherFactory();
    this.plane = new UserspacePlane(
      {
        ...{ nasAddress: nas, nasPort: 20000, upAddress: up, n3Address: '198.51.100.1' },
        ...{ nwuMtu: 1400, n3Mtu: 1300, clampMss: true, pathTimers: defaultPathTimers },
      },
      {
        random: (length) => new Uint8Array(length).fill(0x77),
        sendEsp: (packet, _local, remote) => this.#checkEsp(packet, remote.address),
        sendGtpu: (datagram) => this.#checkGtpu(datagram),
        nasOpened: () => {},
        nasReceived: () => {},
        nasClosed: () => {},
        dropped: () => {},
        ...(createCipher === undefined ? {} : { createCipher }),
      },
    );
    this.ues = inners.map((_, index) => this.#attach(index));
  }

  #attach(index: number): FuzzedUe {
    const id = index + 1;
    const keys = { encr: new Uint8Array(36).fill(id), integ: none };
    const remote = { address: `203.0.113.${id}`, port: 4500 };
    this.plane.addUe(id, (inners[index] as Uint8Array).join('.'));
    const ulTunnel = { address: upf.address, teid: 0x200 + id };
    const dlTeid = teidsDown[index] as number;
    this.plane.addPduSession(id, { pduSessionId: 1, ulTunnel, dlTeid, qfis, type: 'ipv4v6' });
    const child: ChildSa = {
      ...{ id, ikeSaId: id, spiIn: 0x1000 + id, spiOut: 0x2000 + id, suite, suiteName: 'AES-GCM' },
      ...{ keysIn: keys, keysOut: keys, trafficSelectorsLocal: [], trafficSelectorsRemote: [] },
      ...{ udpEncapsulation: true, local, remote },
    };
    this.plane.installChildSa(id, child, { kind: 'pduSession', pduSessionId: 1, qfis, isDefault: true });
    const sender = new EspSender(child.spiIn, suite, keys, (length) => new Uint8Array(length));
    return { remote, sender, receiver: new EspReceiver(child.spiOut, suite, keys) };
  }

  /** An inner packet of a UE, sealed as it is. */
  fromUe(index: number, inner: Uint8Array, tos: number): void {
    const { sender, remote } = this.ues[index] as FuzzedUe;
    this.#speaking = index + 1;
    this.plane.receiveEsp(0, sender.seal(IP_PROTOCOL.IPV4, inner) as Uint8Array, local, remote, tos);
  }

  /** Octets on the ESP port that no key made. */
  fromStranger(octets: Uint8Array): void {
    this.#speaking = 0;
    this.plane.receiveEsp(0, octets, local, { address: '203.0.113.99', port: 1 });
  }

  fromUpf(now: number, datagram: Uint8Array, tos: number): void {
    this.#speaking = 0;
    this.plane.receiveGtpu(now, datagram, upf, tos);
  }

  /** Only the UE that the packet was for can open it, and only at its own address. */
  #checkEsp(packet: Uint8Array, address: string): void {
    const index = this.ues.findIndex(({ remote }) => remote.address === address);
    const ue = this.ues[index];
    if (ue?.receiver.open(Uint8Array.from(packet)).ok !== true)
      throw new Error(`packet for ${address} is not its own`);
    this.opened++;
  }

  /** A UE's packet goes up in its own tunnel and in no other. */
  #checkGtpu(datagram: Uint8Array): void {
    const teid = Buffer.from(datagram).readUInt32BE(4);
    const isUserPacket = datagram[1] === GTPU_TYPE.G_PDU && this.#speaking !== 0;
    if (isUserPacket && teid !== 0x200 + this.#speaking)
      throw new Error(`a packet of UE ${this.#speaking} went up in tunnel ${teid}`);
    this.relayed++;
  }
}

const echo = encodeIcmpEcho({ kind: 'request', identifier: 1, sequence: 1, data: new Uint8Array(20) });
const segment = {
  sourcePort: 4,
  destinationPort: 20000,
  sequence: 9,
  acknowledgment: 0,
  window: 9,
  data: none,
};
const syn = { ...segment, flags: TCP_FLAG.SYN, maximumSegmentSize: 1460 };
const userPackets = [
  encodeIp(requireAddress('10.60.0.1'), far, IP_PROTOCOL.ICMP, echo),
  encodeIp(requireAddress('2001:db8::1'), requireAddress('2001:db8::2'), IP_PROTOCOL.UDP, new Uint8Array(30)),
  encodeIp(
    requireAddress('10.60.0.1'),
    far,
    IP_PROTOCOL.TCP,
    encodeTcp(syn, requireAddress('10.60.0.1'), far),
  ),
  encodeIp(requireAddress('10.60.0.1'), far, IP_PROTOCOL.UDP, new Uint8Array(1380)),
];
const innerCorpora = inners.map((inner) => [
  ...userPackets.map((packet, i) =>
    encodeIp(inner, requireAddress(up), IP_PROTOCOL.GRE, encodeGre(i % 2 === 0 ? 5 : 9, packet)),
  ),
  encodeIp(inner, requireAddress(nas), IP_PROTOCOL.TCP, encodeTcp(syn, inner, requireAddress(nas))),
]);
const extended = encodeGtpu(GTPU_TYPE.G_PDU, 0x101, 7, Uint8Array.of(1, 1, 2, 0x85, 1, 0, 5, 0, 0x45));
extended[0] = 0x36;
extended[11] = 0x40;
const n3Corpus = [
  ...teidsDown.flatMap((teid) =>
    userPackets.map((packet) => encodeGpdu(teid, { direction: 'downlink', qfi: 5, rqi: true }, packet)),
  ),
  extended,
  encodeEchoRequest(1),
  encodeEchoResponse(1),
  encodeSupportedExtensions(1),
  encodeErrorIndication(0x201, requireAddress(upf.address)),
  encodeGtpu(GTPU_TYPE.END_MARKER, 0x101, undefined, none),
];

/** A mutated user packet in whole headers, which a mutation of them would mostly stop. */
function deepUp(index: number, random: (below: number) => number): Uint8Array {
  const gre = encodeGre(qfis[random(2)] as number, mutated(userPackets, random));
  return encodeIp(inners[index] as Uint8Array, requireAddress(up), IP_PROTOCOL.GRE, gre);
}

function deepDown(index: number, random: (below: number) => number): Uint8Array {
  const container = { direction: 'downlink', qfi: random(64), rqi: random(2) === 0 } as const;
  return encodeGpdu(teidsDown[index] as number, container, mutated(userPackets, random));
}

/** One mutation of one of the plane's inputs: inside a tunnel, outside of it, or on N3. */
function exercise(target: FuzzedPlane, at: number, random: (below: number) => number): void {
  const tos = random(16) === 0 ? random(256) : 0;
  const index = random(2);
  const corpus = innerCorpora[index] as readonly Uint8Array[];
  const isDeep = random(2) === 0;
  if (at % 8 === 0) target.fromStranger(mutated(strangers, random));
  else if (at % 2 === 0) target.fromUe(index, isDeep ? deepUp(index, random) : mutated(corpus, random), tos);
  else target.fromUpf(at, isDeep ? deepDown(index, random) : mutated(n3Corpus, random), tos);
}

/** Packets that were sealed with other keys, for SPIs that exist. */
const strangers = [0x1001, 0x1002, 0].map((spi) => {
  const keys = { encr: new Uint8Array(36).fill(99), integ: none };
  const sender = new EspSender(spi, suite, keys, (length) => new Uint8Array(length));
  return sender.seal(IP_PROTOCOL.IPV4, userPackets[0] as Uint8Array) as Uint8Array;
});

/** Runs `count` mutations (1,000,000 when neither limit is given) or until `minutes` have passed. */
export async function run(limits: { minutes?: number; count?: number }): Promise<string> {
  const count = limits.count ?? (limits.minutes === undefined ? 1_000_000 : Number.POSITIVE_INFINITY);
  const end = performance.now() + (limits.minutes ?? Number.POSITIVE_INFINITY) * 60_000;
  const random = randomFrom(7);
  const target = new FuzzedPlane();
  let done = 0;
  for (; done < count && performance.now() < end; done++) {
    // Of this thread alone: a busy machine may keep it waiting for longer than that.
    const start = process.threadCpuUsage().user;
    try {
      exercise(target, done, random);
    } catch (error) {
      throw new Error(`mutation ${done} of seed 7`, { cause: error });
    }
    if (process.threadCpuUsage().user - start > slowMs * 1000)
      throw new Error(`mutation ${done} took over ${slowMs} ms`);
  }
  const { drops } = target.plane.counters();
  const causes = Object.entries(drops).filter(([, number]) => number > 0);
  const lost = causes.reduce((sum, [, number]) => sum + number, 0);
  return `${done} mutated packets: ${target.relayed} went up, ${target.opened} down, ${lost} dropped by ${causes.length} causes, none threw or strayed`;
}
