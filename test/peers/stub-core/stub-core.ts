import type { SocketAddress } from '#ikev2';
import { SimulatedUpf } from '../core/upf.ts';
import { StubAusf } from './ausf.ts';
import type { StubCoreConfig } from './config.ts';
import { directoryRoutes } from './directory.ts';
import { type CallBack, type Route, route, type SbiRequest, type SbiResponse } from './http.ts';
import { StubSmContexts } from './sm-contexts.ts';
import { subscriptionRoutes } from './subscriptions.ts';

/** Where the stub's output goes. */
export interface StubCorePorts {
  random(length: number): Uint8Array;
  /** Milliseconds of the clock by which `tick` is called. */
  now(): number;
  /** A request of the AMF, to be made after the answer at hand has gone; its answer is of no consequence. */
  callBack(request: CallBack): void;
  sendGtpu(datagram: Uint8Array, remote: SocketAddress): void;
}

/**
 * Everything that an AMF needs around it, in one: NRF, AUSF, UDM, NSSF, PCF and SMF by their service-based interfaces,
 * and a UPF. Sans-I/O: requests and GTP-U datagrams in; answers, call-backs and datagrams out.
 */
export class StubCore {
  readonly upf: SimulatedUpf;
  readonly smContexts: StubSmContexts;
  /** Requests by method and path without query, in the order in which they came. */
  readonly seen: string[] = [];
  /** UEs that the AMF serves, and where it wants to hear that it should stop. */
  readonly registered = new Map<string, string>();
  private readonly routes: readonly Route[];
  private readonly ports: StubCorePorts;

  constructor(config: StubCoreConfig, ports: StubCorePorts) {
    this.ports = ports;
    const own = Uint8Array.from(config.upfAddress.split('.'), Number);
    this.upf = new SimulatedUpf(own, config.sessionPrefix, {
      send: (datagram, remote) => ports.sendGtpu(datagram, remote),
      random: (length) => ports.random(length),
      now: () => ports.now(),
    });
    this.smContexts = new StubSmContexts(config, this.upf, (request) => ports.callBack(request));
    this.routes = [
      ...directoryRoutes(config),
      ...new StubAusf(config, (length) => ports.random(length)).routes,
      ...subscriptionRoutes(config, {
        registered: (supi, deregistrationUri) => void this.registered.set(supi, deregistrationUri),
        purged: (supi) => void this.registered.delete(supi),
      }),
      ...this.smContexts.routes,
    ];
  }

  /** Answers one request; never throws for what a peer sent. */
  receive(request: SbiRequest): SbiResponse {
    this.seen.push(`${request.method} ${request.path.split('?', 1)[0]}`);
    return route(this.routes, request);
  }

  receiveGtpu(datagram: Uint8Array, remote: SocketAddress): void {
    this.upf.receive(datagram, remote);
  }

  /** The home network takes a UE's registration back: the AMF hears it from the UDM [TS29503 5.3.2.3]. */
  withdraw(supi: string): void {
    const uri = this.registered.get(supi);
    if (uri === undefined || !URL.canParse(uri)) return;
    const { origin, pathname } = new URL(uri);
    const json = { deregReason: 'SUBSCRIPTION_WITHDRAWN', accessType: 'NON_3GPP_ACCESS' };
    this.ports.callBack({ method: 'POST', origin, path: pathname, payload: { json, parts: [] } });
  }

  tick(): void {
    this.upf.tick();
  }

  deadline(): number | undefined {
    return this.upf.deadline();
  }
}
