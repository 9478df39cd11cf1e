import {
  type ChildProposalConfig,
  type EndpointConfig,
  type EndpointPorts,
  IkeEndpoint,
  type IkeEvent,
  type IkeProposalConfig,
  type InitiatorProfile,
  type Output,
  type Ppk,
  type PpkIdentity,
  type SocketAddress,
  type TrafficSelector,
} from '#ikev2';

/** xorshift32 with a seed: the same octets in every run. */
export function seededRandom(seed: number): (length: number) => Uint8Array {
  let state = seed >>> 0 || 1;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
  return (length) => Uint8Array.from({ length }, () => next() >>> 24);
}

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
export const fqdn = (name: string) => ({ type: 2, data: utf8(name) });
export const keyId = (text: string) => ({ type: 11, data: utf8(text) });

export function hostSelector(address: string): TrafficSelector {
  const octets = Uint8Array.from(address.split('.'), Number);
  return { protocol: 0, startPort: 0, endPort: 65535, start: octets, end: octets };
}
export const anySelector: TrafficSelector = {
  protocol: 0,
  startPort: 0,
  endPort: 65535,
  start: new Uint8Array(4),
  end: new Uint8Array(4).fill(255),
};

export const ikeProposal: IkeProposalConfig = {
  encr: ['aes256-gcm16'],
  integ: ['none'],
  prf: ['hmac-sha2-256'],
  ke: ['x25519'],
};
export const espProposal: ChildProposalConfig = {
  encr: ['aes256-gcm16'],
  integ: ['none'],
  ke: [],
  esn: [false],
};

export const ppkIdentity = { type: 2, data: utf8('5f2b9d0e-8a43-4a7b-9d7e-0123456789ab') };

/** The responder's answer to `authorize` in all stories: one inner address, the node's own. */
export const admission = {
  attributes: [{ type: 1, value: Uint8Array.of(10, 0, 0, 2) }],
  trafficSelectorsInitiator: [hostSelector('10.0.0.2')],
  trafficSelectorsResponder: [hostSelector('10.0.0.1')],
  notifies: [{ protocol: 0, spi: new Uint8Array(0), notifyType: 55502, data: Uint8Array.of(10, 0, 0, 1) }],
};

export function responderConfig(changes: Partial<EndpointConfig> = {}): EndpointConfig {
  return {
    natTraversalPort: 4500,
    ikePort: 500,
    proposals: [ikeProposal],
    childProposals: [espProposal],
    localId: fqdn('n3iwf.example'),
    responderAuth: 'psk',
    initiatorAuth: 'psk',
    ppk: 'off',
    exposeKeys: false,
    ...changes,
  };
}

export function initiatorProfile(changes: Partial<InitiatorProfile> = {}): InitiatorProfile {
  return {
    localId: keyId('ue-1'),
    remoteAuth: 'psk',
    localAuth: 'psk',
    proposals: [ikeProposal],
    childProposals: [espProposal],
    ppk: 'off',
    attributes: [{ type: 1, value: new Uint8Array(0) }],
    trafficSelectorsLocal: [anySelector],
    trafficSelectorsRemote: [anySelector],
    ...changes,
  };
}

/** What verifyCertificate answers. */
export type KeyObjectLike = ReturnType<NonNullable<EndpointPorts['verifyCertificate']>>;

export type Side = 'ue' | 'node';

/** A datagram on its way; `from` and `to` as its sender wrote them. */
export interface InTransit {
  readonly data: Uint8Array;
  readonly from: SocketAddress;
  readonly to: SocketAddress;
  readonly sender: Side;
}

/** What the owners hand in when asked; a missing entry answers "there is none". */
export interface Secrets {
  readonly ueSecret?: Uint8Array | undefined;
  readonly nodeSecret?: Uint8Array | undefined;
  readonly uePpk?: Uint8Array | undefined;
  readonly nodePpk?: Uint8Array | undefined;
  readonly ueMsk?: Uint8Array;
  readonly nodeMsk?: Uint8Array;
}

