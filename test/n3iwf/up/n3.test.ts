import { describe, expect, it } from 'vitest';
import { N3Addresses } from '../../../n3iwf/n3/addresses.ts';
import {
  decodeGtpu,
  encodeEchoResponse,
  encodeErrorIndication,
  encodeGpdu,
  encodeGtpu,
  GTPU_TYPE,
} from '../../../n3iwf/n3/gtpu.ts';
import { defaultPathTimers, PathSupervisor } from '../../../n3iwf/n3/paths.ts';
import { encodeGre } from '../../../n3iwf/nwu/gre.ts';
import { requireAddress } from '../../../n3iwf/userplane/address.ts';
import { IP_PROTOCOL } from '../../../n3iwf/userplane/ip.ts';
import { FakeUe, Node, UP, UPF } from './fake-ue.ts';

const empty = new Uint8Array(0);
const down = { direction: 'downlink', qfi: 5, rqi: false } as const;
const timers = { intervalMs: 60_000, responseMs: 3_000, tries: 3 };

function supervised(giveUpMs?: number) {
  const log: string[] = [];
  const paths = new PathSupervisor(
    { ...timers, ...(giveUpMs === undefined ? {} : { giveUpMs }) },
    {
      sendEcho: (address, sequence) => log.push(`${address} ${sequence}`),
      changed: (address, state) => log.push(`${address} ${state}`),
      lost: (address) => log.push(`${address} lost`),
    },
  );
  const run = (until: number) => {
    for (let at = paths.deadline(); at !== undefined && at <= until; at = paths.deadline()) paths.tick(at);
  };
  return { log, paths, run };
}

describe('supervision of paths', () => {
  it('[TS29281 7.2.1] one request a minute and path, however many tunnels, while there is one', () => {
    const { log, paths, run } = supervised();
    expect(defaultPathTimers.intervalMs).toBeGreaterThanOrEqual(60_000);
    expect(paths.deadline()).toBeUndefined();
    paths.use('a');
    paths.use('a');
    run(59_999);
    expect(log).toEqual([]);
    run(60_000);
    paths.answered(60_500, 'a', 1);
    run(120_499);
    expect(log).toEqual(['a 1']);
    run(120_500);
    expect(log).toEqual(['a 1', 'a 2']);
    paths.release('a');
    expect(paths.deadline()).toBeDefined();
    paths.release('a');
    paths.release('a');
    expect(paths.deadline()).toBeUndefined();
    paths.answered(1, 'a', 2);
    expect(paths.isUp('a')).toBe(true);
  });

  it('[TS29281 7.2.1] three requests without answer take the path down, the next answer up again', () => {
    const { log, paths, run } = supervised();
    paths.use('a');
    run(60_000 + 9_000);
    expect(log).toEqual(['a 1', 'a 1', 'a 1', 'a down']);
    expect(paths.isUp('a')).toBe(false);
    run(69_000 + 60_000 + 9_000);
    expect(log.slice(4)).toEqual(['a 2', 'a 2', 'a 2']);
    run(69_000 + 120_000 + 9_000 + 3_000);
    paths.answered(204_000, 'a', 2);
    expect(paths.isUp('a')).toBe(false);
    paths.answered(204_000, 'a', 3);
    paths.answered(204_000, 'a', 3);
    expect(log.slice(7)).toEqual(['a 3', 'a 3', 'a up']);
    expect(paths.isUp('a')).toBe(true);
  });

  it('[TS29281 7.2.2] an answer between two requests keeps the path up', () => {
    const { log, paths, run } = supervised();
    paths.use('a');
    run(60_000 + 3_000);
    paths.answered(63_500, 'a', 1);
    run(63_500 + 59_999);
    expect(log).toEqual(['a 1', 'a 1']);
  });
});

