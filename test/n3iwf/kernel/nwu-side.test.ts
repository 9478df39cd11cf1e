import { describe, expect, it } from 'vitest';
import type { ChildSa } from '#ikev2';
import { PlainSender } from '../../../n3iwf/kernel/plain-sender.ts';
import { encodeGpdu } from '../../../n3iwf/n3/gtpu.ts';
import { encodeGre } from '../../../n3iwf/nwu/gre.ts';
import { requireAddress } from '../../../n3iwf/userplane/address.ts';
import { decodeIp, encodeIp, IP_PROTOCOL } from '../../../n3iwf/userplane/ip.ts';
import type { NasListenerPorts } from '../../../n3iwf/userplane/nas-listener.ts';
import type { NwuSide } from '../../../n3iwf/userplane/nwu-side.ts';
import { type ChildUse, UserspacePlane } from '../../../n3iwf/userplane/plane.ts';

const inner = requireAddress('10.99.1.1');
const UP = requireAddress('10.99.0.2');
const UPF = { address: '198.51.100.9', port: 2152 };
const session: ChildUse = { kind: 'pduSession', pduSessionId: 1, qfis: [5], isDefault: true, dscp: 0x2e };

function child(id: number): ChildSa {
  const keys = { encr: new Uint8Array(36).fill(id), integ: new Uint8Array(0) };
  return {
    id,
    ikeSaId: 1,
    spiIn: 0x1000 + id,
    spiOut: 0x2000 + id,
    suite: { encr: 'aes256-gcm16', integ: 'none', esn: false },
    suiteName: 'ENCR_AES_GCM_16_256',
    keysIn: keys,
    keysOut: keys,
    trafficSelectorsLocal: [],
    trafficSelectorsRemote: [],
    udpEncapsulation: true,
    local: { address: '192.0.2.1', port: 4500 },
    remote: { address: '203.0.113.7', port: 4500 },
  };
}

/** A plane over a kernel that only writes down what it is asked for. */
function kernelPlane(refuse = false) {
  const calls: string[] = [];
  const sent: { packet: Uint8Array; childSaId: number }[] = [];
  const up: Uint8Array[] = [];
  const drops: string[] = [];
  let nas: NasListenerPorts | undefined;
  const nwu: NwuSide = {
    open: (ueId, _inner, { id }, { kind }) => {
      if (refuse) throw new Error('no memory');
      calls.push(`open ${ueId} ${id} ${kind}`);
      return {
        sender: new PlainSender(),
        receiver: undefined,
        sizes: { ivLength: 8, icvLength: 16, blockSize: 4 },
      };
    },
    close: (childSaId) => calls.push(`close ${childSaId}`),
    send: (childSaId, packet) => sent.push({ packet: Uint8Array.from(packet), childSaId }) > 0,
    openNas: (ports) => {
      nas = ports;
      return {
        send: (_now, ueId, octets) => calls.push(`nas ${ueId} ${octets.length}`),
        remove: (ueId) => calls.push(`no nas ${ueId}`),
        tick: () => {},
        deadline: () => undefined,
      };
    },
    addUe: (ueId) => calls.push(`ue ${ueId}`),
    removeUe: (ueId) => calls.push(`no ue ${ueId}`),
    moveUe: () => {},
  };
  const plane = new UserspacePlane(
    {
      nasAddress: '10.99.0.1',
      nasPort: 20000,
      upAddress: '10.99.0.2',
      n3Address: '198.51.100.1',
      nwuMtu: 1500,
    },
    {
      random: (length) => new Uint8Array(length),
      sendEsp: () => calls.push('ESP'),
      sendGtpu: (datagram) => up.push(Uint8Array.from(datagram)),
      nasOpened: () => {},
      nasReceived: (ueId, octets) => calls.push(`nas from ${ueId} ${octets.length}`),
      nasClosed: () => {},
      dropped: (cause) => drops.push(cause),
      nwu,
    },
  );
  return { plane, calls, sent, up, drops, nas: () => nas };
}

function attached() {
  const kernel = kernelPlane();
  kernel.plane.addUe(1, '10.99.1.1');
  kernel.plane.installChildSa(1, child(1), { kind: 'signalling' });
  kernel.plane.addPduSession(1, {
    pduSessionId: 1,
    ulTunnel: { address: UPF.address, teid: 0x500 },
    dlTeid: 0x600,
    qfis: [5],
    type: 'ipv4',
  });
  kernel.plane.installChildSa(1, child(2), session);
  return kernel;
}

