/**
 * One IKE SA: an actor with its own message window, timers and state. Handles are `receive`, `tick` and the commands;
 * everything else is called by the tasks, which know what the messages mean.
 */

import type { InitiatorProfile } from '../configuration.ts';
import type { AuthAnnouncement } from '../crypto/auth-methods.ts';
import type { Keymat } from '../crypto/keymat.ts';
import type { CloseCause, IkeEvent, Output } from '../output.ts';
import type { PpkIdentity, Role } from '../terms.ts';
import { IkeError } from '../wire/errors.ts';
import { EXCHANGE, NOTIFY } from '../wire/registry.ts';
import type {
  CpAttribute,
  DecodedMessage,
  Identity,
  IkeHeader,
  Notify,
  Payload,
  SocketAddress,
} from '../wire/types.ts';
import { type Channel, isZero, NO_SPI, spiKey } from './channel.ts';
import type { ChildRecord } from './child-sa.ts';
import { readContents } from './contents.ts';
import { answerDivided, collectFragment } from './fragments.ts';
import { dueOf, type Life, startIkeLife } from './lifetimes.ts';
import { armKeepalive, heard, type Path } from './mobility.ts';
import type { Node } from './node.ts';
import { leastRoom } from './path-mtu.ts';
import { notify } from './payloads.ts';
import { PpkRequests } from './ppk-requests.ts';
import type { Opened } from './reassembly.ts';
import { Requests } from './requests.ts';
import { SideChannels } from './retired.ts';
import { PeerSeries } from './series.ts';
import { advance, type SaInput, type SaState } from './states.ts';
import type { Task } from './task.ts';
import { TimerTable } from './timers.ts';
import type { Answer, Waiting, WaitingFor } from './waiting.ts';
import type { Sent } from './window.ts';

/** What a finished handler of a peer's request has to leave behind: an answer, now or later. */
export interface RequestHandler {
  /** `opened` is what stood inside SK. */
  onRequest(sa: IkeSa, exchange: number, payloads: readonly Payload[], opened: Opened): void;
  /** Set-up is over, one way or the other: what served it can go, its secrets zeroed. */
  onSetUpEnded(sa: IkeSa): void;
}

/** See the head of this file. Fields that tasks change are public, the exchange layer's are not. */
export class IkeSa {
  readonly id: number;
  readonly node: Node;
  readonly role: Role;
  /** Present on SAs that we started. */
  readonly profile: InitiatorProfile | undefined;
  /** Addresses and ports with which it began. */
  readonly startedFrom: Path;
  readonly children = new Map<number, ChildRecord>();
  /** SPIs that the peer deleted before we had its answer to the request that made them. */
  readonly deletedEarly = new Set<number>();
  readonly timers: TimerTable;
  channel: Channel;
  /** Predecessors of the channel, and what collisions leave. */
  readonly beside = new SideChannels(this);
  /** SAs whose keys the peer has not finished exchanging. */
  readonly series = new PeerSeries(this);
  /** Key exchanges of ours in a row that the peer forgot midway. */
  statesLost = 0;
  /** What this side asks of the peer. */
  readonly requests = new Requests(this);
  state: SaState = 'created';
  local: SocketAddress;
  remote: SocketAddress;
  nat = { local: false, remote: false };
  /** Octets of a message that go in one datagram; without end where fragments were not agreed on. [RFC7383 2.3] */
  room = Number.POSITIVE_INFINITY;
  suite = '';
  peerId: Identity | undefined;
  ppkIdentity: PpkIdentity | undefined;
  /** Questions to the owner for post-quantum preshared keys. */
  readonly ppks = new PpkRequests(this);
  /** Both sides can take a fresh PPK for each SA. */
  freshPpks = false;
  /** Methods by which the peer lets us prove ourselves, where it said so. [RFC9593 3.1] */
  peerAuthMethods: readonly AuthAnnouncement[] | undefined;
  /** Notify type with which somebody refused our IKE_SA_INIT. */
  initRefusal: number | undefined;
  /** Of the keys in use. */
  life: Life | undefined;
  /** The authentication counts until then, and we should repeat ours at that time. [RFC4478 3] */
  authenticationEnds: number | undefined;
  reauthenticateAt: number | undefined;
  /** The IKE SA that ends when this one stands. */
  supersedes: number | undefined;
  /** The way that the request came which is being answered. */
  asked: Path;
  /** Its exchange type. */
  private askedExchange: number = EXCHANGE.IKE_SA_INIT;
  /** The initiator follows a REDIRECT. [RFC5685 3] */
  redirectable = false;
  /** Both sides know MOBIKE. [RFC4555 3.1] */
  mobike = false;
  /** The hash that the responder last made of our address. */
  seenAs: Uint8Array | undefined;
  lastHeard = 0;
  now = 0;
  private readonly handler: RequestHandler;
  private waiting: Waiting | undefined;
  private outputs: Output[] = [];

