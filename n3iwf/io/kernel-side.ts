import type { EspSuite } from '#ikev2';
import { OperatorError } from '../errors.ts';
import { encodeMessage, NLM_F } from '../kernel/netlink.ts';
import { type KernelEvents, KernelNwu } from '../kernel/nwu.ts';
import { type Marks, prefixesOf, removeOurs } from '../kernel/ours.ts';
import * as platform from '../kernel/platform.ts';
import type { LinkKind } from '../kernel/rtnetlink.ts';
import { refusals, type SaLimits } from '../kernel/states.ts';
import { encodeXfrm, XFRMNLGRP } from '../kernel/xfrm.ts';
import type { Log } from '../log.ts';
import { requireAddress } from '../userplane/address.ts';
import { GreSocket, GreSocketFault } from './gre-socket.ts';
import { NasServer } from './nas-server.ts';
import { NetlinkSocket, NetlinkUnavailable } from './netlink.ts';
import type { UdpAddress } from './udp.ts';
import { leaveEspToKernel } from './udp-encap.ts';

/** Where the kernel plane stands; all addresses are text. */
export interface KernelSideConfig {
  /** Where UEs reach this node. */
  readonly local: string;
  /** This node's inner addresses and the pools of its UEs, of either family. */
  readonly own: readonly string[];
  readonly pools: readonly string[];
  readonly nasPort: number;
  /** Name of the interface that gets the inner addresses. */
  readonly interfaceName: string;
  /** `xfrm` where the kernel has such interfaces, else `dummy`. */
  readonly interfaceKind: 'auto' | 'xfrm' | 'dummy';
  readonly markBase: number;
  /** Packets of the anti-replay window. */
  readonly window: number;
  readonly limits: SaLimits;
  readonly suites: readonly Pick<EspSuite, 'encr' | 'integ'>[];
}

/** What the kernel side tells the node, and what it gets packets by. */
export interface KernelSideEvents extends Omit<KernelEvents, 'log'> {
  /** An inner packet of a Child SA. */
  packet(childSaId: number, packet: Uint8Array): void;
  /** Something came over NAS that may have moved the node's deadline. */
  happened(): void;
}

/**
 * The kernel plane with its descriptors: netlink for IPsec and interfaces, raw sockets for GRE, TCP for NAS. `prepare`
 * only looks; `start` puts things into the kernel, and `close` takes exactly those out again.
 */
export class KernelSide {
  readonly nwu: KernelNwu;
  private readonly config: KernelSideConfig;
  private readonly log: Log;
  private readonly events: KernelSideEvents;
  private readonly xfrm: NetlinkSocket;
  private readonly route: NetlinkSocket;
  private readonly kind: LinkKind;
  private readonly marks: Marks;
  private readonly link: platform.GatewayInterface;
  private readonly nas: NasServer;
  private readonly gre = new Map<number, GreSocket>();
  private monitor: NetlinkSocket | undefined;
  private started = false;

  private constructor(
    config: KernelSideConfig,
    { xfrm, route, kind }: { xfrm: NetlinkSocket; route: NetlinkSocket; kind: LinkKind },
    events: KernelSideEvents,
    log: Log,
  ) {
    this.config = config;
    this.xfrm = xfrm;
    this.route = route;
    this.kind = kind;
    this.events = events;
    this.log = log;
    const own = config.own.map(requireAddress);
    this.marks = {
      markBase: config.markBase,
      local: requireAddress(config.local),
      own,
      pools: config.pools.flatMap(prefixesOf),
    };
    this.link = linkOf(config);
    this.nwu = new KernelNwu(
      {
        window: config.window,
        limits: config.limits,
        ifId: kind.kind === 'xfrm' ? kind.ifId : 0,
        nasPort: config.nasPort,
        own: new Map(own.map((address) => [address.length, address])),
        markBase: config.markBase,
      },
      {
        xfrm,
        nas: { send: (ueId, octets) => this.nas.send(ueId, octets), remove: (ueId) => this.nas.remove(ueId) },
        sendPacket: (packet, mark) => this.sendPacket(packet, mark),
        drain: () => {
          for (const socket of this.gre.values()) socket.drain();
        },
      },
      { ...events, log: (fields, message) => log.info(fields, message) },
    );
    this.nas = new NasServer(this.nasPorts());
  }

  /**
   * Looks whether this machine can carry the kernel plane; nothing of it is changed for longer than the look takes.
   *
   * @throws OperatorError N3IWF_E_PLATFORM or N3IWF_E_BIND that names the key, what is in the way and what to do
   */
  static prepare(config: KernelSideConfig, events: KernelSideEvents, log: Log): KernelSide {
    const opened: NetlinkSocket[] = [];
    const open = (family: 'xfrm' | 'route') => {
      const socket = NetlinkSocket.open(family);
      opened.push(socket);
      return socket;
    };
    try {
      const [xfrm, route] = [open('xfrm'), open('route')];
      platform.demandXfrm(xfrm, config.suites);
      GreSocket.check();
      platform.demandFree(route, linkOf(config), config.own.map(requireAddress));
      return new KernelSide(config, { xfrm, route, kind: kindOf(route, config) }, events, log);
    } catch (error) {
      for (const socket of opened) socket.close();
      if (error instanceof NetlinkUnavailable) throw platform.noXfrm(error.errno, error.message);
      if (error instanceof GreSocketFault) throw platform.noGre(error.step, error.errno, error.message);
      throw error;
    }
  }

