/** What a kernel must have for the kernel plane, tried before anything is opened, and the words for what it lacks. */
import { describeEspSuite, ENCR_ALGORITHMS, type EspSuite, INTEG_ALGORITHMS } from '#ikev2';
import { OperatorError } from '../errors.ts';
import { formatAddress } from '../userplane/address.ts';
import { algorithmsOf, modulesOf } from './algorithms.ts';
import { encodeMessage, NLM_F } from './netlink.ts';
import { ERRNO, type NetlinkPort, type NetlinkReply } from './ports.ts';
import * as rtnetlink from './rtnetlink.ts';
import { wide } from './states.ts';
import { encodeXfrm, XFRM_MODE_TUNNEL, type XfrmAttributes, type XfrmRequest } from './xfrm.ts';

const key = 'userPlane.plane';
const instead = 'or set userPlane.plane: userspace';

/** The operator's view of a kernel that has no netlink for IPsec. */
export function noXfrm(errno: number, text: string): OperatorError {
  if (errno === ERRNO.EPROTONOSUPPORT)
    return platform(`this kernel has no IPsec to be steered by netlink: load it with "modprobe xfrm_user"`);
  return platform(text);
}

/** The same for a raw socket; `step` is what was tried. */
export function noGre(step: 'socket' | 'mark' | 'bind', errno: number, text: string): OperatorError {
  if (errno === ERRNO.EPERM || errno === ERRNO.EACCES)
    return platform(
      'raw sockets for GRE need CAP_NET_RAW: start as root or give the service that capability',
    );
  if (step === 'mark')
    return platform('packets of GRE come without the marks of their SAs: Linux 5.19 or newer is needed');
  return platform(text);
}

function platform(text: string): OperatorError {
  return new OperatorError('N3IWF_E_PLATFORM', `${key}: kernel, but ${text}, ${instead}`);
}

/** Documentation addresses: no packet will ever match the states that are tried. */
const [from, to] = [Uint8Array.of(192, 0, 2, 1), Uint8Array.of(192, 0, 2, 2)];
const probeSpi = 0x4e33_4e33;
const ESP = 50;

function once(xfrm: NetlinkPort, request: XfrmRequest): NetlinkReply<undefined> {
  const { type, fixed, attributes } = encodeXfrm(request);
  const flags = NLM_F.REQUEST | NLM_F.ACK;
  const [reply] = xfrm.exchange(
    [encodeMessage({ type, flags, sequence: 0 }, fixed, attributes)],
    () => undefined,
  );
  return reply ?? { errno: ERRNO.EINVAL, text: undefined, values: [] };
}

/**
 * Installs a state of each suite that may be negotiated, between addresses that nobody has, and takes it away again.
 *
 * @throws OperatorError N3IWF_E_PLATFORM naming the capability, the module or the algorithm that is missing
 */
export function demandXfrm(xfrm: NetlinkPort, suites: readonly Pick<EspSuite, 'encr' | 'integ'>[]): void {
  for (const suite of suites) {
    const { errno, text } = once(xfrm, probeState(suite));
    const id = { daddr: wide(to), spi: probeSpi, family: rtnetlink.familyOf(to), proto: ESP };
    if (errno === 0) once(xfrm, { name: 'delSa', body: id });
    else throw refusal(suite, errno, text);
  }
}

function refusal(
  suite: Pick<EspSuite, 'encr' | 'integ'>,
  errno: number,
  text: string | undefined,
): OperatorError {
  if (errno === ERRNO.EPERM)
    return platform('states of IPsec need CAP_NET_ADMIN: start as root or give the service that capability');
  if (errno === ERRNO.EPROTONOSUPPORT && !/algorithm/i.test(text ?? ''))
    return platform('this kernel has no ESP: load it with "modprobe esp4"');
  const name = describeEspSuite({ ...suite, esn: false });
  return new OperatorError(
    'N3IWF_E_PLATFORM',
    `ike.espProposals: ${name} is among them, and this kernel does not take it (${text ?? `errno ${errno}`}): ` +
      `load ${modulesOf(suite)}, leave it out, ${instead}`,
  );
}

function probeState(suite: Pick<EspSuite, 'encr' | 'integ'>): XfrmRequest {
  const { keyLength, saltLength } = ENCR_ALGORITHMS[suite.encr];
  const keys = {
    encr: new Uint8Array(keyLength + saltLength),
    integ: new Uint8Array(INTEG_ALGORITHMS[suite.integ].keyLength),
  };
  return {
    name: 'newSa',
    body: {
      id: { daddr: wide(to), spi: probeSpi, proto: ESP },
      saddr: wide(from),
      family: rtnetlink.familyOf(from),
      mode: XFRM_MODE_TUNNEL,
    },
    attributes: algorithmsOf(suite, keys) satisfies XfrmAttributes,
  };
}

