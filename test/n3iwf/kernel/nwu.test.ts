import { describe, expect, it } from 'vitest';
import type { ChildSa } from '#ikev2';
import { KernelNwu, type KernelNwuOptions } from '../../../n3iwf/kernel/nwu.ts';
import { ERRNO } from '../../../n3iwf/kernel/ports.ts';
import { wide } from '../../../n3iwf/kernel/states.ts';
import { XFRM_POLICY, type XfrmMessage } from '../../../n3iwf/kernel/xfrm.ts';
import { requireAddress } from '../../../n3iwf/userplane/address.ts';
import { FakeKernel, messageOf } from './fake-kernel.ts';

const base = 0x4e000000;
const local = { address: '192.0.2.1', port: 4500 };
const remote = { address: '203.0.113.7', port: 40_000 };
const innerOf = (ueId: number) => requireAddress(`10.45.0.${ueId + 1}`);
const signalling = { kind: 'signalling' } as const;
const session = { kind: 'pduSession', pduSessionId: 1, qfis: [1], isDefault: true } as const;

function child(id: number, more: Partial<ChildSa> = {}): ChildSa {
  const keys = (fill: number) => ({ encr: new Uint8Array(36).fill(fill), integ: new Uint8Array(0) });
  return {
    id,
    ikeSaId: 1,
    spiIn: 0x1000 + id,
    spiOut: 0x2000 + id,
    suite: { encr: 'aes256-gcm16', integ: 'none', esn: false },
    suiteName: 'ENCR_AES_GCM_16_256',
    keysIn: keys(id),
    keysOut: keys(id + 100),
    trafficSelectorsLocal: [],
    trafficSelectorsRemote: [],
    udpEncapsulation: true,
    local,
    remote,
    ...more,
  };
}

/** The kernel side on a kernel in memory, with UE 1 known; what it tells is written down. */
function side(options: Partial<KernelNwuOptions> = {}) {
  const kernel = new FakeKernel();
  const told: string[] = [];
  const sent: number[] = [];
  let drained = () => {};
  const nwu = new KernelNwu(
    {
      window: 1024,
      limits: { softPackets: 1000, hardPackets: 2000 },
      ifId: 0,
      nasPort: 20_000,
      own: new Map([[4, requireAddress('10.45.0.1')]]),
      markBase: base,
      ...options,
    },
    {
      xfrm: kernel,
      nas: { send: (ueId) => told.push(`nas ${ueId}`), remove: (ueId) => told.push(`no nas ${ueId}`) },
      sendPacket: (_packet, mark) => sent.push(mark) > 0,
      drain: () => drained(),
    },
    {
      limitReached: (ueId) => told.push(`limit ${ueId}`),
      stateMissing: (ueId, childSaId) => told.push(`missing ${ueId} ${childSaId}`),
      dropped: (cause, ueId, count) => told.push(`${cause} ${ueId} ${count}`),
      log: (_fields, message) => told.push(message),
    },
  );
  nwu.addUe(1, innerOf(1));
  const open = (id: number, use: typeof signalling | typeof session = session, more: Partial<ChildSa> = {}) =>
    nwu.open(1, innerOf(1), child(id, more), use);
  const rekey = (
    old: number,
    id: number,
    use: typeof signalling | typeof session = session,
    more: Partial<ChildSa> = {},
  ) => nwu.open(1, innerOf(1), child(id, more), use, old);
  const spis = () => [...kernel.states.values()].map(({ body }) => body.id.spi.toString(16)).sort();
  const policies = () =>
    [...kernel.policies.values()].map(({ body, attributes: { mark, templates } }) => {
      const direction = body.dir === XFRM_POLICY.OUT ? 'out' : 'in';
      const number = mark === undefined ? '' : ` ${mark.value - base}`;
      return `${direction} ${body.sel.proto}${number} ${templates?.[0]?.id.spi.toString(16)}`;
    });
  const onDrain = (action: () => void) => {
    drained = action;
  };
  return { kernel, nwu, told, sent, open, rekey, spis, policies, onDrain };
}

