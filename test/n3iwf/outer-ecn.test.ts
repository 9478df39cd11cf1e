import { afterEach, describe, expect, it } from 'vitest';
import { type ChildSa, ID_TYPE, parseEspProposal, parseIkeProposal } from '#ikev2';
import { UdpSocket } from '../../n3iwf/io/udp.ts';
import { silentLog } from '../../n3iwf/log.ts';
import { decodeGtpu, encodeGpdu } from '../../n3iwf/n3/gtpu.ts';
import { encodeGre } from '../../n3iwf/nwu/gre.ts';
import { GatewayShell } from '../../n3iwf/shell.ts';
import { requireAddress } from '../../n3iwf/userplane/address.ts';
import { tosAt } from '../../n3iwf/userplane/ecn.ts';
import { EspReceiver, EspSender } from '../../n3iwf/userplane/esp.ts';
import { IP_PROTOCOL, writeIpHeader } from '../../n3iwf/userplane/ip.ts';

const suite = { encr: 'aes256-gcm16', integ: 'none', esn: false } as const;
const keys = (octet: number) => ({ encr: new Uint8Array(36).fill(octet), integ: new Uint8Array(0) });
const random = (length: number) => new Uint8Array(length).fill(9);
const ECT0 = 2;
const CE = 3;
/** Code point EF in front of the two bits of ECN. */
const EF = 0xb8;
const [ueInner, nodeInner] = [requireAddress('10.99.1.1'), requireAddress('10.99.0.1')];
const [user, server] = [requireAddress('10.60.0.1'), requireAddress('192.0.2.8')];

/** Addresses of the loopback network that no other test has at the same time. */
const host = (last: number) => `127.${30 + (process.pid % 200)}.${(process.pid >>> 8) & 0xff}.${last}`;

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

function must<T>(result: { ok: true; value: T } | { ok: false; error: unknown }): T {
  if (!result.ok) throw new Error(String(result.error));
  return result.value;
}

/** The node with its sockets; nobody is on N2. */
async function openNode(): Promise<GatewayShell> {
  const ike = {
    ...{ ikePort: 5500, natTraversalPort: 4500, forceUdpEncapsulation: true, exposeKeys: false },
    ...({ responderAuth: 'psk', initiatorAuth: 'eap', ppk: 'off' } as const),
    proposals: [must(parseIkeProposal('aes256gcm16-prfsha256-x25519'))],
    childProposals: [must(parseEspProposal('aes256gcm16'))],
    localId: { type: ID_TYPE.FQDN, data: new TextEncoder().encode('n3iwf') },
  };
  const identity = {
    ...{ innerAddress: '10.99.0.1', nasPort: 20_000, n3Address: host(1), ueSaeId: '' },
    preSharedKey: () => new Uint8Array(16),
  };
  const n2 = {
    n3iwfId: 1,
    plmn: { mcc: '001', mnc: '01' },
    tac: '000001',
    name: 'n3iwf',
    slices: [{ sst: 1 }],
  };
  const shell = await GatewayShell.open(
    {
      ...{ address: host(1), ikePort: 5500, natTraversalPort: 4500, n3Address: host(1), n3Port: 2152, n2 },
      gateway: { ike, identity, innerPool: '10.99.1.0/24' },
    },
    undefined,
    silentLog,
  );
  closing.push(() => shell.close());
  return shell;
}

interface Heard {
  readonly data: Uint8Array;
  readonly tos: number;
}

async function openPeer(at: { address: string; port: number }) {
  const heard: Heard[] = [];
  const socket = await UdpSocket.open(at, (data, _remote, _local, tos) => heard.push({ data, tos }));
  closing.push(() => socket.close());
  /** The first datagram that comes. */
  const next = async (): Promise<Heard> => {
    for (let i = 0; i < 2000 && heard.length === 0; i++) await new Promise((done) => setTimeout(done, 5));
    return heard.shift() as Heard;
  };
  return { socket, next };
}