/** The interface that has this node's inner addresses. */
export interface GatewayInterface {
  readonly name: string;
  /** The words by which it is known to be this node's. */
  readonly alias: string;
}

/**
 * Looks whether the interface and the inner addresses are free. What a run that crashed has left is as good as free.
 *
 * @throws OperatorError N3IWF_E_BIND naming who has the address or the name
 */
export function demandFree(
  route: NetlinkPort,
  { name, alias }: GatewayInterface,
  own: readonly Uint8Array[],
): void {
  const links = linksOf(route);
  const taken = links.find((link) => link.name === name);
  if (taken !== undefined && taken.alias !== alias)
    throw new OperatorError(
      'N3IWF_E_BIND',
      `userPlane.interface: there is an interface ${name} that is not this node's; choose another name`,
    );
  const [reply] = route.exchange([rtnetlink.getAddresses()], rtnetlink.decodeAddress);
  for (const address of own) {
    const holder = reply?.values.find((held) => Buffer.compare(held.address, address) === 0);
    if (holder === undefined || holder.index === taken?.index) continue;
    const where = links.find(({ index }) => index === holder.index)?.name ?? `interface ${holder.index}`;
    throw new OperatorError(
      'N3IWF_E_BIND',
      `inner.address: ${formatAddress(address)} is on ${where} already; the kernel plane puts it on an interface of ` +
        `its own, so take it away there or choose another one`,
    );
  }
}

/** All interfaces of this network namespace. */
export function linksOf(route: NetlinkPort): readonly rtnetlink.Link[] {
  const [reply] = route.exchange([rtnetlink.getLinks()], rtnetlink.decodeLink);
  return reply?.values ?? [];
}

/**
 * Makes the interface with the inner addresses and the route to the UEs' pools; whatever has its name and alias goes
 * first. Packets for UEs without a Child SA end there.
 *
 * @returns the interface's number
 * @throws OperatorError N3IWF_E_PLATFORM where the kernel refuses a part, which then is undone
 */
export function makeInterface(
  route: NetlinkPort,
  { name, alias }: GatewayInterface,
  kind: rtnetlink.LinkKind,
  own: ReadonlyMap<number, Uint8Array>,
  pools: readonly (readonly [address: Uint8Array, length: number])[],
): number {
  removeInterface(route, { name, alias });
  const link = rtnetlink.newLink(name, kind);
  demand(route, [link], `making the interface ${name}: load its kind with "modprobe ${kind.kind}"`);
  const index = linksOf(route).find((each) => each.name === name)?.index ?? 0;
  try {
    demand(route, [rtnetlink.raiseLink(index, alias)], `putting the interface ${name} up`);
    for (const address of own.values())
      demand(
        route,
        [rtnetlink.newAddress(index, address)],
        `inner.address ${formatAddress(address)} on ${name}`,
      );
    for (const [address, length] of pools) {
      const source = own.get(address.length);
      if (source === undefined) continue;
      const what = `inner.pool: the route to ${formatAddress(address)}/${length} by ${name}`;
      demand(route, [rtnetlink.newRoute(index, address, length, source)], what);
    }
    return index;
  } catch (error) {
    route.exchange([rtnetlink.deleteLink(index)]);
    throw error;
  }
}

function demand(route: NetlinkPort, requests: readonly Uint8Array[], what: string): void {
  for (const { errno, text } of route.exchange(requests)) {
    if (errno === 0) continue;
    if (errno === ERRNO.EPERM)
      throw platform('interfaces need CAP_NET_ADMIN: start as root or give the service that capability');
    throw new OperatorError('N3IWF_E_PLATFORM', `${what}: ${text ?? `errno ${errno}`}`);
  }
}

/** Takes the interface away if it is this node's. @returns whether there was one */
export function removeInterface(route: NetlinkPort, { name, alias }: GatewayInterface): boolean {
  const found = linksOf(route).find((link) => link.name === name && link.alias === alias);
  if (found !== undefined) route.exchange([rtnetlink.deleteLink(found.index)]);
  return found !== undefined;
}

/** Whether the kernel makes interfaces of a kind: one is made and taken away. */
export function makesLinks(route: NetlinkPort, name: string, kind: rtnetlink.LinkKind): boolean {
  const [reply] = route.exchange([rtnetlink.newLink(name, kind)]);
  if (reply?.errno !== 0) return false;
  const index = linksOf(route).find((link) => link.name === name)?.index;
  if (index !== undefined) route.exchange([rtnetlink.deleteLink(index)]);
  return true;
}
