/** What all IKE SAs of an endpoint share. */

import type { EndpointConfig } from '../configuration.ts';
import { answerKeyExchange } from '../crypto/dh.ts';
import type { KeName, KeyAnswer } from '../crypto/types.ts';
import type { EndpointPorts } from '../ports.ts';
import type { IkeSaId } from '../terms.ts';
import type { TimerConfig } from '../timing.ts';
import type { Result } from '../wire/cursor.ts';
import { spiKey } from './channel.ts';
import { DEFAULT_HALF_OPEN, Gate } from './gate.ts';
import type { IkeSa } from './ike-sa.ts';
import { FragmentBudget } from './reassembly.ts';
import { Agenda } from './timers.ts';

/** ESP SPIs up to this one are reserved by IANA. [RFC4303 2.1] */
const LAST_RESERVED_SPI = 255;

/** Configuration, ports and the registries that keep SPIs unique. */
export class Node {
  config: EndpointConfig;
  readonly ports: EndpointPorts;
  timers: TimerConfig;
  /** IKE SAs by our own SPI; a rekeyed SA is found by its old SPI too while that lives. */
  readonly byLocalSpi = new Map<string, IkeSa>();
  /** All IKE SAs, those that linger included. */
  readonly sas = new Map<IkeSaId, IkeSa>();
  /** What an SA causes on others; done once it has finished with its own step. */
  readonly deferred: { readonly sa: IkeSa; act(sa: IkeSa): void }[] = [];
  /** Which SA has a timer due when. */
  readonly agenda = new Agenda<IkeSa>((sa) => sa.timers.deadline());
  /** Decides who may open an IKE SA. */
  readonly gate: Gate;
  /** Bounds what strangers make us keep. */
  readonly fragments = new FragmentBudget();
  private readonly espSpis = new Set<number>();
  private lastChildSaId = 0;

  constructor(config: EndpointConfig, ports: EndpointPorts, timers: TimerConfig) {
    this.config = config;
    this.ports = ports;
    this.timers = timers;
    this.gate = new Gate({ ...DEFAULT_HALF_OPEN, ...config.halfOpen }, (length) => ports.random(length));
  }

  /** Other rules, for what is to come; SAs and half-open counts stay. */
  reconfigure(config: EndpointConfig, timers: TimerConfig): void {
    this.config = config;
    this.timers = timers;
    this.gate.limits = { ...DEFAULT_HALF_OPEN, ...config.halfOpen };
  }

  /** Has something done on another SA after the present step, if it stands by then. */
  defer(ikeSaId: IkeSaId, act: (sa: IkeSa) => void): void {
    const sa = this.sas.get(ikeSaId);
    if (sa !== undefined) this.deferred.push({ sa, act });
  }

  /** Fresh octets from the port. */
  random(length: number): Uint8Array {
    return this.ports.random(length);
  }

  /** The responder's half of a key exchange, with randomness from the ports. */
  answerKeyExchange(name: KeName, peer: Uint8Array): Result<KeyAnswer> {
    return answerKeyExchange(name, peer, (length) => this.ports.random(length), this.ports.encapsulate);
  }

  /** Handles of Child SAs are unique in the endpoint, as the user plane keys its state by them. */
  nextChildSaId(): number {
    return ++this.lastChildSaId;
  }

  /** An IKE SPI of ours that is not in use, never zero. */
  newIkeSpi(): Uint8Array {
    for (;;) {
      const spi = Uint8Array.from(this.random(8));
      if (spi.some((octet) => octet !== 0) && !this.byLocalSpi.has(spiKey(spi))) return spi;
    }
  }

  /** Reserves an inbound ESP SPI. */
  reserveEspSpi(): number {
    for (;;) {
      const spi = toUint32(this.random(4));
      if (spi <= LAST_RESERVED_SPI || this.espSpis.has(spi)) continue;
      this.espSpis.add(spi);
      return spi;
    }
  }

  /** The SPI may be drawn again: nothing is received under it any more. */
  releaseEspSpi(spi: number): void {
    this.espSpis.delete(spi);
  }
}

/** An SPI of four octets as a number; 0, which no SPI is, for any other length. */
export function toUint32(octets: Uint8Array): number {
  return octets.length === 4 ? new DataView(octets.buffer, octets.byteOffset, 4).getUint32(0) : 0;
}

/** The SPI as it stands in Delete, REKEY_SA and proposals. */
export function fromUint32(value: number): Uint8Array {
  const octets = new Uint8Array(4);
  new DataView(octets.buffer).setUint32(0, value);
  return octets;
}
