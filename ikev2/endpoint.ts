/**
 * All IKE SAs of one node. A datagram finds its SA by the SPI that is ours, a first request by where it comes from.
 * Handles: `receive`, `tick`, the commands. Poll: `deadline`. Everything that has to happen is in the returned outputs.
 */

import type { EndpointConfig, InitiatorProfile } from './configuration.ts';
import type { KeyAnswer } from './crypto/types.ts';
import type { IkeSaSummary, Output } from './output.ts';
import type { ChildSaRequest, EndpointPorts } from './ports.ts';
import { Channel, NO_SPI, plainOctets, spiKey } from './sa/channel.ts';
import { Exchanges } from './sa/exchanges.ts';
import { dropIncomplete } from './sa/fragments.ts';
import { IkeSa } from './sa/ike-sa.ts';
import { checkSilence, expireHalfOpen, summarize } from './sa/lifecycle.ts';
import { noteUsage } from './sa/lifetimes.ts';
import { sendKeepalive } from './sa/mobility.ts';
import { Node } from './sa/node.ts';
import { notify } from './sa/payloads.ts';
import { RateLimit } from './sa/rate-limit.ts';
import { InitiatorAuthentication } from './sa/tasks/auth-initiator.ts';
import { ResponderAuthentication } from './sa/tasks/auth-responder.ts';
import { CreateChildTask, mayRekey, rekeyChildTask } from './sa/tasks/create-child.ts';
import { requestFresh } from './sa/tasks/fresh-ppk.ts';
import { deleteChildTask, deleteIkeTask, informTask, livenessTask } from './sa/tasks/informational.ts';
import { type AcceptedInit, admitInit, answerInit, answerKe, InitTask } from './sa/tasks/init.ts';
import { InitiatorIntermediate, ResponderIntermediate } from './sa/tasks/intermediate.ts';
import { changeAddress } from './sa/tasks/mobike.ts';
import { redirectAtOnce, redirectTask } from './sa/tasks/redirect.ts';
import { RekeyIkeTask } from './sa/tasks/rekey-ike.ts';
import { renew } from './sa/tasks/renew.ts';
import { DEFAULT_TIMERS } from './sa/timers.ts';
import type { EapAnswer } from './sa/waiting.ts';
import { fingerprint } from './sa/window.ts';
import type { GatewayIdentity, IkeSaId, Ppk } from './terms.ts';
import type { TimerName } from './timing.ts';
import { IkeError } from './wire/errors.ts';
import { decodeHeader, decodeMessage, encodeMessage } from './wire/message.ts';
import { EXCHANGE, NOTIFY } from './wire/registry.ts';
import type { DecodedMessage, IkeHeader, Notify, NotifyPayload, SocketAddress } from './wire/types.ts';

const NON_ESP_MARKER = 4;
const MAJOR_VERSION = 2;
/**
 * Octets of a first request, which is kept until the set-up is over. RFC 7296 section 2 wants 3000 at least; ML-KEM-1024
 * with a cookie and many proposals stays below.
 */
const MOST_INIT = 4_096;

/** See the head of this file. Commands for an SA that is unknown, closed or did not ask are void. */
export class IkeEndpoint {
  private readonly node: Node;
  /** Responder SAs by the first request that made them, so that its repetition finds them. [RFC7296 2.1] */
  private readonly byInit = new Map<string, IkeSa>();
  private readonly initKeys = new Map<IkeSaId, string>();
  private readonly strayAnswers = new RateLimit(10, 1_000);
  /** Refusals of first requests, whose senders nobody knows. */
  private readonly refusals = new RateLimit(1_000, 1_000);
  private lastId = 0;

  constructor(config: EndpointConfig, ports: EndpointPorts) {
    this.node = new Node(config, ports, { ...DEFAULT_TIMERS, ...config.timers });
  }

  /**
   * Goes by another configuration from now on: IKE SAs that begin, rekeys, Child SAs and messages to come. What stands
   * stands, whatever it rests on. Ports and the own identity are to stay as they are.
   */
  reconfigure(config: EndpointConfig): void {
    this.node.reconfigure(config, { ...DEFAULT_TIMERS, ...config.timers });
  }

