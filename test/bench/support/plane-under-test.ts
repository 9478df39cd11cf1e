import { randomFillSync } from 'node:crypto';
import type { ChildSa } from '#ikev2';
import { nativeCipherFactory } from '../../../n3iwf/io/native-cipher.ts';
import { type PlanePorts, UserspacePlane } from '../../../n3iwf/userplane/plane.ts';

/** What the benchmark's peers are called; the ports are replaced where there are sockets. */
export const NODE = { address: '127.0.0.1', port: 0 };
export const suite = { encr: 'aes256-gcm16', integ: 'none', esn: false } as const;
export const keys = { encr: new Uint8Array(36).fill(7), integ: new Uint8Array(0) };
export const random = (length: number): Uint8Array => randomFillSync(new Uint8Array(length));
export const spiIn = 0x1001;
export const qfi = 9;
export const teids = { down: 2, up: 1 } as const;

const createCipher = nativeCipherFactory();

/** A maker of ciphers as the product has it on this machine, for senders and receivers outside of the plane. */
export const cipherFactory = createCipher;

/** A plane with one UE, one session and one Child SA with AES-256-GCM; a dropped packet ends the benchmark. */
export function planeUnderTest(
  ports: Pick<PlanePorts, 'sendEsp' | 'sendGtpu'>,
  ue = { address: '127.0.0.1', port: 0 },
  upf = '127.0.0.1',
): UserspacePlane {
  const plane = new UserspacePlane(
    {
      nasAddress: '10.99.0.1',
      nasPort: 20000,
      upAddress: '10.99.0.2',
      n3Address: '127.0.0.1',
      nwuMtu: 1500,
      n3Mtu: 1500,
      clampMss: true,
    },
    {
      random,
      ...ports,
      nasOpened: () => {},
      nasReceived: () => {},
      nasClosed: () => {},
      dropped: (cause) => {
        throw new Error(`the benchmark's packet was dropped: ${cause}`);
      },
      ...(createCipher === undefined ? {} : { createCipher }),
    },
  );
  plane.addUe(1, '10.99.1.1');
  const ulTunnel = { address: upf, teid: teids.up };
  plane.addPduSession(1, { pduSessionId: 1, ulTunnel, dlTeid: teids.down, qfis: [qfi], type: 'ipv4' });
  const child: ChildSa = {
    id: 1,
    ikeSaId: 1,
    spiIn,
    spiOut: 0x2001,
    suite,
    suiteName: 'ENCR_AES_GCM_16_256',
    keysIn: keys,
    keysOut: keys,
    trafficSelectorsLocal: [],
    trafficSelectorsRemote: [],
    udpEncapsulation: true,
    local: NODE,
    remote: ue,
  };
  plane.installChildSa(1, child, { kind: 'pduSession', pduSessionId: 1, qfis: [qfi], isDefault: true });
  return plane;
}