describe('Child SAs in the kernel', () => {
  it('are two states and a policy by mark, besides what lets the UE in; all of it goes again', () => {
    const { nwu, kernel, open, spis, policies } = side();
    open(1, signalling);
    open(2);
    expect(spis()).toEqual(['1001', '1002', '2001', '2002']);
    expect(policies()).toEqual(['in 0 0', 'out 6 2001', 'out 47 2 2002']);
    nwu.close(2);
    nwu.close(1);
    nwu.removeUe(1);
    expect([spis(), policies()]).toEqual([[], []]);
    expect(kernel.asked.slice(-7)).toEqual([
      'delPolicy',
      'delSa',
      'delSa',
      'delPolicy',
      'delSa',
      'delSa',
      'delPolicy',
    ]);
  });

  it('[RFC7296 2.8] the inbound state is there before the outbound one, and that before its policy', () => {
    const { kernel, open } = side();
    open(1);
    expect(kernel.asked).toEqual(['updPolicy', 'newSa', 'newSa', 'updPolicy']);
    expect([...kernel.states.values()].map(({ body }) => body.id.spi)).toEqual([0x1001, 0x2001]);
  });

  it('have selectors of the two inner addresses, a mark, a window and limits', () => {
    const { kernel, open } = side();
    open(1);
    const [inbound, outbound] = [...kernel.states.values()];
    expect(inbound?.body).toMatchObject({
      reqid: base + 1,
      mode: 1,
      family: 2,
      flags: 0,
      saddr: wide(requireAddress(remote.address)),
      sel: { saddr: wide(innerOf(1)), daddr: wide(requireAddress('10.45.0.1')), prefixlenS: 32, family: 2 },
      lft: { softPacketLimit: 1000n, hardPacketLimit: 2000n },
    });
    expect(inbound?.attributes).toMatchObject({
      encap: { encapType: 2, sport: 40_000, dport: 4500 },
      replayEsn: { replayWindow: 1024, bmpLen: 32 },
      setMark: { value: base + 1 },
    });
    expect(inbound?.attributes.mark).toBeUndefined();
    expect(outbound?.attributes).toMatchObject({
      encap: { sport: 4500, dport: 40_000 },
      mark: { value: base + 1, mask: 0xffffffff },
    });
  });

  it('[RFC4106 8.1] AES-GCM takes key and salt in one; AES-CBC takes an HMAC beside it', () => {
    const { kernel, open } = side();
    open(1);
    const keys = { encr: new Uint8Array(32).fill(7), integ: new Uint8Array(32).fill(8) };
    const suite = { encr: 'aes256-cbc', integ: 'hmac-sha2-256-128', esn: true } as const;
    open(2, session, { suite, keysIn: keys, keysOut: keys });
    const [gcm, , cbc] = [...kernel.states.values()];
    expect(gcm?.attributes.algAead).toMatchObject({ name: 'rfc4106(gcm(aes))', keyBits: 288, icvBits: 128 });
    expect(cbc?.attributes.algCrypt).toMatchObject({ name: 'cbc(aes)', keyBits: 256, tail: keys.encr });
    expect(cbc?.attributes.algAuthTrunc).toMatchObject({
      name: 'hmac(sha256)',
      keyBits: 256,
      truncBits: 128,
      tail: keys.integ,
    });
    expect(cbc?.body.flags).toBe(128);
  });

  it('without UDP have no encapsulation, and with an XFRM interface its number everywhere', () => {
    const { kernel, open } = side({ ifId: 77 });
    open(1, session, { udpEncapsulation: false });
    for (const { attributes } of kernel.states.values()) {
      expect(attributes.encap).toBeUndefined();
      expect(attributes.ifId?.value).toBe(77);
    }
    expect([...kernel.policies.values()].map(({ attributes }) => attributes.ifId?.value)).toEqual([77, 77]);
  });

  it('two UEs behind one address may have chosen the same SPI', () => {
    const { nwu, open, spis } = side();
    nwu.addUe(2, innerOf(2));
    open(1, session, { spiOut: 0x2 });
    nwu.open(2, innerOf(2), child(2, { spiOut: 0x2 }), session);
    expect(spis()).toEqual(['1001', '1002', '2', '2']);
  });
});