  /**
   * A whole UDP payload that came to `local` from `remote`; on the NAT-T port with its marker. `now` in ms.
   * The octets may be kept: the caller must not write to them afterwards.
   */
  receive(now: number, datagram: Uint8Array, local: SocketAddress, remote: SocketAddress): Output[] {
    const octets = this.withoutMarker(plainOctets(datagram), local);
    if (octets === undefined) return [];
    const header = decodeHeader(octets);
    if (!header.ok) return this.mark(rejected(header.error.message, remote));
    if (header.value.majorVersion < MAJOR_VERSION)
      return this.mark(rejected('IKE of an older version', remote));
    if (header.value.majorVersion > MAJOR_VERSION) {
      return this.mark(this.answerStray(now, header.value, NOTIFY.INVALID_MAJOR_VERSION, local, remote));
    }
    const message = decodeMessage(octets);
    if (!message.ok) return this.mark(rejected(message.error.message, remote));
    const sa = this.find(message.value.header);
    if (sa !== undefined) return this.run(now, sa, () => sa.receive(octets, message.value, local, remote));
    if (opensSa(message.value.header)) return this.mark(this.open(now, octets, message.value, local, remote));
    return this.mark(this.answerStray(now, message.value.header, NOTIFY.INVALID_IKE_SPI, local, remote));
  }

  /** Fires what is due. */
  tick(now: number): Output[] {
    return [...this.node.agenda.takeDue(now)].flatMap((sa) =>
      this.run(now, sa, () => {
        for (const timer of sa.timers.expire(now)) this.fire(sa, timer);
      }),
    );
  }

  /** When {@link tick} has something to do next. */
  deadline(): number | undefined {
    return this.node.agenda.deadline();
  }

  /** Starts an IKE SA as initiator from `local`. */
  connect(
    now: number,
    local: SocketAddress,
    remote: SocketAddress,
    profile: InitiatorProfile,
  ): { ikeSaId: IkeSaId; outputs: Output[] } {
    return this.begin(now, { local, remote }, profile);
  }

  /** As {@link connect}; `supersedes` is deleted when the new one stands. */
  private begin(
    now: number,
    addresses: { readonly local: SocketAddress; readonly remote: SocketAddress },
    profile: InitiatorProfile,
    supersedes?: IkeSaId,
  ): { ikeSaId: IkeSaId; outputs: Output[] } {
    const channel = new Channel(true, this.node.newIkeSpi(), NO_SPI);
    const exchanges = new Exchanges();
    const sa = new IkeSa(this.node, ++this.lastId, channel, addresses, exchanges, profile);
    sa.supersedes = supersedes;
    this.add(sa);
    const outputs = this.run(now, sa, () => {
      sa.timers.set('setUp', now + this.node.timers.setUp);
      const task = new InitTask(sa, (init) => {
        exchanges.intermediate = new InitiatorIntermediate(sa, init, () => {
          exchanges.initiator = new InitiatorAuthentication(sa, init, profile);
          exchanges.initiator.start(sa);
        });
        exchanges.intermediate.start(sa);
      });
      sa.request(task);
    });
    return { ikeSaId: sa.id, outputs };
  }

  /** Responder: a Request, Success (with the MSK) or Failure, which ends the SA. Initiator: a Response. */
  sendEap(now: number, ikeSaId: IkeSaId, packet: Uint8Array, msk?: Uint8Array): Output[] {
    const answer: EapAnswer = { packet, msk };
    return this.command(now, ikeSaId, (sa) => sa.answer('eap', answer));
  }

  /** Initiator: the key that EAP left, after EAP-Success; AUTH goes out. */
  setMsk(now: number, ikeSaId: IkeSaId, msk: Uint8Array): Output[] {
    return this.command(now, ikeSaId, (sa) => sa.answer('msk', msk));
  }

  /** Responder: an error notify, and others that explain it, in place of an EAP answer; ends the SA. */
  failEap(now: number, ikeSaId: IkeSaId, notifyType: number, notifies: readonly Notify[] = []): Output[] {
    return this.command(now, ikeSaId, (sa) => sa.answer('eap', { refuse: notifyType, notifies }));
  }

  /**
   * Answers `ppkRequested`, by default the oldest question; undefined when there is no key. An initiator may hand in
   * several, of which the peer picks one where it can. The secrets are copied.
   */
  providePpk(
    now: number,
    ikeSaId: IkeSaId,
    ppk: Ppk | readonly Ppk[] | undefined,
    request?: number,
  ): Output[] {
    const ppks = ppk === undefined ? [] : 'secret' in ppk ? [ppk] : ppk;
    return this.command(now, ikeSaId, (sa) => sa.ppks.answer(ppks, request));
  }

  /** Answers `sharedSecretRequested`; undefined when there is none. The secret is copied. */
  provideSharedSecret(now: number, ikeSaId: IkeSaId, secret: Uint8Array | undefined): Output[] {
    return this.command(now, ikeSaId, (sa) => sa.answer('secret', secret));
  }

