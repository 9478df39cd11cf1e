/** How long the engine waits and how long keys are used. All times are milliseconds of the caller's clock. */

/** The timers of an IKE SA; each is one row of its timer table. */
export type TimerName =
  /** The request in flight got no response: send its octets again, or give the SA up. */
  | 'retransmit'
  /** An initiator that never got past IKE_SA_INIT is forgotten. */
  | 'halfOpen'
  /** The whole set-up, EAP and key look-ups included, took too long. */
  | 'setUp'
  /** Nothing authentic was heard for a while: ask whether the peer lives. */
  | 'liveness'
  /** The Delete of a rekeyed SA's predecessor is sent again, or the predecessor is forgotten. */
  | 'retired'
  /** The NAT in front of us may forget its mapping. */
  | 'keepalive'
  /** A soft or hard limit of some key, or of the authentication, is reached. */
  | 'lifetime'
  /** A message in fragments that never became whole is forgotten. */
  | 'reassembly'
  /** The peer began key exchanges and does not go on with them: they are forgotten. [RFC9370 2.2.4] */
  | 'followUp'
  /** A closed SA stays long enough to answer a repeated last request. */
  | 'linger';

/** All in ms but `retransmitFactor` and `retransmitTries`. */
export interface TimerConfig {
  /** First wait for a response; the n-th is `retransmitFactor ** n` as long. */
  readonly retransmit: number;
  readonly retransmitFactor: number;
  /** Transmissions of one request, the first included, before the peer is given up. */
  readonly retransmitTries: number;
  readonly halfOpen: number;
  readonly setUp: number;
  /** Silence after which liveness is checked; 0 turns it off. */
  readonly liveness: number;
  readonly linger: number;
  /** Between two keepalives of a side behind a NAT; 0 turns them off. [RFC3948 4] */
  readonly keepalive: number;
  /** As long as a peer may go on repeating the rekey whose answer it missed. */
  readonly retired: number;
  /** Between two key exchanges of one series, before the peer's is forgotten: 5 to 20 s are advised. [RFC9370 2.2.4] */
  readonly followUp: number;
}

/** Bounds for IKE SAs that peers opened and whose set-up is not over. [RFC7296 2.6] */
export interface HalfOpenLimits {
  /** As many in all, and every opener has to show a cookie; 0 demands it always. */
  readonly cookiesAbove: number;
  /** As many from one source (an IPv4 address, an IPv6 /64), and its openers have to. */
  readonly cookiesAbovePerSource: number;
  /** As many, and further openers get no answer. */
  readonly most: number;
  readonly mostPerSource: number;
}

/** How long keys are used. At the soft limit a rekey begins, at the hard one what was not rekeyed is deleted. */
export interface Lifetime {
  readonly softMs?: number;
  readonly hardMs?: number;
  /** Share by which a soft limit may come earlier, at random; 0.1 by default. */
  readonly jitter?: number;
}

/** A Child SA's keys also wear by what they carry; see `noteUsage`. */
export interface ChildLifetime extends Lifetime {
  readonly softOctets?: number;
  readonly hardOctets?: number;
  readonly softPackets?: number;
  readonly hardPackets?: number;
}

/** Limits that are absent do not exist. */
export interface Lifetimes {
  readonly ike?: Lifetime;
  readonly child?: ChildLifetime;
  /** Responder: as long an authentication counts; the initiator is told, and the SA ends with it. [RFC4478 3] */
  readonly authenticationMs?: number;
}