/** Rewrites what passes between the sides, or drops it by an empty list. */
export type Network = (packet: InTransit) => InTransit[];

export interface PairOptions {
  readonly seed?: number;
  readonly config?: Partial<EndpointConfig>;
  readonly ueConfig?: Partial<EndpointConfig>;
  readonly profile?: Partial<InitiatorProfile>;
  readonly nodePorts?: Partial<EndpointPorts>;
  readonly uePorts?: Partial<EndpointPorts>;
  readonly secrets?: Secrets;
  readonly network?: Network;
  /** Rounds of EAP-Request and Response after the first. */
  readonly eapRounds?: number;
  /** What the owners answer to `ppkRequested`, in place of the PPKs among the secrets. */
  readonly ppks?: (side: Side, identity: PpkIdentity | undefined) => Ppk | readonly Ppk[] | undefined;
  /** Keeps owners from answering by themselves. */
  readonly silent?: boolean;
}

const secret = new Uint8Array(32).fill(7);
const msk = new Uint8Array(64).fill(9);
const ppk = new Uint8Array(32).fill(11);

/**
 * A UE and a node on a fake clock and a fake network. Packets wait in `wire` until `step` or `run` delivers them;
 * owners answer the engines' questions at once unless `silent`.
 */
export class Pair {
  now = 0;
  readonly wire: InTransit[] = [];
  readonly ueEvents: IkeEvent[] = [];
  readonly nodeEvents: IkeEvent[] = [];
  readonly ue: IkeEndpoint;
  readonly node: IkeEndpoint;
  ueAddress: SocketAddress = { address: '192.0.2.1', port: 500 };
  readonly nodeAddress: SocketAddress = { address: '198.51.100.1', port: 500 };
  readonly options: PairOptions;
  ueSa = 0;
  private eapLeft: number;
  network: Network;

  constructor(options: PairOptions = {}) {
    this.options = options;
    this.network = options.network ?? ((packet) => [packet]);
    this.eapLeft = options.eapRounds ?? 2;
    const seed = options.seed ?? 1;
    const ueRandom = seededRandom(seed * 2 + 1);
    const nodeRandom = seededRandom(seed * 2 + 2);
    this.ue = new IkeEndpoint(responderConfig(options.ueConfig), {
      random: ueRandom,
      authorize: () => ({ refuse: 24 }),
      ...options.uePorts,
    });
    this.node = new IkeEndpoint(responderConfig(options.config), {
      random: nodeRandom,
      authorize: () => admission,
      ...options.nodePorts,
    });
  }

  /** The node's handle of its latest SA. */
  get nodeSa(): number {
    return [...this.node.ikeSas()].at(-1)?.ikeSaId ?? 0;
  }

  connect(profile: Partial<InitiatorProfile> = {}): number {
    const whole = initiatorProfile({ ...this.options.profile, ...profile });
    const { ikeSaId, outputs } = this.ue.connect(this.now, this.ueAddress, this.nodeAddress, whole);
    this.ueSa = ikeSaId;
    this.take('ue', outputs);
    return ikeSaId;
  }

  /** Carries out what an engine returned. */
  take(side: Side, outputs: readonly Output[]): void {
    for (const output of outputs) {
      if (output.kind === 'transmit') {
        const { data, local, remote } = output;
        this.wire.push(...this.network({ data, from: local, to: remote, sender: side }));
      } else {
        (side === 'ue' ? this.ueEvents : this.nodeEvents).push(output.event);
        if (this.options.silent !== true) this.answer(side, output.event);
      }
    }
  }

  deliver({ data, from, to, sender }: InTransit): void {
    const receiver = sender === 'ue' ? 'node' : 'ue';
    this.take(receiver, this[receiver].receive(this.now, data, to, from));
  }