  /** Asks the peer for another Child SA; ends in `childSaEstablished` or `childSaFailed` with the same tag. */
  createChildSa(now: number, ikeSaId: IkeSaId, request: ChildSaRequest): Output[] {
    return this.command(now, ikeSaId, (sa) => {
      if (sa.state === 'established') requestFresh(sa, new CreateChildTask(sa, request));
    });
  }

  /** Replaces the keys of a Child SA: `childSaEstablished` with `rekeyed`, then `childSaDeleted` of the old one. */
  rekeyChildSa(now: number, ikeSaId: IkeSaId, childSaId: number): Output[] {
    return this.command(now, ikeSaId, (sa) => {
      const child = sa.children.get(childSaId);
      if (sa.state === 'established' && child?.busy === 'no' && mayRekey(sa, child))
        requestFresh(sa, rekeyChildTask(sa, child));
    });
  }

  /** Tells the peer; `childSaDeleted` follows when it confirms. */
  deleteChildSa(now: number, ikeSaId: IkeSaId, childSaId: number): Output[] {
    return this.command(now, ikeSaId, (sa) => {
      const child = sa.children.get(childSaId);
      if (sa.state === 'established' && child !== undefined)
        sa.request(deleteChildTask(child, 'deleted here'));
    });
  }

  /** Replaces SPIs and keys of the IKE SA: `ikeSaRekeyed`; the handle and the Child SAs stay. */
  rekeyIkeSa(now: number, ikeSaId: IkeSaId): Output[] {
    return this.command(now, ikeSaId, (sa) => {
      if (sa.state === 'established') requestFresh(sa, new RekeyIkeTask(sa));
    });
  }

  /**
   * Says what a Child SA has carried since it was made, both ways together, so that limits by octets and packets are
   * kept: a soft one begins a rekey, a hard one deletes it.
   */
  noteUsage(now: number, ikeSaId: IkeSaId, childSaId: number, octets: number, packets: number): Output[] {
    return this.command(now, ikeSaId, (sa) => {
      const child = sa.children.get(childSaId);
      if (sa.state !== 'established' || child === undefined) return;
      noteUsage(sa, child, octets, packets);
      renew(sa);
    });
  }

  /**
   * Initiator: sets up an IKE SA like this one from the beginning; when it stands, this one is deleted. Undefined when
   * there is none to repeat. [RFC7296 2.8.3]
   */
  reauthenticate(now: number, ikeSaId: IkeSaId): { ikeSaId: IkeSaId; outputs: Output[] } | undefined {
    const old = this.node.sas.get(ikeSaId);
    if (old?.state !== 'established' || old.profile === undefined) return undefined;
    return this.begin(now, old.startedFrom, old.profile, ikeSaId);
  }

  /** Tells the peer and closes when it confirms; an SA that is not yet established is closed at once. */
  deleteIkeSa(now: number, ikeSaId: IkeSaId): Output[] {
    return this.command(now, ikeSaId, (sa) => {
      if (sa.state === 'established') return sa.request(deleteIkeTask('deleted here'), true);
      if (sa.state !== 'deleting') sa.abort('given up here');
    });
  }

  /**
   * Initiator: goes on from another address of ours, or to another of the peer's, with all SAs: `addressChanged`, or
   * `addressRefused`. Void where the responder does not know MOBIKE. [RFC4555 3.5]
   */
  changeAddress(now: number, ikeSaId: IkeSaId, local: SocketAddress, remote?: SocketAddress): Output[] {
    return this.command(now, ikeSaId, (sa) => {
      if (sa.state !== 'established' || sa.role !== 'initiator' || !sa.mobike) return;
      changeAddress(sa, { local, remote: remote ?? sa.remote });
    });
  }

  /** Whether the initiator of an IKE SA that stands would follow a {@link redirect}. [RFC5685 3] */
  followsRedirect(ikeSaId: IkeSaId): boolean {
    const sa = this.node.sas.get(ikeSaId);
    return sa?.state === 'established' && sa.redirectable;
  }

  /** Responder: sends the initiator to another gateway; void for one that does not follow. [RFC5685 5] */
  redirect(now: number, ikeSaId: IkeSaId, gateway: GatewayIdentity): Output[] {
    return this.command(now, ikeSaId, (sa) => {
      if (sa.state === 'established' && sa.redirectable) sa.request(redirectTask(gateway));
    });
  }

  /** Tells the peer something of an SA that it has; ends in `informed` with the same tag, or in the end of the SA. */
  inform(now: number, ikeSaId: IkeSaId, notifies: readonly Notify[], tag: string): Output[] {
    return this.command(now, ikeSaId, (sa) => {
      if (sa.state === 'established') sa.request(informTask(notifies, tag));
    });
  }

