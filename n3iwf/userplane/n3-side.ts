import type { SocketAddress } from '#ikev2';
import type { N3Address, N3Addresses } from '../n3/addresses.ts';
import {
  decodeErrorIndication,
  encodeEchoResponse,
  encodeErrorIndication,
  encodeSupportedExtensions,
  GTPU_PORT,
  GTPU_TYPE,
  type GtpuMessage,
} from '../n3/gtpu.ts';
import type { PathSupervisor } from '../n3/paths.ts';
import { formatAddress } from './address.ts';
import type { DropCause } from './drops.ts';
import type { PlaneTables } from './tables.ts';
import type { PlanePorts } from './types.ts';

/** UEs whose sessions end in one turn when a path is lost: thousands may have tunnels there. */
const uesAtOnce = 50;

/** Answers to strangers in one period: UPFs that have lost many sessions are told of each within seconds. */
const answersAtMost = 100;
const answerPeriodMs = 100;

/** The node's end of GTP-U but for user packets: echo, error indications, end markers. */
export class N3Side {
  private readonly addresses: N3Addresses;
  private readonly tables: PlaneTables;
  private readonly paths: PathSupervisor | undefined;
  private readonly ports: PlanePorts;
  /** Since when answers are counted, ms, and how many there were. */
  private answersSince = Number.NEGATIVE_INFINITY;
  private answers = 0;

  /** Without `paths` none is watched; peers' echo requests are answered all the same. */
  constructor(
    addresses: N3Addresses,
    tables: PlaneTables,
    paths: PathSupervisor | undefined,
    ports: PlanePorts,
  ) {
    this.addresses = addresses;
    this.tables = tables;
    this.paths = paths;
    this.ports = ports;
  }

  /** A message other than a user packet; why it was dropped, or undefined. `local` is where it was received. */
  receive(
    now: number,
    { type, teid, sequence = 0, payload }: GtpuMessage,
    remote: SocketAddress,
    local: string,
  ): DropCause | undefined {
    switch (type) {
      case GTPU_TYPE.ECHO_REQUEST:
        this.answer(now, encodeEchoResponse(sequence), remote, this.addresses.named(local));
        return undefined;
      case GTPU_TYPE.ECHO_RESPONSE:
        this.paths?.answered(now, remote.address, sequence);
        return undefined;
      case GTPU_TYPE.ERROR_INDICATION:
        return this.receiveErrorIndication(payload, remote);
      case GTPU_TYPE.END_MARKER:
        return this.receiveEndMarker(teid);
      // The peer tells what it comprehends; what is sent from here is the least.
      case GTPU_TYPE.SUPPORTED_EXTENSION_HEADERS:
        return undefined;
      default:
        return 'unexpectedGtpu';
    }
  }

  /**
   * The UPF has lost a tunnel. Believed only from the UPF's own address and for the TEID that we send to, so that a
   * guess of a stranger ends nobody's session [TS29281 7.3.1].
   */
  private receiveErrorIndication(payload: Uint8Array, remote: SocketAddress): DropCause | undefined {
    const decoded = decodeErrorIndication(payload);
    if (!decoded.ok) return 'malformedGtpu';
    const { teid, address } = decoded.value;
    const session = this.tables.byUplink(formatAddress(address), teid);
    if (session === undefined || session.upf.address !== remote.address) return 'unexpectedGtpu';
    this.ports.tunnelsLost?.(session.ue.id, [session.pduSessionId], 'errorIndication');
    return undefined;
  }

  /**
   * The path to a UPF is given up: the sessions of some UEs that have tunnels to it end, of others when it is called again.
   * What the port leaves of them is taken out here, so that it comes to an end.
   */
  giveUp(upf: string): void {
    for (const [ue, sessions] of this.tables.sessionsTo(upf, uesAtOnce)) {
      const ids = sessions.map(({ pduSessionId }) => pduSessionId);
      this.ports.tunnelsLost?.(ue.id, ids, 'silentPath');
      for (const session of sessions)
        if (ue.sessions.get(session.pduSessionId) === session) this.tables.removeSession(session);
    }
  }

  /** The last packet of a tunnel that the core has moved [TS29281 7.3.2]. */
  private receiveEndMarker(teid: number): DropCause | undefined {
    const session = this.tables.byTeid.get(teid);
    if (session === undefined) return 'unknownTeid';
    session.endMarkers++;
    return undefined;
  }

  /** Answers a user packet for a tunnel that is not here: to port 2152, whatever port it came from [TS29281 4.4.2]. */
  refuseTunnel(now: number, teid: number, { address }: SocketAddress, local: string): void {
    const at = this.addresses.named(local);
    this.answer(now, encodeErrorIndication(teid, at.octets), { address, port: GTPU_PORT }, at);
  }

  /** Answers a packet with an extension header that must be comprehended [TS29281 5.2.1]. */
  refuseExtension(now: number, sequence: number, remote: SocketAddress, local: string): void {
    this.answer(now, encodeSupportedExtensions(sequence), remote, this.addresses.named(local));
  }

  /** What anybody can bring about, by a packet with another's address too, goes out so often only. */
  private answer(now: number, datagram: Uint8Array, remote: SocketAddress, local: N3Address): void {
    if (now - this.answersSince >= answerPeriodMs || now < this.answersSince) {
      this.answersSince = now;
      this.answers = 0;
    }
    if (++this.answers <= answersAtMost) this.ports.sendGtpu(datagram, remote, 0, local.text);
  }
}
