import { describe, expect, it } from 'vitest';
import { encodeTransfer } from '#ngap';
import { encodeIcmpEcho } from '../../../n3iwf/userplane/icmp.ts';
import { encodeIp, IP_PROTOCOL } from '../../../n3iwf/userplane/ip.ts';
import { type CoreUe, N3iwfSide } from './n3iwf-side.ts';

const target = Uint8Array.of(198, 51, 100, 1);

function pings(n3iwf: N3iwfSide, teid: number, from: Uint8Array): boolean {
  const before = n3iwf.packets.length;
  const echo = encodeIcmpEcho({ kind: 'request', identifier: 1, sequence: 1, data: new Uint8Array(8) });
  n3iwf.uplinkPacket(teid, encodeIp(from, target, IP_PROTOCOL.ICMP, echo));
  return n3iwf.packets.slice(before).some((packet) => packet[9] === IP_PROTOCOL.ICMP);
}

function released(n3iwf: N3iwfSide, ue: CoreUe, pduSessionId: number): void {
  const transfer = encodeTransfer('PDUSessionResourceReleaseResponseTransfer', {});
  const list = [{ pduSessionId, pduSessionResourceReleaseResponseTransfer: transfer }];
  const ies = { ...n3iwf.ids(ue), pduSessionResourceReleasedListRelRes: list };
  n3iwf.send({ message: 'PDUSessionResourceReleaseResponse', ies });
}

describe('sessions of the simulated SMF', () => {
  it('gives an address to one session at a time and takes it back in the end', () => {
    const n3iwf = new N3iwfSide();
    const ue = n3iwf.registered();
    for (let id = 1; id <= 15; id++) n3iwf.openSession(ue, id);
    const addresses = new Set(
      ue.sessionMessages.map((m) => (m.message === 'PduSessionEstablishmentAccept' ? m.address?.[4] : 0)),
    );
    expect([...addresses]).toEqual(Array.from({ length: 15 }, (_, at) => at + 1));
    for (let round = 0; round < 300; round++) {
      released(n3iwf, ue, 15);
      n3iwf.openSession(ue, 15);
      const host = n3iwf.addressOf(ue)[3];
      expect(host).toBeGreaterThan(0);
      expect(host).toBeLessThan(255);
      const [, , third] = n3iwf.addressOf(ue);
      expect(third === 0 && (host ?? 0) < 15).toBe(false);
    }
  });

  it('goes on in the next /24 after 254 addresses', () => {
    const n3iwf = new N3iwfSide();
    const ues = Array.from({ length: 17 }, (_, index) => n3iwf.registered(index));
    for (const ue of ues) for (let id = 1; id <= 15; id++) n3iwf.openSession(ue, id);
    expect([...n3iwf.addressOf(ues.at(-1) as CoreUe)]).toEqual([10, 60, 1, 1]);
  });

  it('[TS24501 9.11.4.2] refuses with cause 26 when no address is left, and serves again when one is', () => {
    const n3iwf = new N3iwfSide({ sessionPrefix: [10, 60, 255] });
    const ues = Array.from({ length: 17 }, (_, index) => n3iwf.registered(index));
    const all = ues.flatMap((ue) => Array.from({ length: 15 }, (_, at) => ({ ue, id: at + 1 })));
    for (const { ue, id } of all.slice(0, 254)) n3iwf.openSession(ue, id);
    const last = ues.at(-1) as CoreUe;
    expect(n3iwf.addressOf(last)[3]).toBe(254);
    n3iwf.openSession(last, 15);
    expect(last.sessionMessages.at(-1)).toMatchObject({
      message: 'PduSessionEstablishmentReject',
      pduSessionId: 15,
      cause: 26,
    });
    const first = ues[0] as CoreUe;
    released(n3iwf, first, 1);
    n3iwf.openSession(last, 15);
    expect(n3iwf.addressOf(last)[3]).toBe(1);
  });

  it('puts a session with an ID that is taken in place of the older one, its tunnel included', () => {
    const n3iwf = new N3iwfSide();
    const ue = n3iwf.registered();
    n3iwf.openSession(ue, 1);
    const older = n3iwf.addressOf(ue);
    expect(pings(n3iwf, 1, older)).toBe(true);
    n3iwf.openSession(ue, 1);
    expect(pings(n3iwf, 1, older)).toBe(false);
    expect(pings(n3iwf, 2, n3iwf.addressOf(ue))).toBe(true);
  });
});

describe('sessions that the simulated SMF refuses or loses', () => {
  it('refuses sessions when it is told to', () => {
    const n3iwf = new N3iwfSide({ refuse: 'pduSession' });
    const ue = n3iwf.registered();
    n3iwf.openSession(ue, 1);
    expect(ue.sessionMessages).toMatchObject([{ message: 'PduSessionEstablishmentReject', cause: 26 }]);
  });

  it('frees the sessions of a UE that is gone', () => {
    const n3iwf = new N3iwfSide();
    const ue = n3iwf.registered();
    n3iwf.openSession(ue, 1);
    n3iwf.core.amf.clear();
    expect(pings(n3iwf, 1, n3iwf.addressOf(ue))).toBe(false);
  });
});