  /** Asks the peer for a sign of life: `livenessConfirmed`, or `ikeSaClosed` by timeout. */
  checkLiveness(now: number, ikeSaId: IkeSaId): Output[] {
    return this.command(now, ikeSaId, (sa) => {
      if (sa.state === 'established') sa.request(livenessTask());
    });
  }

  /** Every SA that is not closed. */
  *ikeSas(): Iterable<IkeSaSummary> {
    for (const sa of this.node.sas.values()) if (sa.state !== 'closed') yield summarize(sa);
  }

  /** [RFC7296 3.1] [RFC3948 2.2] four zero octets stand before IKE on the NAT-T port; anything else there is not ours. */
  private withoutMarker(datagram: Uint8Array, local: SocketAddress): Uint8Array | undefined {
    if (local.port !== this.node.config.natTraversalPort) return datagram;
    for (let i = 0; i < NON_ESP_MARKER; i++) if (datagram[i] !== 0) return undefined;
    return datagram.subarray(NON_ESP_MARKER);
  }

  /** Puts the marker in front of what leaves by the NAT-T port. */
  private mark(outputs: Output[]): Output[] {
    const port = this.node.config.natTraversalPort;
    return outputs.map((output) => {
      if (output.kind !== 'transmit' || output.local.port !== port || output.bare === true) return output;
      const data = new Uint8Array(NON_ESP_MARKER + output.data.length);
      data.set(output.data, NON_ESP_MARKER);
      return { ...output, data };
    });
  }

  /** The SA whose own SPI the header names and whose peer's SPI fits; the sender's I flag tells which is ours. */
  private find(header: IkeHeader): IkeSa | undefined {
    const sa = this.node.byLocalSpi.get(spiKey(header.initiator ? header.spiResponder : header.spiInitiator));
    return sa?.channelOf(header) === undefined ? undefined : sa;
  }

  /** A first request: its repetition, or a new responder SA. */
  private open(
    now: number,
    datagram: Uint8Array,
    message: DecodedMessage,
    local: SocketAddress,
    remote: SocketAddress,
  ): Output[] {
    if (datagram.length > MOST_INIT) return rejected('a first request of too many octets', remote);
    const key = `${remote.address}|${remote.port}|${fingerprint(datagram)}`;
    const known = this.byInit.get(key);
    if (known !== undefined)
      return this.run(now, known, () => known.receive(datagram, message, local, remote), false);
    const { spiInitiator } = message.header;
    const verdict = this.node.gate.judge(now, spiInitiator, message.payloads, remote);
    if (verdict.kind === 'drop') return rejected('too many half-open IKE SAs', remote);
    // Not at a bounded rate: the flood would use it up, and honest initiators would be shut out with it.
    if (verdict.kind === 'cookie')
      return this.answerClear(message.header, [notify(NOTIFY.COOKIE, verdict.cookie)], local, remote);
    const elsewhere = redirectAtOnce(this.node, message.payloads, remote);
    if (elsewhere !== undefined) return this.refuseInit(now, message.header, elsewhere, local, remote);
    let accepted: AcceptedInit;
    let spiResponder: Uint8Array;
    let half: KeyAnswer;
    try {
      accepted = admitInit(this.node, message.payloads);
      spiResponder = this.node.newIkeSpi();
      half = answerKe(this.node, accepted);
    } catch (error) {
      // A fault of ours, or of a port: there is no SA yet that could end with it, and it is to reach nobody else.
      if (!(error instanceof IkeError)) return rejected(`fault: ${String(error)}`, remote);
      const refusal = notify(error.notifyType, error.notifyData);
      const answer = this.refuseInit(now, message.header, refusal, local, remote);
      return [...answer, ...rejected(error.message, remote)];
    }
    const channel = new Channel(false, Uint8Array.from(spiInitiator), spiResponder);
    const exchanges = new Exchanges();
    const sa = new IkeSa(this.node, ++this.lastId, channel, { local, remote }, exchanges);
    this.add(sa);
    this.node.gate.enter(sa.id, remote);
    this.byInit.set(key, sa);
    this.initKeys.set(sa.id, key);
    const begin = () => {
      sa.timers.set('halfOpen', now + this.node.timers.halfOpen);
      const init = answerInit(sa, datagram, message.payloads, accepted, half);
      exchanges.between = new ResponderIntermediate(sa, init);
      exchanges.responder = new ResponderAuthentication(init);
    };
    return this.run(now, sa, begin, false);
  }

