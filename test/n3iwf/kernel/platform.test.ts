import { describe, expect, it } from 'vitest';
import { OperatorError } from '../../../n3iwf/errors.ts';
import { decodeMessages, encodeMessage, type NetlinkMessage } from '../../../n3iwf/kernel/netlink.ts';
import {
  demandFree,
  demandXfrm,
  linksOf,
  makeInterface,
  makesLinks,
  noGre,
  noXfrm,
  removeInterface,
} from '../../../n3iwf/kernel/platform.ts';
import { ERRNO, type NetlinkPort, type NetlinkReply } from '../../../n3iwf/kernel/ports.ts';
import { newAddress, newLink } from '../../../n3iwf/kernel/rtnetlink.ts';
import { requireAddress } from '../../../n3iwf/userplane/address.ts';
import { FakeKernel } from './fake-kernel.ts';

const link = { name: 'n3iwf0', alias: 'qn3iwf 192.0.2.1' };
const own = requireAddress('10.45.0.1');
const owns = new Map([[4, own]]);
const pools = [[requireAddress('10.45.0.0'), 24]] as const;
const dummy = { kind: 'dummy' } as const;

const names = new Map([
  [16, 'newLink'],
  [17, 'delLink'],
  [18, 'getLinks'],
  [20, 'newAddress'],
  [22, 'getAddresses'],
  [24, 'newRoute'],
]);

/** Interfaces and addresses in memory. A refusal is looked up by the name of the request. */
class FakeRoute implements NetlinkPort {
  readonly links = new Map<number, { name: string; alias?: string }>();
  readonly addresses: { index: number; address: Uint8Array }[] = [];
  readonly asked: string[] = [];
  readonly refusals = new Map<string, number>();
  private next = 2;

  exchange<T>(
    requests: readonly Uint8Array[],
    read: (message: NetlinkMessage) => T | undefined = () => undefined,
  ): readonly NetlinkReply<T>[] {
    return requests.map((request) => {
      const decoded = decodeMessages(request);
      const [message] = decoded.ok ? (decoded.value as [NetlinkMessage]) : [];
      if (message === undefined) throw new Error('no message');
      const name = names.get(message.type) ?? '';
      this.asked.push(name);
      const errno = this.refusals.get(name) ?? 0;
      const values = errno === 0 ? this.carryOut(name, message, request) : [];
      return { errno, text: undefined, values: values.flatMap((each) => read(each) ?? []) };
    });
  }

  private carryOut(name: string, { body }: NetlinkMessage, request: Uint8Array): NetlinkMessage[] {
    const index = new DataView(body.buffer, body.byteOffset).getInt32(4, true);
    const text = Buffer.from(body).toString('latin1');
    if (name === 'delLink') this.links.delete(index);
    if (name === 'newLink' && index === 0)
      this.links.set(this.next++, { name: /n3iwf[0-9a-z-]*/.exec(text)?.[0] ?? '' });
    else if (name === 'newLink') Object.assign(this.links.get(index) ?? {}, { alias: link.alias });
    if (name === 'newAddress') this.addresses.push({ index, address: body.slice(12, 16) });
    if (name === 'getLinks') return [...this.links].map(([at, each]) => linkMessage(at, each));
    if (name === 'getAddresses')
      return this.addresses.map((each) => only(newAddress(each.index, each.address)));
    return request.length === 0 ? [] : [];
  }
}

function only(octets: Uint8Array): NetlinkMessage {
  const decoded = decodeMessages(octets);
  if (!decoded.ok) throw new Error('no message');
  return decoded.value[0] as NetlinkMessage;
}

function linkMessage(index: number, { name, alias }: { name: string; alias?: string }): NetlinkMessage {
  const fixed = new Uint8Array(16);
  new DataView(fixed.buffer).setInt32(4, index, true);
  const text = (words: string) => new TextEncoder().encode(`${words}\0`);
  const attributes = [[3, text(name)] as const, ...(alias === undefined ? [] : [[20, text(alias)] as const])];
  return only(encodeMessage({ type: 16, flags: 0, sequence: 0 }, fixed, attributes));
}

const suite = { encr: 'aes256-gcm16', integ: 'none' } as const;
const cbc = { encr: 'aes256-cbc', integ: 'hmac-sha2-256-128' } as const;

function complaint(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof OperatorError) return `${error.code} ${error.message}`;
    throw error;
  }
  return 'none';
}