  /** Delivers the oldest packet. */
  step(): boolean {
    const packet = this.wire.shift();
    if (packet === undefined) return false;
    this.deliver(packet);
    return true;
  }

  /** Delivers until nothing is on its way. */
  run(most = 1000): void {
    for (let i = 0; i < most && this.step(); i++);
  }

  /** Lets time pass, firing timers in order and delivering what they cause. */
  advance(ms: number): void {
    const until = this.now + ms;
    for (;;) {
      this.run();
      const due = Math.min(
        this.ue.deadline() ?? Number.POSITIVE_INFINITY,
        this.node.deadline() ?? Number.POSITIVE_INFINITY,
      );
      if (due > until) break;
      this.now = Math.max(this.now, due);
      this.take('ue', this.ue.tick(this.now));
      this.take('node', this.node.tick(this.now));
    }
    this.now = until;
  }

  /** Connects and delivers everything. */
  attach(): this {
    this.connect();
    this.run();
    return this;
  }

  events<T extends IkeEvent['type']>(side: Side, type: T): Extract<IkeEvent, { type: T }>[] {
    const all = side === 'ue' ? this.ueEvents : this.nodeEvents;
    return all.filter((event): event is Extract<IkeEvent, { type: T }> => event.type === type);
  }

  /** The owner's reaction to an event. */
  answer(side: Side, event: IkeEvent): void {
    const { ppks } = this.options;
    if (event.type === 'ppkRequested' && ppks !== undefined) {
      const found = ppks(side, event.identity);
      this.take(side, this[side].providePpk(this.now, event.ikeSaId, found, event.request));
    } else if (side === 'ue') this.answerUe(event);
    else this.answerNode(event);
  }

  private answerUe(event: IkeEvent): void {
    const { now, ue } = this;
    const secrets: Secrets = this.options.secrets ?? {};
    if (event.type === 'sharedSecretRequested') {
      this.take('ue', ue.provideSharedSecret(now, event.ikeSaId, pick(secrets, 'ueSecret', secret)));
    } else if (event.type === 'ppkRequested') {
      const own = pick(secrets, 'uePpk', ppk);
      const answer = own === undefined ? undefined : { secret: own, identity: ppkIdentity };
      this.take('ue', ue.providePpk(now, event.ikeSaId, answer));
    } else if (event.type === 'eapReceived') {
      const [code, id] = event.packet;
      if (code === 1) this.take('ue', ue.sendEap(now, event.ikeSaId, Uint8Array.of(2, id!, 0, 4)));
      if (code === 3) this.take('ue', ue.setMsk(now, event.ikeSaId, pick(secrets, 'ueMsk', msk) ?? msk));
    }
  }

  private answerNode(event: IkeEvent): void {
    const { now, node } = this;
    const secrets: Secrets = this.options.secrets ?? {};
    if (event.type === 'sharedSecretRequested') {
      this.take('node', node.provideSharedSecret(now, event.ikeSaId, pick(secrets, 'nodeSecret', secret)));
    } else if (event.type === 'ppkRequested') {
      const own = pick(secrets, 'nodePpk', ppk);
      this.take('node', node.providePpk(now, event.ikeSaId, own === undefined ? undefined : { secret: own }));
    } else if (event.type === 'eapStarted') {
      this.take('node', node.sendEap(now, event.ikeSaId, Uint8Array.of(1, 1, 0, 4)));
    } else if (event.type === 'eapReceived') {
      const done = this.eapLeft-- <= 0;
      const packet = Uint8Array.of(done ? 3 : 1, 2, 0, 4);
      this.take(
        'node',
        node.sendEap(now, event.ikeSaId, packet, done ? pick(secrets, 'nodeMsk', msk) : undefined),
      );
    }
  }
}

function pick<K extends keyof Secrets>(
  secrets: Secrets,
  key: K,
  otherwise: Uint8Array,
): Uint8Array | undefined {
  return key in secrets ? secrets[key] : otherwise;
}