  private nasPorts() {
    const { nwu, events } = this;
    const told = (tell: () => void) => {
      tell();
      events.happened();
    };
    return {
      ueAt: (inner: string) => nwu.ueAt(inner),
      nas: {
        opened: (ueId: number) => told(() => nwu.nas?.opened(ueId)),
        received: (ueId: number, octets: Uint8Array) => told(() => nwu.nas?.received(ueId, octets)),
        closed: (ueId: number, reason: string) => told(() => nwu.nas?.closed(ueId, reason)),
      },
    };
  }

  /**
   * Takes away what a run that crashed has left, then puts interface, addresses and refusing policies into the kernel and
   * listens. To be called when the UDP socket at `natTraversal` is bound: nobody else then runs with this address.
   *
   * @throws OperatorError when a part cannot be had; `close` undoes the others
   */
  async start(natTraversal: UdpAddress): Promise<void> {
    this.started = true;
    const left = removeOurs(this.xfrm, this.marks);
    if (left.states + left.policies > 0)
      this.log.warn(left, 'took away the IPsec of a run that did not end in order');
    const own = new Map(this.marks.own.map((address) => [address.length, address]));
    platform.makeInterface(this.route, this.link, this.kind, own, this.marks.pools);
    this.takeEspOutOf(natTraversal);
    for (const address of this.marks.own) {
      this.refuseUnprotected(address);
      this.gre.set(
        address.length,
        GreSocket.open(address, (mark, packet) => this.received(mark, packet)),
      );
      await this.nas.listen(address, this.config.nasPort);
    }
    this.monitor = NetlinkSocket.open('xfrm', Object.values(XFRMNLGRP));
    this.monitor.listen(
      (message) => this.nwu.event(message),
      () => this.nwu.refresh(),
    );
    this.log.info({ interface: this.link.name, kind: this.kind.kind }, 'the kernel carries the user plane');
  }

  private refuseUnprotected(own: Uint8Array): void {
    const pools = this.marks.pools.filter(([address]) => address.length === own.length);
    for (const request of refusals(own, pools)) {
      const { type, fixed, attributes } = encodeXfrm(request);
      const flags = NLM_F.REQUEST | NLM_F.ACK;
      this.xfrm.exchange([encodeMessage({ type, flags, sequence: 0 }, fixed, attributes)]);
    }
  }

  private takeEspOutOf(natTraversal: UdpAddress): void {
    const reason = leaveEspToKernel(natTraversal);
    if (reason === undefined) return;
    throw new OperatorError(
      'N3IWF_E_PLATFORM',
      `ike.natTraversalPort: ESP in UDP cannot be left to the kernel: ${reason}`,
    );
  }

  private received(mark: number, packet: Uint8Array): void {
    const childSaId = this.nwu.childOf(mark);
    if (childSaId !== undefined) this.events.packet(childSaId, packet);
  }

  /** By the family of the packet's own header. */
  private sendPacket(packet: Uint8Array, mark: number): boolean {
    const socket = this.gre.get((packet[0] ?? 0) >>> 4 === 4 ? 4 : 16);
    return socket?.send(packet, mark) === 0;
  }

  /** Takes everything of this node out of the kernel and closes all descriptors. */
  close(): void {
    this.monitor?.close();
    this.nas.close();
    for (const socket of this.gre.values()) socket.close();
    if (this.started) {
      removeOurs(this.xfrm, this.marks);
      platform.removeInterface(this.route, this.link);
    }
    this.xfrm.close();
    this.route.close();
  }
}

/** The alias names the node by its outer address: another node on this machine has another one. */
function linkOf({ interfaceName, local }: KernelSideConfig): platform.GatewayInterface {
  return { name: interfaceName, alias: `qn3iwf ${local}` };
}

/** @throws OperatorError N3IWF_E_PLATFORM where the kernel has neither kind, or not the one that is asked for */
function kindOf(
  route: NetlinkSocket,
  { interfaceName, interfaceKind, markBase }: KernelSideConfig,
): LinkKind {
  const kinds: LinkKind[] = [{ kind: 'xfrm', ifId: markBase }, { kind: 'dummy' }];
  const name = `${interfaceName.slice(0, 12)}-p`;
  const found = kinds
    .filter(({ kind }) => interfaceKind === 'auto' || interfaceKind === kind)
    .find((kind) => platform.makesLinks(route, name, kind));
  if (found !== undefined) return found;
  throw new OperatorError(
    'N3IWF_E_PLATFORM',
    `userPlane.interfaceKind: ${interfaceKind}, but this kernel does not make such interfaces: load them with ` +
      `"modprobe dummy" or "modprobe xfrm_interface", or set userPlane.plane: userspace`,
  );
}
