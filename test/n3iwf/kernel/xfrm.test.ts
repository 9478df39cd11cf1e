import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sizeOf } from '../../../n3iwf/kernel/layout.ts';
import { decodeMessages, encodeMessage, type NetlinkMessage } from '../../../n3iwf/kernel/netlink.ts';
import {
  decodeXfrm,
  encodeXfrm,
  UDP_ENCAP_ESPINUDP,
  XFRM_ACTION,
  XFRM_INF,
  XFRM_POLICY,
  XFRM_STATE_FLAG,
  type XfrmAttributes,
  type XfrmMessage,
  type XfrmRequest,
  xfrmMessages,
  xfrmStructs,
} from '../../../n3iwf/kernel/xfrm.ts';

interface Vector {
  readonly command: string;
  readonly octets: string;
}

const file = new URL('../../vectors/netlink/iproute2.json', import.meta.url);
const { vectors } = JSON.parse(readFileSync(file, 'utf8')) as { vectors: Vector[] };

function only(octets: Uint8Array): NetlinkMessage {
  const decoded = decodeMessages(octets);
  if (!decoded.ok || decoded.value.length !== 1) throw new Error('not one message');
  return decoded.value[0] as NetlinkMessage;
}

/** What the command whose words begin so had `ip` send. */
function sent(words: string): { message: XfrmMessage; octets: Uint8Array } {
  const vector = vectors.find(({ command }) => command.startsWith(words));
  const octets = Uint8Array.from(Buffer.from(vector?.octets ?? '', 'hex'));
  const decoded = decodeXfrm(only(octets));
  if (!decoded.ok || decoded.value === undefined) throw new Error(words);
  return { message: decoded.value, octets };
}

const address = (text: string) => {
  const octets = new Uint8Array(16);
  octets.set(Uint8Array.from(text.split('.'), Number));
  return octets;
};
const hexOf = (octets: Uint8Array | undefined) => Buffer.from(octets ?? []).toString('hex');

describe('structs of linux/xfrm.h', () => {
  it('have the sizes that a C compiler gives them on 64-bit Linux', () => {
    const sizes = Object.fromEntries(
      Object.entries(xfrmStructs).map(([name, layout]) => [name, sizeOf(layout)]),
    );
    expect(sizes).toEqual({
      selector: 56,
      userSaInfo: 224,
      userSaId: 24,
      userPolicyInfo: 168,
      userPolicyId: 64,
      userExpire: 232,
      userAcquire: 280,
      userMapping: 64,
      template: 64,
      replayState: 24,
    });
  });
});

