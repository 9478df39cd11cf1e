/** What the node that is measured and the peer that measures it have agreed upon. */
import { randomFillSync } from 'node:crypto';
import type { ChildSa } from '#ikev2';
import type { PlaneSession } from '../../n3iwf/userplane/plane.ts';

export const random = (length: number): Uint8Array => randomFillSync(new Uint8Array(length));

/** Outer addresses, and inner ones. */
export const path = { node: '192.0.2.1', peer: '192.0.2.2' } as const;
export const inner = { node: '10.45.0.1', ue: '10.45.0.2' } as const;
export const nat = { address: path.node, port: 4500 } as const;
export const upf = { address: path.peer, port: 2152 } as const;

const suite = { encr: 'aes256-gcm16', integ: 'none', esn: false } as const;
const keys = { encr: new Uint8Array(36).fill(7), integ: new Uint8Array(0) };
const child: ChildSa = {
  ...{ id: 1, ikeSaId: 1, spiIn: 0x1001, spiOut: 0x2001, suite, suiteName: '' },
  ...{ keysIn: keys, keysOut: keys, trafficSelectorsLocal: [], trafficSelectorsRemote: [] },
  ...{ udpEncapsulation: true, local: nat, remote: { address: path.peer, port: 4500 } },
};
const pdu: PlaneSession = {
  ...{ pduSessionId: 1, ulTunnel: { address: path.peer, teid: 1 }, dlTeid: 2, qfis: [9], type: 'ipv4' },
};

/** The one session and its Child SA. */
export const session = { child, pdu, qfi: 9 } as const;
