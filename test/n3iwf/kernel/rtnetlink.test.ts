import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeMessages } from '../../../n3iwf/kernel/netlink.ts';
import {
  decodeAddress,
  decodeLink,
  deleteLink,
  familyOf,
  getAddresses,
  getLinks,
  newAddress,
  newLink,
  newRoute,
  raiseLink,
} from '../../../n3iwf/kernel/rtnetlink.ts';

const file = new URL('../../vectors/netlink/iproute2.json', import.meta.url);
const { vectors } = JSON.parse(readFileSync(file, 'utf8')) as {
  vectors: { command: string; octets: string }[];
};
const sent = (words: string) => vectors.find(({ command }) => command.startsWith(words))?.octets ?? '';
const hexOf = (octets: Uint8Array) => Buffer.from(octets).toString('hex');
const inner = Uint8Array.of(10, 45, 0, 1);

describe('what ip of iproute2 sends', () => {
  it.each([
    ['ip link add n3iwf0 type xfrm', newLink('n3iwf0', { kind: 'xfrm', ifId: 7 })],
    ['ip link add n3iwf0 type dummy', newLink('n3iwf0', { kind: 'dummy' })],
    ['ip addr add 10.45.0.1/32', newAddress(1, inner)],
  ])('%s', (words, ours) => {
    expect(hexOf(ours)).toBe(sent(words));
  });

  it('ip route add, but for the protocol: this route is nobody else’s', () => {
    const ours = newRoute(1, Uint8Array.of(10, 45, 0, 0), 24, inner);
    expect(hexOf(ours)).toBe(sent('ip route add').replace('fe03fd01', 'fe04fd01'));
  });

  it('ip link set alias and up, as one', () => {
    const ours = hexOf(raiseLink(1, 'qn3iwf'));
    const [alias, up] = [sent('ip link set lo alias'), sent('ip link set lo up')];
    expect(ours).toBe(alias.slice(0, 48) + up.slice(48, 64) + alias.slice(64));
  });
});

const decode = (octets: Uint8Array) => {
  const decoded = decodeMessages(octets);
  return decoded.ok ? decoded.value[0] : undefined;
};

describe('answers', () => {
  it('an interface is read with its name and alias', () => {
    const made = decode(newLink('n3iwf0', { kind: 'dummy' }));
    expect(made && decodeLink(made)).toEqual({ index: 0, name: 'n3iwf0', alias: undefined });
    const raised = decode(raiseLink(5, 'qn3iwf 192.0.2.1'));
    expect(raised && decodeLink(raised)).toBeUndefined(); // no name, as no kernel leaves it out
  });

  it('an address is read with its interface', () => {
    for (const address of [inner, new Uint8Array(16).fill(0x20)]) {
      const message = decode(newAddress(3, address));
      expect(message && decodeAddress(message)).toEqual({ index: 3, address });
    }
  });

  it('[RFC4862 5.4] an address of IPv6 needs no look for doubles, after which alone routes could have it as source', () => {
    const flagsOf = (address: Uint8Array) => newAddress(3, address)[18];
    expect([flagsOf(inner), flagsOf(new Uint8Array(16).fill(0x20))]).toEqual([0, 2]);
  });

  it('other messages are neither', () => {
    for (const octets of [deleteLink(2), getLinks(), getAddresses()]) {
      const message = decode(octets);
      expect(message && [decodeLink(message), decodeAddress(message)]).toEqual([undefined, undefined]);
    }
    expect(familyOf(new Uint8Array(3))).toBe(0);
  });

  it('any octets are read or refused', () => {
    fc.assert(
      fc.property(fc.constantFrom(16, 20), fc.uint8Array({ maxLength: 80 }), (type, body) => {
        const message = { type, flags: 0, sequence: 0, port: 0, body };
        const read = [decodeLink(message)?.name, decodeAddress(message)?.address.length];
        expect(read).toHaveLength(2);
      }),
    );
  });
});