describe('what ip of iproute2 sends', () => {
  it('a state with AES-GCM in UDP, with limits and a replay window of 1024', () => {
    const { message } = sent('ip xfrm state add src 192.0.2.10 dst 198.51.100.7');
    expect(message.name).toBe('newSa');
    if (message.name !== 'newSa') return;
    const { body, attributes } = message;
    expect(body.id).toEqual({ daddr: address('198.51.100.7'), spi: 0x1001, proto: 50 });
    expect([body.saddr, body.sel.saddr, body.sel.daddr]).toEqual(
      ['192.0.2.10', '10.45.0.1', '10.45.0.2'].map(address),
    );
    expect([body.reqid, body.mode, body.family, body.flags]).toEqual([0x4e000001, 1, 2, 0]);
    expect(body.lft).toMatchObject({
      softPacketLimit: 1000n,
      hardPacketLimit: 2000n,
      softByteLimit: XFRM_INF,
    });
    expect(attributes.algAead).toMatchObject({ name: 'rfc4106(gcm(aes))', keyBits: 288, icvBits: 128 });
    expect(hexOf(attributes.algAead?.tail)).toMatch(/^010203.*a1a2a3a4$/);
    expect(attributes.encap).toMatchObject({ encapType: UDP_ENCAP_ESPINUDP, sport: 4500, dport: 40_000 });
    expect(attributes.replayEsn).toMatchObject({ bmpLen: 32, replayWindow: 1024 });
    expect(attributes.replayEsn?.tail).toHaveLength(0); // a fresh window needs no bitmap
  });

  it('a state with AES-CBC, HMAC, ESN, a mark for what comes out and an interface', () => {
    const { message } = sent('ip xfrm state add src 198.51.100.7');
    if (message.name !== 'newSa') throw new Error(message.name);
    const { body, attributes } = message;
    expect(body.flags).toBe(XFRM_STATE_FLAG.ESN);
    expect(attributes.algCrypt).toMatchObject({ name: 'cbc(aes)', keyBits: 256 });
    expect(attributes.algAuthTrunc).toMatchObject({ name: 'hmac(sha256)', keyBits: 256, truncBits: 128 });
    expect([attributes.setMark?.value, attributes.setMarkMask?.value, attributes.ifId?.value]).toEqual([
      0x4e000001, 0xffffffff, 7,
    ]);
  });

  it('a policy out with a mark and a template that names the state', () => {
    const { message } = sent('ip xfrm policy add src 10.45.0.1/32 dst 10.45.0.2/32 proto gre');
    if (message.name !== 'newPolicy') throw new Error(message.name);
    const { body, attributes } = message;
    expect([body.dir, body.action, body.priority]).toEqual([XFRM_POLICY.OUT, XFRM_ACTION.ALLOW, 20_000]);
    expect(body.sel).toMatchObject({ proto: 47, prefixlenS: 32, prefixlenD: 32, family: 2 });
    expect(attributes.mark).toEqual({ value: 0x4e000001, mask: 0xffffffff });
    expect(attributes.templates).toHaveLength(1);
    expect(attributes.templates?.[0]).toMatchObject({
      id: { daddr: address('198.51.100.7'), spi: 0x1001, proto: 50 },
      saddr: address('192.0.2.10'),
      reqid: 0x4e000001,
      mode: 1,
      family: 2,
    });
  });

  it('a policy of IPv6 for a port, one that blocks, and deletions', () => {
    const ported = sent('ip xfrm policy update').message;
    expect(ported.name).toBe('updPolicy');
    expect(ported.body).toMatchObject({ sel: { family: 10, sport: 20_000, sportMask: 0xffff, proto: 6 } });
    expect(sent('ip xfrm policy add src 0.0.0.0/0').message.body).toMatchObject({
      action: XFRM_ACTION.BLOCK,
    });
    expect(sent('ip xfrm policy delete').message).toMatchObject({
      name: 'delPolicy',
      body: { dir: XFRM_POLICY.OUT },
      attributes: { mark: { value: 0x4e000001 } },
    });
    expect(sent('ip xfrm state delete').message).toMatchObject({
      name: 'delSa',
      body: { spi: 0x1001, proto: 50 },
    });
    expect(sent('ip xfrm state get').message).toMatchObject({ name: 'getSa', body: { family: 2 } });
  });

  it('comes out of our encoder octet by octet, but for the order of attributes', () => {
    const ours = vectors.filter(({ command }) => command.startsWith('ip xfrm') && !command.endsWith('list'));
    expect(ours).toHaveLength(9);
    for (const { command, octets } of ours) {
      const { message } = sent(command);
      const { type, fixed, attributes } = encodeXfrm(message as XfrmRequest);
      const original = Uint8Array.from(Buffer.from(octets, 'hex'));
      const encoded = encodeMessage({ ...only(original), type }, fixed, attributes);
      const parts = (all: Uint8Array) => [
        hexOf(all.subarray(0, 16 + fixed.length)),
        ...attributesIn(all.subarray(16 + fixed.length)).sort(),
      ];
      expect([command, ...parts(encoded)]).toEqual([command, ...parts(original)]);
    }
  });
});

/** Each attribute with its padding, in hexadecimal. */
function attributesIn(octets: Uint8Array): string[] {
  const found: string[] = [];
  for (let at = 0; at < octets.length; ) {
    const length = new DataView(octets.buffer, octets.byteOffset + at).getUint16(0, true);
    found.push(hexOf(octets.subarray(at, at + length)));
    at += (length + 3) & ~3;
  }
  return found;
}