  constructor(
    node: Node,
    id: number,
    channel: Channel,
    addresses: Path,
    handler: RequestHandler,
    profile?: InitiatorProfile,
  ) {
    this.node = node;
    this.timers = new TimerTable((at) => node.agenda.add(at, this));
    this.id = id;
    this.channel = channel;
    this.role = profile === undefined ? 'responder' : 'initiator';
    this.startedFrom = addresses;
    this.asked = addresses;
    this.local = addresses.local;
    this.remote = addresses.remote;
    this.handler = handler;
    this.profile = profile;
  }

  /** Both sides are proved; an SA that is being deleted still answers. */
  get established(): boolean {
    return this.state === 'established' || this.state === 'deleting';
  }

  /** Outputs since the last call. */
  takeOutputs(): Output[] {
    const outputs = this.outputs;
    this.outputs = [];
    return outputs;
  }

  /** A message whose header names this SA. What is not authentic changes nothing. */
  receive(datagram: Uint8Array, message: DecodedMessage, local: SocketAddress, remote: SocketAddress): void {
    const channel = this.channelOf(message.header);
    if (channel === undefined || message.header.initiator === channel.initiator) {
      this.reject('the I flag is the other side’s', remote);
    } else if (channel !== this.channel) {
      this.beside.receive(channel, datagram, message, { local, remote });
    } else if (message.header.response) {
      this.receiveResponse(datagram, message, remote);
    } else {
      this.receiveRequest(datagram, message, local, remote);
    }
  }

  /** The channel whose SPIs the header has; an initiator learns the peer's SPI from the answer to IKE_SA_INIT. */
  channelOf({ spiInitiator, spiResponder, exchange }: IkeHeader): Channel | undefined {
    const initiator = spiKey(spiInitiator);
    const responder = spiKey(spiResponder);
    for (const channel of [this.channel, ...this.beside.channels()]) {
      if (spiKey(channel.spiInitiator) !== initiator) continue;
      const open = exchange === EXCHANGE.IKE_SA_INIT && channel.spiResponder === NO_SPI;
      // A repeated first request does not know our SPI yet.
      const first = exchange === EXCHANGE.IKE_SA_INIT && !channel.initiator && isZero(spiResponder);
      if (open || first || spiKey(channel.spiResponder) === responder) return channel;
    }
    return undefined;
  }

  /** A request of ours is under way or waits. */
  get busy(): boolean {
    return this.requests.busy;
  }

  /** We are about to replace the IKE SA. */
  get replacing(): boolean {
    return this.requests.current?.replacesIkeSa === true;
  }

  /** The new channel of a rekeyed SA takes over; gives the old one, of which the caller has to dispose. */
  adopt(channel: Channel): Channel {
    this.advance('rekeyed');
    // [RFC9370 2.2.4] keys derive from the SK_d of the SA on which the exchange began.
    this.series.clear();
    const old = this.channel;
    this.channel = channel;
    this.node.byLocalSpi.set(spiKey(channel.localSpi), this);
    startIkeLife(this);
    return old;
  }

  /** Moves along the state table; the set-up timer starts with the first authentic message. */
  advance(input: SaInput): void {
    this.state = advance(this.state, input);
    if (input !== 'authStarted') return;
    this.timers.clear('halfOpen');
    this.timers.set('setUp', this.now + this.node.timers.setUp);
  }

  /** Tells the owner. */
  emit(event: IkeEvent): void {
    this.outputs.push({ kind: 'event', event });
  }

  /** Hands something to the owner as it is. */
  emitOutput(output: Output): void {
    this.outputs.push(output);
  }

  /** Sends datagrams to the peer, by default where it was heard last. */
  transmit(datagrams: readonly Uint8Array[], local = this.local, remote = this.remote): void {
    for (const data of datagrams) this.outputs.push({ kind: 'transmit', data, local, remote });
  }

  /** Queues a request; it goes out when those before it are answered. */
  request(task: Task, first = false): void {
    this.requests.add(task, first);
  }

  /** Answers the request that is open; gives the first datagram, which is the whole of IKE_SA_INIT. */
  respond(exchange: number, payloads: readonly Payload[]): Uint8Array | undefined {
    const { window } = this.channel;
    const { openRequest } = window;
    if (openRequest === undefined) throw new Error('an answer without a request');
    const answer = this.seal(exchange, true, openRequest, payloads);
    window.respond(answer);
    // [RFC7296 2.11] an answer goes where the request came from.
    this.transmit(answer.datagrams, this.asked.local, this.asked.remote);
    return answer.datagrams[0];
  }