const user = encodeIp(inner, requireAddress('192.0.2.77'), IP_PROTOCOL.UDP, new Uint8Array(30));
const down = encodeGpdu(0x600, { direction: 'downlink', qfi: 5, rqi: false }, user);

describe('the plane over a kernel', () => {
  it('hands Child SAs, UEs and NAS to it and takes them back', () => {
    const { plane, calls, nas } = attached();
    plane.sendNas(0, 1, new Uint8Array(9));
    nas()?.received(1, new Uint8Array(3));
    plane.removeUe(1);
    expect(calls).toEqual([
      'ue 1',
      'open 1 1 signalling',
      'open 1 2 pduSession',
      'nas 1 9',
      'nas from 1 3',
      'no nas 1',
      'close 1',
      'close 2',
      'no ue 1',
    ]);
  });

  it('[TS24502 9.3.3] sends user packets down as IP and GRE for their Child SA, with its code point', () => {
    const { plane, sent, drops } = attached();
    plane.receiveGtpu(0, down, UPF);
    expect(drops).toEqual([]);
    const packet = decodeIp(sent[0]?.packet ?? new Uint8Array(0));
    expect(packet.ok && [packet.value.protocol, packet.value.destination]).toEqual([IP_PROTOCOL.GRE, inner]);
    expect(packet.ok && packet.value.payload).toEqual(encodeGre(5, user));
    expect(sent.map(({ childSaId, packet: [, tos] }) => [childSaId, tos])).toEqual([[2, 0x2e << 2]]);
  });

  it('a rekeyed Child SA takes the downlink over at once, the old one again when the new one goes first', () => {
    const { plane, sent } = attached();
    plane.installChildSa(1, child(3), session, 2);
    plane.receiveGtpu(0, down.slice(), UPF);
    plane.removeChildSa(3);
    plane.receiveGtpu(0, down.slice(), UPF);
    expect(sent.map(({ childSaId }) => childSaId)).toEqual([3, 2]);
  });
});

describe('what the kernel opened', () => {
  it('goes up by the session of its Child SA', () => {
    const { plane, up, drops } = attached();
    plane.receiveInner(0, 2, encodeIp(inner, UP, IP_PROTOCOL.GRE, encodeGre(5, user)));
    expect(drops).toEqual([]);
    expect(up).toHaveLength(1);
  });

  it('[TS24502 8.3.2] is dropped by cause: unknown Child SA, spoofed source, unknown flow, no GRE', () => {
    const { plane, drops } = attached();
    const other = requireAddress('10.99.1.2');
    plane.receiveInner(0, 9, encodeIp(inner, UP, IP_PROTOCOL.GRE, encodeGre(5, user)));
    plane.receiveInner(0, 2, encodeIp(other, UP, IP_PROTOCOL.GRE, encodeGre(5, user)));
    plane.receiveInner(0, 2, encodeIp(inner, UP, IP_PROTOCOL.GRE, encodeGre(6, user)));
    plane.receiveInner(0, 2, encodeIp(inner, UP, IP_PROTOCOL.GRE, new Uint8Array(2)));
    plane.receiveInner(0, 2, new Uint8Array(7));
    expect(drops).toEqual(['unknownSpi', 'spoofedSource', 'unknownFlow', 'malformedGre', 'malformedInner']);
  });

  it('is not ESP: an ESP packet that comes up all the same is of no SPI that is known here', () => {
    const { plane, drops } = attached();
    plane.receiveEsp(0, Uint8Array.of(0, 0, 0x10, 1, 0, 0, 0, 1, 9, 9), UPF, UPF);
    expect(drops).toEqual(['unknownSpi']);
  });

  it('a Child SA that the kernel refuses is told by an exception, which ends the UE', () => {
    const { plane } = kernelPlane(true);
    plane.addUe(1, '10.99.1.1');
    expect(() => plane.installChildSa(1, child(1), { kind: 'signalling' })).toThrow('no memory');
    expect(plane.report(1)?.childSas).toEqual([]);
  });
});