describe('paths that are down', () => {
  it('[TS23527 5.2.2] are given up after their time, again and again as long as there are tunnels', () => {
    const { log, paths, run } = supervised(30_000);
    paths.use('a');
    run(69_000);
    expect(log.at(-1)).toBe('a down');
    run(69_000 + 29_999);
    expect(log).not.toContain('a lost');
    run(69_000 + 30_020);
    expect(log.filter((line) => line === 'a lost')).toHaveLength(3);
    paths.release('a');
    expect(log.at(-1)).toBe('a unused');
    expect(paths.deadline()).toBeUndefined();
  });

  it('[TS23527 5.2.2] that answer in time keep their tunnels', () => {
    const { log, paths, run } = supervised(70_000);
    paths.use('a');
    run(69_000 + 60_000);
    paths.answered(129_500, 'a', 2);
    run(129_500 + 59_999);
    expect(log.slice(4)).toEqual(['a 2', 'a up']);
    paths.release('a');
    expect(log.at(-1)).toBe('a up');
  });

  it('are kept for good where no time is set, or it is endless', () => {
    for (const time of [undefined, Number.POSITIVE_INFINITY]) {
      const { log, paths, run } = supervised(time);
      paths.use('a');
      run(10_000_000);
      expect(log).toContain('a down');
      expect(log).not.toContain('a lost');
    }
  });

  it('[TS23527 5.2.2] given up: every session there ends once, of fifty UEs in a turn, those elsewhere stay', () => {
    const node = new Node({ pathTimers: { ...timers, giveUpMs: 10_000 } });
    for (let id = 1; id <= 120; id++) {
      node.plane.addUe(id, `10.99.2.${id}`);
      const more = { pduSessionId: 1, qfis: [5] };
      node.plane.addPduSession(id, {
        ...more,
        ulTunnel: { address: UPF.address, teid: id },
        dlTeid: 1000 + id,
      });
    }
    const elsewhere = { address: '198.51.100.10', teid: 1 };
    node.plane.addPduSession(1, { pduSessionId: 2, ulTunnel: elsewhere, dlTeid: 2000, qfis: [5] });
    node.plane.addPduSession(1, {
      pduSessionId: 3,
      ulTunnel: { address: UPF.address, teid: 999 },
      dlTeid: 2001,
      qfis: [5],
    });
    const lost = () => node.n3Events.filter((event) => event.startsWith('lost'));
    const turns: number[] = [];
    for (let at = node.plane.deadline() ?? 0; at <= 80_000; at = node.plane.deadline() ?? 0) {
      const before = lost().length;
      node.plane.tick(at);
      node.plane.receiveGtpu(at, encodeEchoResponse(1), { address: elsewhere.address, port: 2152 });
      if (lost().length > before) turns.push(lost().length - before);
    }
    expect(turns).toEqual([50, 50, 20]);
    expect(lost()[0]).toBe('lost 1 1+3 silentPath');
    expect(new Set(lost()).size).toBe(120);
    expect(node.n3Events.at(-1)).toBe(`${UPF.address} unused`);
    expect(node.plane.report(1)?.sessions.map(({ pduSessionId }) => pduSessionId)).toEqual([2]);
  });

  it('stay down for a session whose tunnel moves within the same UPF', () => {
    const node = new Node({ pathTimers: timers });
    new FakeUe(node, 1);
    session(node, 1, UPF.address, 1);
    for (let at = 0; at <= 80_000; at = node.plane.deadline() ?? 0) node.plane.tick(at);
    expect(node.n3Events).toEqual([`${UPF.address} down`]);
    node.plane.updatePduSession(1, 1, { ulTunnel: { address: UPF.address, teid: 2 } });
    node.plane.updatePduSession(1, 1, { ulTunnel: { address: UPF.address, teid: 2 } });
    expect(node.n3Events).toHaveLength(1);
    node.plane.receiveGtpu(0, encodeErrorIndication(2, requireAddress(UPF.address)), UPF);
    expect(node.n3Events.at(-1)).toBe('lost 1 1 errorIndication');
    node.plane.updatePduSession(1, 1, { ulTunnel: { address: '198.51.100.10', teid: 2 } });
    expect(node.n3Events.at(-1)).toBe(`${UPF.address} unused`);
  });
});

describe('addresses on N3', () => {
  it('are chosen by the family of the peer and found by the one that was used', () => {
    const addresses = new N3Addresses('192.0.2.1', ['2001:DB8::1', '192.0.2.2']);
    expect(addresses.towards('198.51.100.1').text).toBe('192.0.2.1');
    expect(addresses.towards('2001:db8::9').text).toBe('2001:db8::1');
    expect(addresses.named('192.0.2.2').octets).toEqual(requireAddress('192.0.2.2'));
    expect(addresses.named('0.0.0.0').text).toBe('192.0.2.1');
    expect(new N3Addresses('192.0.2.1', []).towards('2001:db8::9').text).toBe('192.0.2.1');
    expect(() => new N3Addresses('192.0.2.1', ['nowhere'])).toThrow(RangeError);
  });
});