  /** A message of ours, in fragments where it has to be; it can be cut shorter later if that may help. */
  seal(exchange: number, response: boolean, messageId: number, payloads: readonly Payload[]): Sent {
    const { channel, node } = this;
    const random = (length: number) => node.random(length);
    const cipher = channel.outgoing;
    const cut = (room: number) =>
      channel.write(exchange, response, messageId, payloads, random, room, cipher);
    const datagrams = cut(this.room);
    const least = leastRoom(this.remote.address);
    const long = this.fragments && datagrams.some(({ length }) => length > least);
    return long ? { datagrams, refit: cut } : { datagrams };
  }

  /** Both sides can do fragments. */
  get fragments(): boolean {
    return Number.isFinite(this.room);
  }

  /** Suspends until the owner's command; other messages of the peer are handled meanwhile. */
  wait<K extends Waiting['kind']>(kind: K, resume: WaitingFor<K>['resume']): void {
    this.waiting = { kind, resume } as Waiting;
  }

  /** The owner's command for what was asked; without such a question it is void. */
  answer<K extends Waiting['kind']>(kind: K, value: Answer<K>): void {
    const waiting = this.waiting;
    if (waiting?.kind !== kind) return;
    this.waiting = undefined;
    this.guarded(EXCHANGE.IKE_AUTH, this.role === 'responder', () =>
      (waiting.resume as (value: Answer<K>) => void)(value),
    );
  }

  /** The keys; asked for only where the state says that there are some. */
  get keymat(): Keymat {
    const { keymat } = this.channel;
    if (keymat === undefined) throw new Error(`IKE SA in state ${this.state} has no keys`);
    return keymat;
  }

  /** From here on SK_d and SK_p depend on the PPK, too. [RFC8784 3] */
  mixPpk(secret: Uint8Array, identity: PpkIdentity): void {
    const mixed = this.keymat.applyPpk(secret);
    this.keymat.wipe();
    this.channel.keymat = mixed;
    this.ppkIdentity = identity;
  }

  /** Both sides are authenticated. */
  establish(
    peerId: Identity,
    auth: string,
    attributes: readonly CpAttribute[] | undefined,
    notifies: readonly Notify[],
  ): void {
    this.advance('authenticated');
    this.peerId = peerId;
    this.timers.clear('setUp');
    this.armLiveness();
    startIkeLife(this);
    armKeepalive(this);
    this.handler.onSetUpEnded(this);
    const { suite, local, remote, role, ppkIdentity, supersedes } = this;
    this.emit({
      type: 'ikeSaEstablished',
      ikeSaId: this.id,
      role,
      peerId,
      suite,
      auth,
      ...(supersedes === undefined ? {} : { supersedes }),
      ...(ppkIdentity === undefined ? {} : { ppkIdentity }),
      freshPpks: this.freshPpks,
      ...dueOf(this.life),
      ...(attributes === undefined ? {} : { attributes }),
      notifies,
      local,
      remote,
    });
  }

  /** Looks for a sign of life after a while of silence; `liveness` 0 never does. */
  armLiveness(): void {
    const { liveness } = this.node.timers;
    if (liveness > 0) this.timers.set('liveness', this.lastHeard + liveness);
  }

  /** Ends the SA on this side: no message is sent by this. Secrets are zeroed, the last answer can still be repeated. */
  close(cause: CloseCause, reason: string, notifyType?: number): void {
    if (this.state === 'closed') return;
    const established = this.established;
    this.advance('close');
    this.handler.onSetUpEnded(this);
    this.waiting = undefined;
    this.ppks.clear();
    this.series.clear();
    this.requests.abandon(reason);
    for (const child of this.children.values()) {
      this.node.releaseEspSpi(child.spiIn);
      this.emit({ type: 'childSaDeleted', ikeSaId: this.id, childSaId: child.id, reason, withIkeSa: true });
    }
    this.children.clear();
    this.channel.wipe();
    this.timers.clearAll();
    this.timers.set('linger', this.now + this.node.timers.linger);
    this.beside.outlive();
    this.emit({
      type: 'ikeSaClosed',
      ikeSaId: this.id,
      reason,
      cause,
      ...(notifyType === undefined ? {} : { notifyType }),
      established,
    });
  }