  /** What a first request gets in place of an answer, at a bounded rate. */
  private refuseInit(
    now: number,
    header: IkeHeader,
    refusal: NotifyPayload,
    local: SocketAddress,
    remote: SocketAddress,
  ): Output[] {
    return this.refusals.allow(now) ? this.answerClear(header, [refusal], local, remote) : [];
  }

  /** From here on the SA is found by handle and by SPI. */
  private add(sa: IkeSa): void {
    this.node.sas.set(sa.id, sa);
    this.node.byLocalSpi.set(spiKey(sa.channel.localSpi), sa);
  }

  /** Forgets an SA after it has lingered. */
  private remove(sa: IkeSa): void {
    this.node.sas.delete(sa.id);
    this.node.byLocalSpi.delete(spiKey(sa.channel.localSpi));
    this.node.gate.leave(sa.id);
    sa.beside.clear();
    const key = this.initKeys.get(sa.id);
    if (key !== undefined) this.byInit.delete(key);
    this.initKeys.delete(sa.id);
  }

  /** What each timer means. */
  private fire(sa: IkeSa, timer: TimerName): void {
    switch (timer) {
      case 'retransmit':
        sa.requests.retransmit();
        return;
      case 'halfOpen':
        expireHalfOpen(sa);
        return;
      case 'setUp':
        sa.abort('the set-up took too long', 'timeout');
        return;
      case 'liveness':
        checkSilence(sa, livenessTask);
        return;
      case 'retired':
        sa.beside.expire();
        return;
      case 'keepalive':
        sendKeepalive(sa);
        return;
      case 'lifetime':
        renew(sa);
        return;
      case 'reassembly':
        dropIncomplete(sa);
        return;
      case 'followUp':
        sa.series.expire();
        return;
      case 'linger':
        this.remove(sa);
        return;
    }
  }

  /** Runs a command on a living SA. */
  private command(now: number, ikeSaId: IkeSaId, act: (sa: IkeSa) => void): Output[] {
    const sa = this.node.sas.get(ikeSaId);
    if (sa === undefined || sa.state === 'closed') return [];
    return this.run(now, sa, () => act(sa));
  }

  /** The boundary of one SA: whatever goes wrong inside ends that SA alone. */
  private run(now: number, sa: IkeSa, act: () => void, mark = true): Output[] {
    sa.now = now;
    try {
      act();
    } catch (error) {
      const cause = error instanceof IkeError ? 'protocol' : 'fault';
      sa.close(cause, error instanceof Error ? error.message : String(error));
    }
    const outputs = sa.takeOutputs();
    for (let next = this.node.deferred.shift(); next !== undefined; next = this.node.deferred.shift()) {
      const { sa: other, act: then } = next;
      outputs.push(...this.run(now, other, () => then(other), false));
    }
    return mark ? this.mark(outputs) : outputs;
  }

  /** An answer outside any SA, at a bounded rate, never to a response. [RFC7296 1.5] */
  private answerStray(
    now: number,
    header: IkeHeader,
    notifyType: number,
    local: SocketAddress,
    remote: SocketAddress,
  ): Output[] {
    const reason = notifyType === NOTIFY.INVALID_IKE_SPI ? 'unknown IKE SPIs' : 'unknown major version';
    const event = rejected(reason, remote);
    if (header.response || !this.strayAnswers.allow(now)) return event;
    return [...this.answerClear(header, [notify(notifyType)], local, remote), ...event];
  }

  /** [RFC7296 1.5] the header is the request's, with the R flag set and the I flag turned. */
  private answerClear(
    { spiInitiator, spiResponder, exchange, messageId, initiator }: IkeHeader,
    payloads: readonly NotifyPayload[],
    local: SocketAddress,
    remote: SocketAddress,
  ): Output[] {
    const header = { spiInitiator, spiResponder, exchange, messageId, initiator: !initiator, response: true };
    return [{ kind: 'transmit', data: encodeMessage(header, payloads), local, remote }];
  }
}

/** Whether the header is that of a first request. */
function opensSa(header: IkeHeader): boolean {
  return (
    header.exchange === EXCHANGE.IKE_SA_INIT &&
    header.initiator &&
    !header.response &&
    header.messageId === 0 &&
    header.spiResponder.every((octet) => octet === 0) &&
    header.spiInitiator.some((octet) => octet !== 0)
  );
}

/** The report of a datagram that belongs to no SA. */
function rejected(reason: string, remote: SocketAddress): Output[] {
  return [{ kind: 'event', event: { type: 'messageRejected', reason, remote } }];
}
