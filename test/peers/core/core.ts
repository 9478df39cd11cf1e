import type { SocketAddress } from '#ikev2';
import { decodeNgap, encodeNgap } from '#ngap';
import { type CoreEvent, SimulatedAmf } from './amf.ts';
import type { CoreConfig } from './config.ts';
import { SimulatedUpf } from './upf.ts';

/** Where the core's output goes. */
export interface CorePorts {
  random(length: number): Uint8Array;
  /** Milliseconds of the clock that `tick` and `deadline` go by; without it time stands still and no timer fires. */
  now?(): number;
  sendN2(stream: number, data: Uint8Array): void;
  sendGtpu(datagram: Uint8Array, remote: SocketAddress): void;
  event(event: CoreEvent): void;
}

/** AMF, SMF and UPF behind two transports: NGAP messages and GTP-U datagrams in, the same out. */
export class SimulatedCore {
  readonly amf: SimulatedAmf;
  readonly upf: SimulatedUpf;
  /** PDUs of the N3IWF that could not be decoded: more than 0 is a fault of somebody's codec. */
  undecodable = 0;

  /** `upfAddress` is the IPv4 address of the UPF's N3 socket. */
  constructor(config: CoreConfig, upfAddress: string, ports: CorePorts) {
    const own = Uint8Array.from(upfAddress.split('.'), Number);
    const now = () => ports.now?.() ?? 0;
    this.upf = new SimulatedUpf(own, config.sessionPrefix, {
      send: (datagram, remote) => ports.sendGtpu(datagram, remote),
      random: (length) => ports.random(length),
      now,
    });
    this.amf = new SimulatedAmf(config, this.upf, own, {
      random: (length) => ports.random(length),
      now,
      send: (pdu, stream) => ports.sendN2(stream, encodeNgap(pdu)),
      event: (event) => ports.event(event),
    });
  }

  receiveN2(data: Uint8Array): void {
    const pdu = decodeNgap(data);
    if (pdu.ok) this.amf.receive(pdu.value);
    else this.undecodable++;
  }

  /** Does what is due; call it at `deadline`. */
  tick(): void {
    this.amf.tick();
    this.upf.tick();
  }

  deadline(): number | undefined {
    const all = [this.amf.deadline(), this.upf.deadline()].flatMap((at) => at ?? []);
    return all.length === 0 ? undefined : Math.min(...all);
  }

  receiveGtpu(datagram: Uint8Array, remote: SocketAddress): void {
    this.upf.receive(datagram, remote);
  }
}