function session(node: Node, id: number, address: string, teid: number) {
  node.plane.addPduSession(1, {
    pduSessionId: id,
    ulTunnel: { address, teid },
    dlTeid: 0x100 + id,
    qfis: [5],
  });
}

describe('the node on N3', () => {
  it('sends to an IPv6 UPF from its own IPv6 address', () => {
    const node = new Node({ moreN3Addresses: ['2001:db8::1'] });
    const ue = new FakeUe(node, 1);
    session(node, 1, '2001:db8::9', 7);
    const data = ue.tunnel({ kind: 'pduSession', pduSessionId: 1, qfis: [5], isDefault: true });
    ue.sendInner(data, UP, IP_PROTOCOL.GRE, encodeGre(5, Uint8Array.of(1)));
    expect(node.gtpu[0]).toMatchObject({
      remote: { address: '2001:db8::9', port: 2152 },
      local: '2001:db8::1',
    });
    node.plane.updatePduSession(1, 1, { ulTunnel: { address: UPF.address, teid: 8 } });
    ue.sendInner(data, UP, IP_PROTOCOL.GRE, encodeGre(5, Uint8Array.of(1)));
    expect(node.gtpu[1]).toMatchObject({ remote: UPF, local: '198.51.100.1' });
  });

  it('[TS29281 4.4.2] [TS29281 7.3.1] answers from the address that was asked, and names it', () => {
    const node = new Node({ moreN3Addresses: ['2001:db8::1'] });
    const asker = { address: '2001:db8::9', port: 999 };
    node.plane.receiveGtpu(0, encodeGpdu(0xabcd, down, empty), asker, 0, '2001:db8::1');
    expect(node.gtpu[0]).toMatchObject({
      remote: { address: '2001:db8::9', port: 2152 },
      local: '2001:db8::1',
    });
    expect(Buffer.from(node.gtpu[0]?.datagram ?? []).toString('hex')).toMatch(/850010(20010db8)0{22}01$/);
    node.plane.receiveGtpu(0, encodeGtpu(GTPU_TYPE.ECHO_REQUEST, 0, 5, empty), asker, 0, '2001:db8::1');
    expect(node.gtpu[1]).toMatchObject({ remote: asker, local: '2001:db8::1' });
  });

  it('[TS29281 7.3.1] an error indication is believed from the UPF itself, for the tunnel that we use', () => {
    const node = new Node();
    new FakeUe(node, 1);
    session(node, 4, UPF.address, 0x777);
    const stranger = { address: '198.51.100.66', port: 2152 };
    const own = requireAddress(UPF.address);
    node.plane.receiveGtpu(0, encodeErrorIndication(0x777, own), stranger);
    node.plane.receiveGtpu(0, encodeErrorIndication(0x778, own), UPF);
    node.plane.receiveGtpu(0, encodeErrorIndication(0x777, requireAddress('198.51.100.66')), UPF);
    node.plane.receiveGtpu(0, encodeGtpu(GTPU_TYPE.ERROR_INDICATION, 0, 0, Uint8Array.of(16)), UPF);
    expect(node.n3Events).toEqual([]);
    expect(node.drops.map(([cause]) => cause)).toEqual([...Array(3).fill('unexpectedGtpu'), 'malformedGtpu']);
    node.plane.receiveGtpu(0, encodeErrorIndication(0x777, own), UPF);
    expect(node.n3Events).toEqual(['lost 1 4 errorIndication']);
    node.plane.removePduSession(1, 4);
    node.plane.receiveGtpu(0, encodeErrorIndication(0x777, own), UPF);
    expect(node.n3Events).toHaveLength(1);
  });

  it('[TS29281 7.3.1] answers strangers a hundred times in 100 ms at the most, whatever they ask, and drops and counts all', () => {
    const node = new Node();
    const stranger = { address: '198.51.100.66', port: 2152 };
    const unknown = (now: number) => node.plane.receiveGtpu(now, encodeGpdu(0xabcd, down, empty), stranger);
    const echo = (now: number) =>
      node.plane.receiveGtpu(now, encodeGtpu(GTPU_TYPE.ECHO_REQUEST, 0, 5, empty), stranger);
    for (let i = 0; i < 150; i++) unknown(1000);
    for (let i = 0; i < 50; i++) echo(1099);
    expect(node.gtpu).toHaveLength(100);
    expect(node.drops).toHaveLength(150);
    echo(1100);
    expect(node.gtpu).toHaveLength(101);
    // a clock that is set back does not silence the node
    echo(500);
    expect(node.gtpu).toHaveLength(102);
  });

  it('[TS38415 5.5] a packet down that says "up" is dropped, and so is one of a type that there is not', () => {
    const node = new Node();
    const ue = new FakeUe(node, 1);
    session(node, 4, UPF.address, 0x777);
    ue.tunnel({ kind: 'pduSession', pduSessionId: 4, qfis: [5], isDefault: true });
    const packet = (type: number) => {
      const octets = encodeGpdu(0x104, down, Uint8Array.of(1));
      octets[13] = type << 4;
      node.plane.receiveGtpu(0, octets, UPF);
    };
    for (let type = 1; type < 16; type++) packet(type);
    expect(node.drops).toEqual(Array(15).fill(['unexpectedGtpu', undefined]));
    expect(node.esp).toEqual([]);
    packet(0);
    expect(node.esp).toHaveLength(1);
  });

  it('[TS29281 7.3.2] end markers are counted for their session, and dropped for none', () => {
    const node = new Node();
    new FakeUe(node, 1);
    session(node, 4, UPF.address, 0x777);
    node.plane.receiveGtpu(0, encodeGtpu(GTPU_TYPE.END_MARKER, 0x104, undefined, empty), UPF);
    expect(node.plane.report(1)?.sessions[0]?.endMarkers).toBe(1);
    expect([node.drops, node.gtpu, node.esp]).toEqual([[], [], []]);
    node.plane.receiveGtpu(0, encodeGtpu(GTPU_TYPE.END_MARKER, 0x105, undefined, empty), UPF);
    expect(node.drops).toEqual([['unknownTeid', undefined]]);
  });

  it('[TS29281 5.2.1] an extension that must be comprehended is answered by the list of those that are', () => {
    const node = new Node();
    const octets = encodeGtpu(GTPU_TYPE.G_PDU, 0x601, 9, Uint8Array.of(1, 0, 0, 0, 0x45));
    octets[0] = 0x36;
    octets[11] = 0xc0;
    node.plane.receiveGtpu(0, octets, UPF);
    expect(decodeGtpu(node.gtpu[0]?.datagram ?? empty)).toMatchObject({ value: { type: 31, sequence: 9 } });
    expect(node.gtpu[0]?.remote).toEqual(UPF);
    node.plane.receiveGtpu(0, node.gtpu[0]?.datagram ?? empty, UPF);
    expect(node.gtpu).toHaveLength(1);
    expect(node.drops).toEqual([['unknownExtension', undefined]]);
  });

  it('[TS29281 7.2.1] watches the UPFs of its sessions by the clock', () => {
    const node = new Node({ pathTimers: timers });
    new FakeUe(node, 1);
    session(node, 1, UPF.address, 1);
    session(node, 2, UPF.address, 2);
    node.plane.tick(0);
    expect(node.plane.deadline()).toBe(60_000);
    node.plane.tick(60_000);
    expect(node.gtpu).toHaveLength(1);
    const request = decodeGtpu(node.gtpu[0]?.datagram ?? empty);
    expect(request).toMatchObject({ value: { type: GTPU_TYPE.ECHO_REQUEST, teid: 0, sequence: 1 } });
    expect(node.gtpu[0]).toMatchObject({ remote: UPF, local: '198.51.100.1' });
    node.plane.receiveGtpu(60_001, encodeEchoResponse(1), UPF);
    expect(node.plane.deadline()).toBe(120_001);
    for (let at = node.plane.deadline() ?? 0; at < 140_000; at = node.plane.deadline() ?? 0)
      node.plane.tick(at);
    expect(node.n3Events).toEqual([`${UPF.address} down`]);
    node.plane.removeUe(1);
    expect(node.plane.deadline()).toBeUndefined();
    expect(node.n3Events[1]).toBe(`${UPF.address} unused`);
  });
});