const u32 = fc.integer({ min: 0, max: 0xffffffff });
const u16 = fc.integer({ min: 0, max: 0xffff });
const u8 = fc.integer({ min: 0, max: 255 });
const u64 = fc.bigInt({ min: 0n, max: XFRM_INF });
const anyAddress = fc.uint8Array({ minLength: 16, maxLength: 16 });
const id = fc.record({ daddr: anyAddress, spi: u32, proto: u8 });
const template = fc.record({
  id,
  family: u16,
  saddr: anyAddress,
  reqid: u32,
  mode: u8,
  share: u8,
  optional: u8,
  aalgos: u32,
  ealgos: u32,
  calgos: u32,
});
const attributes: fc.Arbitrary<XfrmAttributes> = fc.record(
  {
    algAead: fc.record({
      name: fc.constantFrom('rfc4106(gcm(aes))', ''),
      keyBits: u32,
      icvBits: u32,
      tail: fc.uint8Array(),
    }),
    mark: fc.record({ value: u32, mask: u32 }),
    ifId: fc.record({ value: u32 }),
    templates: fc.array(template, { maxLength: 3 }),
    lifetime: fc.record({ bytes: u64, packets: u64, addTime: u64, useTime: u64 }),
    replayEsn: fc.record({
      bmpLen: u32,
      oseq: u32,
      seq: u32,
      oseqHi: u32,
      seqHi: u32,
      replayWindow: u32,
      tail: fc.uint8Array(),
    }),
  },
  { requiredKeys: [] },
);

describe('the codec', () => {
  it('takes back what it wrote, whatever the values', () => {
    const request: fc.Arbitrary<XfrmRequest> = fc.oneof(
      fc.record({
        name: fc.constant('mapping' as const),
        body: fc.record({
          id: fc.record({ daddr: anyAddress, spi: u32, family: u16, proto: u8 }),
          reqid: u32,
          oldSaddr: anyAddress,
          newSaddr: anyAddress,
          oldSport: u16,
          newSport: u16,
        }),
        attributes,
      }),
      fc.record({
        name: fc.constant('getSa' as const),
        body: fc.record({ daddr: anyAddress, spi: u32, family: u16, proto: u8 }),
        attributes,
      }),
    );
    fc.assert(
      fc.property(request, (given) => {
        const { type, fixed, attributes: encoded } = encodeXfrm(given);
        const octets = encodeMessage({ type, flags: 0, sequence: 1 }, fixed, encoded);
        expect(decodeXfrm(only(octets))).toEqual({ ok: true, value: given });
      }),
    );
  });

  it('reads every message as a value or a fault, whatever its octets', () => {
    const types = Object.values(xfrmMessages).map(({ type }) => type);
    fc.assert(
      fc.property(fc.constantFrom(...types, 0x30), fc.uint8Array({ maxLength: 400 }), (type, body) => {
        const decoded = decodeXfrm({ type, flags: 0, sequence: 0, port: 0, body });
        expect(decoded.ok || ['body', 'attribute'].includes(decoded.error.what)).toBe(true);
      }),
    );
  });

  it('leaves out messages and attributes that it has no row for, and tells those that are cut off', () => {
    const body = new Uint8Array(24);
    const message = { flags: 0, sequence: 0, port: 0 };
    expect(decodeXfrm({ ...message, type: 0x2f, body })).toEqual({ ok: true, value: undefined });
    const unknown = Uint8Array.from([...body, 8, 0, 0xff, 0, 1, 2, 3, 4]);
    expect(decodeXfrm({ ...message, type: 0x12, body: unknown })).toMatchObject({
      value: { attributes: {} },
    });
    const short = Uint8Array.from([...body, 8, 0, 21, 0, 1, 2, 3, 4]);
    expect(decodeXfrm({ ...message, type: 0x12, body: short })).toEqual({
      ok: false,
      error: { what: 'attribute', at: 28 },
    });
    expect(decodeXfrm({ ...message, type: 0x18, body })).toEqual({
      ok: false,
      error: { what: 'body', at: 0 },
    });
  });
});
