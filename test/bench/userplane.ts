import { createCipheriv, createSecretKey, randomFillSync } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { ChildSa } from '#ikev2';
import { encodeGpdu } from '../../n3iwf/n3/gtpu.ts';
import { encodeGre } from '../../n3iwf/nwu/gre.ts';
import { EspSender } from '../../n3iwf/userplane/esp.ts';
import { encodeIp, IP_PROTOCOL } from '../../n3iwf/userplane/ip.ts';
import { UserspacePlane } from '../../n3iwf/userplane/plane.ts';

const SIZE = 1300;
const NODE = { address: '192.0.2.1', port: 4500 };
const UE = { address: '203.0.113.7', port: 4500 };
const UPF = { address: '198.51.100.9', port: 2152 };
const suite = { encr: 'aes256-gcm16', integ: 'none', esn: false } as const;
const key = { encr: new Uint8Array(36).fill(7), integ: new Uint8Array(0) };
const random = (length: number) => randomFillSync(new Uint8Array(length));

/** One measured direction; `ratioToGcm` is its time over that of bare AES-256-GCM on the same octets in the same run. */
export interface UserplaneRow {
  readonly name: string;
  readonly medianUs: number;
  readonly perSecond: number;
  readonly ratioToGcm: number;
}

function attachedPlane(): UserspacePlane {
  const plane = new UserspacePlane(
    { nasAddress: '10.99.0.1', nasPort: 20000, upAddress: '10.99.0.2', n3Address: '198.51.100.1' },
    {
      random,
      sendEsp: () => {},
      sendGtpu: () => {},
      nasOpened: () => {},
      nasReceived: () => {},
      nasClosed: () => {},
      dropped: (cause) => {
        throw new Error(`the benchmark's packet was dropped: ${cause}`);
      },
    },
  );
  plane.addUe(1, '10.99.1.1');
  plane.addPduSession(1, {
    pduSessionId: 1,
    ulTunnel: { address: UPF.address, teid: 1 },
    dlTeid: 2,
    qfis: [9],
  });
  const child: ChildSa = {
    id: 1,
    ikeSaId: 1,
    spiIn: 0x1001,
    spiOut: 0x2001,
    suite,
    suiteName: 'ENCR_AES_GCM_16_256',
    keysIn: key,
    keysOut: key,
    trafficSelectorsLocal: [],
    trafficSelectorsRemote: [],
    udpEncapsulation: true,
    local: NODE,
    remote: UE,
  };
  plane.installChildSa(1, child, { kind: 'pduSession', pduSessionId: 1, qfis: [9], isDefault: true });
  return plane;
}

/** µs per packet. Uplink packets are sealed before the clock starts: each can be received once only. */
function measureUplink(plane: UserspacePlane, sender: EspSender, count: number): number {
  const gre = encodeGre(9, new Uint8Array(SIZE).fill(0x45));
  const inner = encodeIp(Uint8Array.of(10, 99, 1, 1), Uint8Array.of(10, 99, 0, 2), IP_PROTOCOL.GRE, gre);
  const packets = Array.from({ length: count }, () => sender.seal(IP_PROTOCOL.IPV4, inner) as Uint8Array);
  const start = performance.now();
  for (const packet of packets) plane.receiveEsp(0, packet, NODE, UE);
  return ((performance.now() - start) * 1000) / count;
}

function measureDownlink(plane: UserspacePlane, count: number): number {
  const datagram = encodeGpdu(
    2,
    { direction: 'downlink', qfi: 9, rqi: false },
    new Uint8Array(SIZE).fill(0x45),
  );
  const start = performance.now();
  for (let i = 0; i < count; i++) plane.receiveGtpu(0, datagram, UPF);
  return ((performance.now() - start) * 1000) / count;
}

/** One cipher, one update, one tag. The key is prepared once: raw octets as key nearly treble the time and would flatter us. */
function measureGcm(count: number): number {
  const octets = new Uint8Array(SIZE).fill(0x45);
  const secret = createSecretKey(key.encr.subarray(0, 32));
  const iv = new Uint8Array(12);
  const start = performance.now();
  for (let i = 0; i < count; i++) {
    const cipher = createCipheriv('aes-256-gcm', secret, iv);
    cipher.update(octets);
    cipher.final();
    cipher.getAuthTag();
  }
  return ((performance.now() - start) * 1000) / count;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

/**
 * CPU per packet of 1300 octets through the plane: ESP to GTP-U and GTP-U to ESP with AES-256-GCM, without sockets,
 * next to bare AES-256-GCM of the same size.
 */
export function run(options: { runs?: number; packets?: number } = {}): UserplaneRow[] {
  const { runs = 5, packets = 20_000 } = options;
  const plane = attachedPlane();
  const sender = new EspSender(0x1001, suite, key, random);
  const measureOnce = () => ({
    gcm: measureGcm(packets),
    uplink: measureUplink(plane, sender, packets),
    downlink: measureDownlink(plane, packets),
  });
  measureOnce();
  const measured = Array.from({ length: runs }, measureOnce);
  const row = (name: string, pick: (one: (typeof measured)[number]) => number): UserplaneRow => {
    const medianUs = median(measured.map(pick));
    const ratioToGcm = median(measured.map((one) => pick(one) / one.gcm));
    return { name, medianUs, perSecond: Math.round(1e6 / medianUs), ratioToGcm };
  };
  return [
    row('bare AES-256-GCM', ({ gcm }) => gcm),
    row('uplink ESP to GTP-U', ({ uplink }) => uplink),
    row('downlink GTP-U to ESP', ({ downlink }) => downlink),
  ];
}