  /** Ends an SA that is not established; a peer whose request is open is told so. */
  abort(reason: string, cause: CloseCause = 'local'): void {
    if (this.channel.window.openRequest !== undefined && this.state !== 'closed') {
      this.respond(this.askedExchange, [notify(NOTIFY.AUTHENTICATION_FAILED)]);
    }
    this.close(cause, reason);
  }

  /** Reports a message that was not taken; the peer is not told. */
  reject(reason: string, remote: SocketAddress): void {
    this.emit({ type: 'messageRejected', ikeSaId: this.id, reason, remote });
  }

  /** Window first, keys second, contents last: a stranger's octets get no further than the second. */
  private receiveRequest(
    datagram: Uint8Array,
    message: DecodedMessage,
    local: SocketAddress,
    remote: SocketAddress,
  ): void {
    const { window } = this.channel;
    const { messageId, exchange } = message.header;
    const verdict = window.judge(messageId, datagram, message.encrypted?.fragment?.number);
    if (verdict.kind === 'repeated') {
      this.transmit(verdict.answer.datagrams, local, remote);
      return;
    }
    if (verdict.kind === 'divided') {
      answerDivided(this, this.channel, datagram, message, { local, remote });
      return;
    }
    if (verdict.kind !== 'new') {
      this.reject(`request ${messageId} is ${verdict.kind}`, remote);
      return;
    }
    const opened = this.open(datagram, message, remote);
    if (opened === undefined) return;
    window.accept(opened.datagram);
    this.askedExchange = exchange;
    heard(this, { local, remote });
    this.guarded(exchange, true, () => {
      this.handler.onRequest(this, exchange, readContents(opened, exchange, 'request'), opened);
    });
  }

  /** Runs a step of an exchange; a breach of the protocol in it is answered as the standard prescribes. */
  guarded(exchange: number, answering: boolean, step: () => void): void {
    try {
      step();
    } catch (error) {
      if (!(error instanceof IkeError)) throw error;
      this.refuse(exchange, answering, error);
    }
  }

  /** Only what answers the request in flight is looked at. */
  private receiveResponse(datagram: Uint8Array, message: DecodedMessage, remote: SocketAddress): void {
    const { messageId, exchange } = message.header;
    const task = this.requests.answeredBy(messageId, exchange);
    if (task === undefined) {
      this.reject(`response ${messageId} answers nothing`, remote);
      return;
    }
    if (exchange === EXCHANGE.IKE_SA_INIT) {
      task.processInit?.(this, datagram, message);
      this.requests.startNext();
      return;
    }
    const opened = this.open(datagram, message, remote);
    if (opened === undefined) return;
    this.lastHeard = this.now;
    this.requests.finish();
    this.guarded(exchange, false, () => task.process(this, this.readAnswer(task, opened), opened));
    this.deletedEarly.clear();
    this.requests.startNext();
  }

  /** What an answer says. One that cannot be read ends its task, which may hold secrets and an SPI. */
  private readAnswer(task: Task, opened: Opened): readonly Payload[] {
    try {
      return readContents(opened, task.exchange, 'response');
    } catch (error) {
      task.abandon?.(this, 'its answer cannot be read');
      throw error;
    }
  }

  /** What stands inside; of fragments only once all are there. */
  private open(datagram: Uint8Array, message: DecodedMessage, remote: SocketAddress): Opened | undefined {
    if (message.encrypted?.fragment !== undefined) return collectFragment(this, datagram, message, remote);
    const opened = this.channel.open(datagram, message);
    if (opened === undefined) this.reject('not authentic', remote);
    return opened;
  }

  /**
   * The prescribed answer to a request that breaks the rules. A syntax error ends the SA. [RFC7296 2.21.3] So does an
   * answer with a critical payload that we do not know: it has taken effect at the peer, and not here. [RFC7296 2.5]
   */
  private refuse(exchange: number, answering: boolean, error: IkeError): void {
    if (answering && this.channel.window.openRequest !== undefined) {
      this.respond(exchange, [{ ...notify(error.notifyType, error.notifyData), ...error.subject }]);
    }
    if (!answering && exchange === EXCHANGE.IKE_AUTH) this.requests.reportFailure();
    const setUp = exchange === EXCHANGE.IKE_AUTH || exchange === EXCHANGE.IKE_INTERMEDIATE;
    const unread = !answering && error.notifyType === NOTIFY.UNSUPPORTED_CRITICAL_PAYLOAD;
    const fatal = error.notifyType === NOTIFY.INVALID_SYNTAX || setUp || unread;
    if (fatal) {
      const cause = error.notifyType === NOTIFY.AUTHENTICATION_FAILED ? 'authentication' : 'protocol';
      this.close(cause, error.message, error.notifyType);
    }
  }
}