describe('a rekey', () => {
  const packet = new Uint8Array(40);

  it('[RFC7296 2.8] leaves the old states until they are closed, and sends by them', () => {
    const { nwu, open, rekey, spis, policies, sent } = side();
    open(1);
    rekey(1, 2);
    expect(spis()).toEqual(['1001', '1002', '2001', '2002']);
    nwu.send(2, packet);
    nwu.close(1);
    nwu.send(2, packet);
    expect(sent).toEqual([base + 1, base + 2]);
    expect([spis(), policies()]).toEqual([
      ['1002', '2002'],
      ['in 0 0', 'out 47 2 2002'],
    ]);
  });

  it('[RFC7296 2.8] that we began sends by the new states at once: the UE has answered', () => {
    const { nwu, open, rekey, sent, policies } = side();
    open(1);
    rekey(1, 2, session, { startedHere: true });
    nwu.send(2, packet);
    expect(sent).toEqual([base + 2]);
    open(3, signalling);
    rekey(3, 4, signalling, { startedHere: true });
    expect(policies().at(-1)).toBe('out 6 2004');
  });

  it('[RFC7296 2.8] sends by the new states as soon as the UE is heard by them', () => {
    const { nwu, open, rekey, sent } = side();
    open(1);
    rekey(1, 2);
    rekey(2, 3);
    nwu.send(3, packet);
    nwu.childOf(base + 2);
    nwu.send(3, packet);
    nwu.close(2);
    nwu.send(3, packet);
    expect(sent).toEqual([base + 1, base + 2, base + 3]);
  });

  it('moves NAS to the newer signalling SA when the older one goes, and not when the newer one does', () => {
    const { nwu, open, rekey, policies } = side();
    open(1, signalling);
    rekey(1, 2, signalling);
    expect(policies()).toEqual(['in 0 0', 'out 6 2001']);
    nwu.close(2);
    expect(policies()).toEqual(['in 0 0', 'out 6 2001']);
    rekey(1, 3, signalling);
    nwu.close(1);
    expect(policies()).toEqual(['in 0 0', 'out 6 2003']);
    nwu.close(3);
    expect(policies()).toEqual(['in 0 0']);
  });

  it('that the kernel refuses leaves NAS with the older signalling SA', () => {
    const { kernel, open, rekey, policies, spis } = side();
    open(1, signalling);
    kernel.refuse = ({ name }) => (name === 'newSa' ? ERRNO.EEXIST : 0);
    expect(() => rekey(1, 2, signalling)).toThrow('newSa');
    expect([policies(), spis()]).toEqual([
      ['in 0 0', 'out 6 2001'],
      ['1001', '2001'],
    ]);
  });
});

describe('a refusal of the kernel', () => {
  it.each([
    ['the inbound state', 'newSa', 0x1001],
    ['the outbound state', 'newSa', 0x2001],
  ] as const)('of %s leaves nothing behind and is told by an exception', (_what, name, spi) => {
    const { kernel, nwu, open, spis, policies } = side();
    kernel.refuse = (message) => (message.name === name && message.body.id.spi === spi ? ERRNO.EINVAL : 0);
    expect(() => open(1)).toThrow('newSa: refused by the test');
    expect(spis()).toEqual([]);
    nwu.removeUe(1);
    expect(policies()).toEqual([]);
    kernel.refuse = () => 0;
    nwu.addUe(1, innerOf(1));
    open(1);
    expect(policies()).toEqual(['in 0 0', 'out 47 2 2001']); // a number is not used twice in a row
  });

  it('of a removal is told, but not when it was gone already', () => {
    const { kernel, nwu, open, told } = side();
    open(1);
    kernel.states.clear();
    nwu.close(1);
    expect(told).toEqual([]);
    open(2);
    kernel.refuse = ({ name }) => (name === 'delSa' ? ERRNO.EPERM : 0);
    nwu.close(2);
    expect(told).toEqual(Array(2).fill('the kernel refused a change of its IPsec'));
  });

  it('a UE that is not known, or of a family without an address here, gets no Child SA', () => {
    const { nwu } = side();
    expect(() => nwu.open(9, innerOf(9), child(1), session)).toThrow('no number');
    nwu.addUe(3, new Uint8Array(16));
    expect(() => nwu.open(3, new Uint8Array(16), child(1), session)).toThrow('no number');
  });
});