describe('what the kernel must have', () => {
  it('each suite is tried by a state that goes again', () => {
    const kernel = new FakeKernel();
    demandXfrm(kernel, [suite, cbc]);
    expect([kernel.asked, kernel.states.size]).toEqual([['newSa', 'delSa', 'newSa', 'delSa'], 0]);
  });

  it.each([
    [ERRNO.EPERM, 'need CAP_NET_ADMIN: start as root'],
    [ERRNO.EPROTONOSUPPORT, 'modprobe esp4'],
    [ERRNO.ENOSYS, 'ike.espProposals: aes256-gcm16 is among them'],
  ])('errno %i is told as what to do', (errno, words) => {
    const kernel = new FakeKernel();
    kernel.refuse = () => errno;
    const told = complaint(() => demandXfrm(kernel, [suite]));
    expect(told).toContain(words);
    expect(told).toContain('userPlane.plane: userspace');
  });

  it('names the modules of the one suite that is not taken', () => {
    const kernel = new FakeKernel();
    kernel.refuse = (message) =>
      message.name === 'newSa' && message.attributes.algCrypt !== undefined ? ERRNO.ENOSYS : 0;
    const told = complaint(() => demandXfrm(kernel, [suite, cbc]));
    expect(told).toMatch(/aes256-cbc\/hmac-sha2-256-128 .* load cbc, authenc, hmac/);
  });

  it('no netlink for IPsec, no raw sockets, no marks: each has its own words', () => {
    const words = [
      noXfrm(ERRNO.EPROTONOSUPPORT, ''),
      noXfrm(ERRNO.EINVAL, 'odd'),
      noGre('socket', ERRNO.EPERM, ''),
      noGre('mark', ERRNO.ENOPROTOOPT, ''),
      noGre('bind', ERRNO.EADDRNOTAVAIL, 'no such address'),
    ].map(({ message }) => /but (.*), or set/.exec(message)?.[1]);
    expect(words).toEqual([
      'this kernel has no IPsec to be steered by netlink: load it with "modprobe xfrm_user"',
      'odd',
      'raw sockets for GRE need CAP_NET_RAW: start as root or give the service that capability',
      'packets of GRE come without the marks of their SAs: Linux 5.19 or newer is needed',
      'no such address',
    ]);
  });
});

describe('the interface', () => {
  it('is made with alias, address and route, in the place of one that was left, and goes again', () => {
    const route = new FakeRoute();
    route.links.set(1, { ...link });
    const index = makeInterface(route, link, dummy, owns, pools);
    expect([...route.links]).toEqual([[index, link]]);
    expect(route.asked).toEqual([
      'getLinks',
      'delLink',
      'newLink',
      'getLinks',
      'newLink',
      'newAddress',
      'newRoute',
    ]);
    expect(removeInterface(route, link)).toBe(true);
    expect(removeInterface(route, link)).toBe(false);
    expect(linksOf(route)).toEqual([]);
  });

  it.each([
    ['newLink', ERRNO.EOPNOTSUPP, 'making the interface n3iwf0: load its kind with "modprobe dummy"'],
    ['newLink', ERRNO.EPERM, 'interfaces need CAP_NET_ADMIN'],
    ['newAddress', ERRNO.EEXIST, 'inner.address 10.45.0.1 on n3iwf0'],
    ['newRoute', ERRNO.EEXIST, 'inner.pool: the route to 10.45.0.0/24 by n3iwf0'],
  ])('a refusal of %s with errno %i is told, and nothing of it stays', (name, errno, words) => {
    const route = new FakeRoute();
    route.refusals.set(name, errno);
    expect(complaint(() => makeInterface(route, link, dummy, owns, pools))).toContain(words);
    expect(linksOf(route)).toEqual([]);
  });

  it('of a name or with an address that somebody else has is refused before anything is made', () => {
    const route = new FakeRoute();
    route.links.set(1, { name: 'eth0' });
    expect(complaint(() => demandFree(route, link, [own]))).toBe('none');
    route.addresses.push({ index: 1, address: own });
    expect(complaint(() => demandFree(route, link, [own]))).toContain(
      'inner.address: 10.45.0.1 is on eth0 already',
    );
    route.links.set(2, { name: 'n3iwf0', alias: 'qn3iwf 192.0.2.99' });
    expect(complaint(() => demandFree(route, link, [own]))).toContain('userPlane.interface: there is');
    expect(route.asked).not.toContain('newLink');
  });

  it('that a run which crashed has left is no obstacle', () => {
    const route = new FakeRoute();
    route.links.set(5, { ...link });
    route.addresses.push({ index: 5, address: own });
    expect(complaint(() => demandFree(route, link, [own]))).toBe('none');
  });

  it('of a kind is tried by making one', () => {
    const route = new FakeRoute();
    expect([makesLinks(route, 'n3iwf0-p', dummy), route.links.size]).toEqual([true, 0]);
    route.refusals.set('newLink', ERRNO.EOPNOTSUPP);
    expect(makesLinks(route, 'n3iwf0-p', { kind: 'xfrm', ifId: 1 })).toBe(false);
    expect(newLink('n3iwf0', dummy).length).toBeGreaterThan(0);
  });
});