/** A UE with one session between the node's own sockets and those of its peers. */
async function session() {
  const shell = await openNode();
  const ue = await openPeer({ address: host(2), port: 0 });
  const upf = await openPeer({ address: host(3), port: 2152 });
  const nat = { address: host(1), port: 4500 };
  const { plane } = shell.gateway;
  const child: ChildSa = {
    ...{ id: 1, ikeSaId: 1, spiIn: 0x1001, spiOut: 0x2001, suite, suiteName: '' },
    ...{ keysIn: keys(1), keysOut: keys(2), trafficSelectorsLocal: [], trafficSelectorsRemote: [] },
    ...{ udpEncapsulation: true, local: nat, remote: ue.socket.local },
  };
  plane.addUe(1, '10.99.1.1');
  plane.addPduSession(1, {
    ...{ pduSessionId: 1, ulTunnel: { address: host(3), teid: 7 }, dlTeid: 8, qfis: [5], type: 'ipv4' },
  });
  plane.installChildSa(1, child, { kind: 'pduSession', pduSessionId: 1, qfis: [5], isDefault: true });
  const sender = new EspSender(child.spiIn, suite, child.keysIn, random);
  const receiver = new EspReceiver(child.spiOut, suite, child.keysOut);
  const drops = () => plane.counters().drops.congestionLost;
  return { ue, upf, sender, receiver, nat, n3: { address: host(1), port: 2152 }, drops };
}

function ipPacket(from: Uint8Array, to: Uint8Array, protocol: number, tos: number, payload: Uint8Array) {
  const packet = new Uint8Array(20 + payload.length);
  writeIpHeader(packet, 0, from, to, protocol, payload.length, tos);
  packet.set(payload, 20);
  return packet;
}

const userPacket = (tos: number) => ipPacket(user, server, IP_PROTOCOL.UDP, tos, new Uint8Array(40));

describe('marks of congestion in outer headers, through real sockets', () => {
  it.each([
    ['an unmarked path', EF | ECT0, ECT0, ECT0, EF | ECT0],
    ['a congested path', EF | CE, ECT0, ECT0, EF | CE],
    ['congestion that the UE marked already', EF | ECT0, CE, CE, EF | CE],
  ])('[RFC6040 4.2] up, %s', async (_name, outer, inner, ofUser, expected) => {
    const { ue, upf, sender, nat } = await session();
    const gre = encodeGre(5, userPacket(EF | ofUser));
    const packet = ipPacket(ueInner, nodeInner, IP_PROTOCOL.GRE, inner, gre);
    ue.socket.send(sender.seal(4, packet) as Uint8Array, nat, outer);
    const { data, tos } = await upf.next();
    const { payload } = must(decodeGtpu(data));
    expect(tosAt(payload, 0)).toBe(expected);
    // no UPF is known to carry marks on
    expect(tos).toBe(EF);
  });

  it.each([
    ['an unmarked path', ECT0, EF | ECT0],
    ['a congested path', CE, EF | CE],
  ])('[RFC6040 4.2] [RFC6040 4.1] down, %s', async (_name, outer, expected) => {
    const { ue, upf, receiver, n3 } = await session();
    const container = { direction: 'downlink', qfi: 5, rqi: false } as const;
    upf.socket.send(encodeGpdu(8, container, userPacket(EF | ECT0)), n3, outer);
    const { data, tos } = await ue.next();
    const opened = receiver.open(data);
    expect(opened.ok && tosAt(opened.payload, 28)).toBe(expected);
    expect(tos).toBe(expected);
  });

  it('[RFC6040 4.2] a packet whose sender knows no ECN is lost where the path was congested, either way', async () => {
    const { ue, upf, sender, receiver, nat, n3, drops } = await session();
    const container = { direction: 'downlink', qfi: 5, rqi: false } as const;
    const up = ipPacket(ueInner, nodeInner, IP_PROTOCOL.GRE, 0, encodeGre(5, userPacket(0)));
    upf.socket.send(encodeGpdu(8, container, userPacket(0)), n3, CE);
    upf.socket.send(encodeGpdu(8, container, userPacket(EF)), n3, 0);
    const down = receiver.open((await ue.next()).data);
    expect(down.ok && tosAt(down.payload, 28)).toBe(EF);
    ue.socket.send(sender.seal(4, up) as Uint8Array, nat, CE);
    ue.socket.send(sender.seal(4, up) as Uint8Array, nat, 0);
    expect(tosAt(must(decodeGtpu((await upf.next()).data)).payload, 0)).toBe(0);
    expect(drops()).toBe(2);
  });
});