describe('packets', () => {
  it('are sent with the mark of their Child SA and known by it', () => {
    const { nwu, open, sent } = side();
    open(1);
    open(2);
    expect([nwu.send(2, new Uint8Array(40)), nwu.send(9, new Uint8Array(40))]).toEqual([true, false]);
    expect(sent).toEqual([base + 2]);
    expect([base + 1, base + 2, base + 3].map((mark) => nwu.childOf(mark))).toEqual([1, 2, undefined]);
    nwu.close(1);
    expect(nwu.childOf(base + 1)).toBeUndefined();
  });

  it('that came before their Child SA is closed are still known, when its states are gone already', () => {
    const { nwu, open, kernel, onDrain } = side();
    open(1);
    const seen: unknown[] = [];
    onDrain(() => seen.push(kernel.states.size, nwu.childOf(base + 1)));
    nwu.close(1);
    expect(seen).toEqual([0, 1]);
  });

  it('NAS goes by UE, which is known by its inner address', () => {
    const { nwu, told } = side();
    const end = nwu.openNas({} as never);
    end.send(0, 1, new Uint8Array(1));
    end.remove(1);
    expect(told).toEqual(['nas 1', 'no nas 1']);
    expect([nwu.ueAt('10.45.0.2'), nwu.ueAt('10.45.0.3')]).toEqual([1, undefined]);
  });
});

type State = Extract<XfrmMessage, { name: 'newSa' }>;

/** The kernel's state of that SPI, its counters set. */
function counted(kernel: FakeKernel, spi: number, change: (state: State) => Partial<State['body']>): State {
  for (const [key, state] of kernel.states) {
    if (state.body.id.spi !== spi) continue;
    const changed = { ...state, body: { ...state.body, ...change(state) } };
    kernel.states.set(key, changed);
    return changed;
  }
  throw new Error(`no state ${spi}`);
}

const used = (packets: bigint, bytes: bigint) => ({
  curlft: { packets, bytes, addTime: 0n, useTime: 0n },
});

describe('what the kernel tells', () => {
  it('counters are read every 10 s while there are Child SAs', () => {
    const { kernel, nwu, open } = side();
    const end = nwu.openNas({} as never);
    const { traffic } = open(1);
    counted(kernel, 0x1001, () => used(3n, 300n));
    counted(kernel, 0x2001, () => used(4n, 400n));
    end.tick(1000);
    expect(end.deadline()).toBe(11_000);
    end.tick(10_999);
    expect(traffic).toMatchObject({ packetsIn: 0 });
    end.tick(11_000);
    expect(traffic).toEqual({ packetsIn: 3, octetsIn: 300, packetsOut: 4, octetsOut: 400 });
    nwu.close(1);
    end.tick(21_000);
    expect(end.deadline()).toBeUndefined();
  });

  it('replays and failed ICVs are drops, each counted once', () => {
    const { kernel, nwu, open, told } = side();
    open(1);
    counted(kernel, 0x1001, () => ({ stats: { replayWindow: 1, replay: 2, integrityFailed: 5 } }));
    nwu.refresh();
    nwu.refresh();
    counted(kernel, 0x1001, () => ({ stats: { replayWindow: 1, replay: 3, integrityFailed: 5 } }));
    nwu.refresh();
    expect(told).toEqual(['replayed 1 3', 'integrity 1 5', 'replayed 1 1']);
  });

  it('a soft limit brings what was carried; a hard one takes the policy away as well', () => {
    const { kernel, nwu, open, told, policies } = side();
    const { traffic } = open(1);
    const state = counted(kernel, 0x2001, () => used(1000n, 9000n)).body;
    nwu.event(messageOf({ name: 'expire', body: { state, hard: 0 } }));
    expect([traffic?.packetsOut, policies()]).toEqual([1000, ['in 0 0', 'out 47 1 2001']]);
    nwu.event(messageOf({ name: 'expire', body: { state, hard: 1 } }));
    expect(policies()).toEqual(['in 0 0']);
    const words = 'a Child SA came to a limit';
    expect(told).toEqual([words, 'limit 1', words, 'limit 1']);
  });

  it('a state that somebody else deleted is told with its Child SA; those of others are not ours', () => {
    const { nwu, open, told } = side();
    open(1);
    const acquire = (reqid: number) =>
      messageOf({ name: 'acquire', body: {}, attributes: { templates: [{ reqid }] } });
    nwu.event(acquire(base + 1));
    nwu.event(acquire(5));
    nwu.event(messageOf({ name: 'acquire', body: {} }));
    nwu.event(messageOf({ name: 'expire', body: { state: { reqid: 5 } } }));
    expect(told).toEqual(['missing 1 1']);
  });

  it('messages that it does not know or cannot read do nothing', () => {
    const { nwu, told } = side();
    for (const type of [0x18, 0x26, 0x17, 0x99])
      nwu.event({ type, flags: 0, sequence: 0, port: 0, body: new Uint8Array(3) });
    expect(told).toEqual([]);
  });
});

