import { encodeIcmpEcho } from '../../../n3iwf/userplane/icmp.ts';
import { encodeIp, IP_PROTOCOL } from '../../../n3iwf/userplane/ip.ts';
import { FakeUe, type Node, UPF } from './fake-ue.ts';

/** Hexadecimal digits. */
export const hexOf = (data: Uint8Array | undefined) => Buffer.from(data ?? []).toString('hex');
export const empty = new Uint8Array(0);
export const signalling = { kind: 'signalling' } as const;
export const userData = (qfis: readonly number[], isDefault = true, pduSessionId = 1) =>
  ({ kind: 'pduSession', pduSessionId, qfis, isDefault }) as const;
export const down = (qfi: number, rqi = false) => ({ direction: 'downlink', qfi, rqi }) as const;

/** A UE with PDU session 1: TEID 0x500 + id up, 0x600 + id down, flows 5 and 9. */
export function attached(node: Node, id: number) {
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

/** An echo between two addresses in dotted text. */
export function ping(source: string, destination: string, kind: 'request' | 'reply' = 'request') {
  const octets = (text: string) => Uint8Array.from(text.split('.'), Number);
  const echo = encodeIcmpEcho({ kind, identifier: 7, sequence: 1, data: Uint8Array.of(1, 2, 3) });
  return encodeIp(octets(source), octets(destination), IP_PROTOCOL.ICMP, echo);
}
