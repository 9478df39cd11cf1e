import { type ChildSa, createCipher } from '#ikev2';
import { requireAddress } from './address.ts';
import type { SaTraffic } from './counters.ts';
import { type EspCipher, EspReceiver, EspSender } from './esp.ts';
import type { NasListenerPorts } from './nas-listener.ts';
import { largestEspPayload } from './path-mtu.ts';
import type { ChildUse, EspPath, PlaneChildSa, PlaneOptions, PlanePorts } from './types.ts';

/**
 * Takes packets that go out by one Child SA. The relay writes an inner IP packet to where `prepare` says; `sealPrepared`
 * gives what {@link PlanePorts.sendEsp} or {@link NwuSide.send} is to send of it, or undefined when the SA has no sequence number left.
 */
export type SaSender = Pick<EspSender, 'prepare' | 'seal' | 'sealPrepared' | 'dispose'>;

/** Octets that ESP adds to a packet by this cipher. */
export type EspSizes = Pick<EspCipher, 'ivLength' | 'icvLength' | 'blockSize'>;

/** A Child SA in force. */
export interface SaEnds {
  readonly sender: SaSender;
  /** Undefined where ESP is opened elsewhere and packets come by `receiveInner` instead. */
  readonly receiver: EspReceiver | undefined;
  readonly sizes: EspSizes;
  /** What counts it, where that is not the plane; without it the plane does. */
  readonly traffic?: SaTraffic;
}

/** NAS over TCP of all UEs, as far as the plane uses it; times are ms of the caller's clock. */
export interface NasEnd {
  send(now: number, ueId: number, octets: Uint8Array): void;
  /** Forgets the connection of a UE without a word to it. */
  remove(ueId: number): void;
  tick(now: number): void;
  deadline(): number | undefined;
}

/**
 * The half of the user plane that looks to UEs, where it is not in process: Child SAs and NAS connections that a kernel
 * holds. The relay between Child SAs and GTP-U tunnels is the same for both.
 */
export interface NwuSide {
  /**
   * Puts a Child SA in force both ways for the UE at `inner`, 4 or 16 octets. The one that it replaces stays, and may
   * carry what goes out until the UE is known to hear the new one.
   *
   * @throws Error when the kernel refuses: the UE ends by it
   */
  open(ueId: number, inner: Uint8Array, child: ChildSa, use: ChildUse, replaces?: number): SaEnds;
  /** Takes it out of force. */
  close(childSaId: number): void;
  /** Sends what a sender of `open` sealed, an inner IP packet that is good during the call; false when it was not taken. */
  send(childSaId: number, packet: Uint8Array): boolean;
  /** Opens NAS for UEs known by `addUe`; events go to `ports`. */
  openNas(ports: NasListenerPorts): NasEnd;
  addUe(ueId: number, inner: Uint8Array): void;
  removeUe(ueId: number): void;
  /** The UE is reached by another way: its Child SAs take that from now on. Where this is absent they do not move. */
  moveUe?(ueId: number, path: EspPath): void;
}

/** A Child SA whose packets are sealed and opened here. */
export function espEnds(
  child: PlaneChildSa,
  { random, createCipher: factory = createCipher }: Pick<PlanePorts, 'random' | 'createCipher'>,
  { espWindow, padTo = 0, nwuMtu }: Pick<PlaneOptions, 'espWindow' | 'padTo' | 'nwuMtu'>,
): SaEnds {
  const receiver = new EspReceiver(child.spiIn, child.suite, child.keysIn, espWindow, factory);
  const sender = new EspSender(child.spiOut, child.suite, child.keysOut, random, 0, factory);
  const { cipher } = receiver;
  if (padTo > 0 && child.refusesPadding !== true) {
    const most =
      nwuMtu === undefined
        ? padTo
        : largestEspPayload(nwuMtu, cipher, requireAddress(child.remote.address), child.udpEncapsulation);
    sender.padTo(Math.min(padTo, most));
  }
  return { sender, receiver, sizes: cipher };
}