describe('a UE that moves', () => {
  const elsewhere = { address: '203.0.113.99', port: 5000 };

  it('[RFC3947 8] by a NAT that forgot its mapping: all its states follow, ahead of what they had sent', () => {
    const { kernel, nwu, open } = side();
    open(1, signalling);
    open(2);
    for (const [key, state] of kernel.states) {
      const replayEsn = {
        ...state.attributes.replayEsn,
        oseq: 10,
        seq: 20,
        tail: new Uint8Array(128).fill(3),
      };
      const changed = {
        body: { ...state.body, ...used(8n, 800n) },
        attributes: { ...state.attributes, replayEsn },
      };
      kernel.states.set(key, { ...state, ...changed } as State);
    }
    const mapping = {
      reqid: base + 2,
      newSaddr: wide(requireAddress(elsewhere.address)),
      newSport: elsewhere.port,
    };
    nwu.event(messageOf({ name: 'mapping', body: mapping }));
    const seen = [...kernel.states.values()].map(({ body, attributes: { encap, replayEsn, lifetime } }) => ({
      packets: lifetime?.packets,
      spi: body.id.spi,
      at: [body.saddr, body.id.daddr].some((one) => Buffer.compare(one, mapping.newSaddr) === 0),
      ports: [encap?.sport, encap?.dport].includes(5000),
      seq: replayEsn?.seq,
      oseq: replayEsn?.oseq,
    }));
    const moved = { packets: 8n, at: true, ports: true, seq: 20 };
    expect(seen).toEqual([
      { spi: 0x1001, ...moved, oseq: 10 },
      { spi: 0x2001, ...moved, oseq: 10 + 4096 },
      { spi: 0x1002, ...moved, oseq: 10 },
      { spi: 0x2002, ...moved, oseq: 10 + 4096 },
    ]);
  });

  it('[RFC4555 3.5] by MOBIKE: policies follow, Child SAs to come as well, and the same word twice does nothing', () => {
    const { kernel, nwu, open } = side();
    open(1);
    const path = { local, remote: elsewhere, udpEncapsulation: true };
    nwu.moveUe(1, path);
    const asked = kernel.asked.length;
    nwu.moveUe(1, { ...path });
    expect(kernel.asked).toHaveLength(asked);
    const out = [...kernel.policies.values()].find(({ body }) => body.dir === XFRM_POLICY.OUT);
    expect(out?.attributes.templates?.[0]?.id.daddr).toEqual(wide(requireAddress(elsewhere.address)));
    open(2);
    expect([...kernel.states.values()].at(-1)?.body.id.daddr).toEqual(
      wide(requireAddress(elsewhere.address)),
    );
    nwu.close(1);
    nwu.close(2);
    expect(kernel.states.size).toBe(0);
  });

  it('[RFC4555 3.5] by MOBIKE to behind a NAT and from behind it: inside UDP and outside, with all counted on', () => {
    const { kernel, nwu, open } = side();
    open(1, session, { udpEncapsulation: false });
    const ports = () =>
      [...kernel.states.values()].map(({ attributes: { encap } }) => [encap?.sport, encap?.dport]);
    expect(ports()).toEqual([
      [undefined, undefined],
      [undefined, undefined],
    ]);
    nwu.moveUe(1, { local, remote: elsewhere, udpEncapsulation: true });
    expect(ports()).toEqual([
      [5000, 4500],
      [4500, 5000],
    ]);
    const other = { address: '192.0.2.99', port: 4500 };
    nwu.moveUe(1, { local: other, remote: elsewhere, udpEncapsulation: false });
    expect(ports()[0]).toEqual([undefined, undefined]);
    const ends = [...kernel.states.values()].map(({ body }) => [body.saddr, body.id.daddr]);
    const [from, to] = [other, elsewhere].map(({ address }) => wide(requireAddress(address)));
    expect(ends).toEqual([
      [to, from],
      [from, to],
    ]);
    nwu.close(1);
    expect([kernel.states.size, kernel.policies.size]).toEqual([0, 1]);
  });
});
