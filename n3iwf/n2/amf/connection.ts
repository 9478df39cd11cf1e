import { type Cause, type MessageIes, type N2Config, type N2Event, type NgapPdu, ueIdsOf } from '#ngap';
import { OperatorError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import { N2Link, type N2Transport } from '../link.ts';
import { type TnlInformation, tnlAddresses } from './tnl-address.ts';

type Update = MessageIes<'AMFConfigurationUpdate'>;
/** What an association is for: messages of UEs, messages of none, or both. */
type Usage = 'ue' | 'non-ue' | 'both';

/** What a connection asks of the node around it. */
export interface AmfConnectionPorts {
  now(): number;
  /** From 0 up to 1. */
  random(): number;
  /** Opens a transport to the addresses, or to those of the configuration when there are none. */
  dial(addresses: readonly string[] | undefined): Promise<N2Transport>;
  /** What happened between this node and the AMF, whichever association it came by. */
  happened(event: N2Event): void;
  /** A deadline may have moved. */
  rearm(): void;
  /** Sees every message, for captures. */
  tap(data: Uint8Array, stream: number, toAmf: boolean): void;
}

/** One association and what the AMF wants it used for. */
interface Tnl {
  readonly link: N2Link;
  readonly addresses: readonly string[];
  usage: Usage;
  weight: number;
}

/** Addresses of one AMF Configuration Update that are being tried. */
interface Trial {
  readonly information: TnlInformation;
  readonly tnl: Tnl | undefined;
  outcome: 'pending' | 'up' | 'failed';
}

/** The addresses of one update, and the association by which it came and is answered. */
interface Trials {
  readonly by: Tnl;
  readonly items: readonly Trial[];
}

/** The association of the configuration counts for as much as any that the AMF adds. */
const firstWeight = 255;
/** UEs whose association is remembered; beyond it the one that was named longest ago is forgotten and chosen anew. */
const mostBindings = 65_536;
const notReached: Cause = { choice: 'transport', value: 'transport-resource-unavailable' };

/**
 * The NG interface to one AMF over one or more SCTP associations. The first does NG Setup; the AMF may have more added,
 * weighted, kept for some uses and removed [TS38413 8.7.3.2]. A UE's messages go where the AMF last spoke of it, until
 * the AMF releases that binding [TS38413 8.13.1.2].
 */
export class AmfConnection {
  /** Settles with the first answer to NG Setup, or the first failure to get one. */
  readonly firstSetup: Promise<void>;
  private readonly config: N2Config;
  private readonly ports: AmfConnectionPorts;
  private readonly log: Log;
  private readonly tnls: Tnl[] = [];
  private readonly bindings = new Map<number, Tnl>();
  /** Updates of the AMF that wait for addresses to be tried, in their order. */
  private trials: Trials[] = [];
  private settle: (error?: OperatorError) => void = () => {};

  constructor(config: N2Config, ports: AmfConnectionPorts, log: Log) {
    this.config = config;
    this.ports = ports;
    this.log = log;
    this.firstSetup = new Promise((resolve, reject) => {
      this.settle = (error) => (error === undefined ? resolve() : reject(error));
    });
    this.firstSetup.catch(() => {}); // not everybody waits for it
  }

  /** Opens the first association, to the addresses of the configuration. */
  start(): void {
    this.open([], 'both', firstWeight);
  }

  /** At least one association is up: the AMF can be spoken to. */
  get ready(): boolean {
    return this.tnls.some(({ link }) => link.ready);
  }

  /** Associations that are up. */
  get associations(): number {
    return this.tnls.filter(({ link }) => link.ready).length;
  }

  /** Sends by the association that the message's UE is bound to, or by one that fits what it concerns. */
  send(pdu: NgapPdu): void {
    const { ranUeNgapId } = ueIdsOf(pdu.ies);
    const tnl = ranUeNgapId === undefined ? this.pick('ue') : this.tnlOf(ranUeNgapId);
    tnl?.link.send(pdu);
    if (ranUeNgapId !== undefined && pdu.message === 'UEContextReleaseComplete')
      this.bindings.delete(ranUeNgapId);
  }

  /** Makes the AMF forget UEs, by one association for all of them. */
  reset(ies: MessageIes<'NGReset'>): void {
    this.pick('ue')?.link.reset(ies);
  }

  /** Tells the AMF what changed at this node. */
  updateRanConfiguration(ies: MessageIes<'RANConfigurationUpdate'>): void {
    this.pick('ue')?.link.updateRanConfiguration(ies);
  }

  /** Does what is due on every association; call it at `deadline`. */
  tick(): void {
    for (const { link } of [...this.tnls]) link.tick();
  }

  /** The earliest of all associations, in ms of the clock of `now`. */
  deadline(): number | undefined {
    let least: number | undefined;
    for (const { link } of this.tnls) {
      const at = link.deadline();
      if (at !== undefined && (least === undefined || at < least)) least = at;
    }
    return least;
  }

  /** Ends all of them for good. */
  close(): void {
    for (const { link } of this.tnls) link.close();
  }

  /** A further association, or the first one when there are no `addresses`. */
  private open(addresses: readonly string[], usage: Usage, weight: number): Tnl {
    const { ports } = this;
    const link = new N2Link(
      this.config,
      {
        now: () => ports.now(),
        random: () => ports.random(),
        joins: () => this.ready,
        dial: () => ports.dial(addresses.length === 0 ? undefined : addresses),
        happened: (event) => this.onEvent(tnl, event),
        rearm: () => ports.rearm(),
        tap: (data, stream, toAmf) => ports.tap(data, stream, toAmf),
      },
      this.log,
    );
    const tnl: Tnl = { link, addresses, usage, weight };
    this.tnls.push(tnl);
    link.start();
    return tnl;
  }

  /** What one association tells; to the node all of them are one interface. */
  private onEvent(tnl: Tnl, event: N2Event): void {
    switch (event.type) {
      case 'setupCompleted':
        this.log.info(
          { amf: event.amf.amfName, capacity: event.amf.relativeAmfCapacity },
          'the AMF accepted NG Setup',
        );
        this.ports.happened(event);
        this.settle();
        this.decide(tnl, 'up');
        return;
      case 'joined':
        this.log.info({ addresses: tnl.addresses }, 'another association with the AMF is up');
        this.decide(tnl, 'up');
        return;
      case 'setupFailed':
        this.failed(tnl, `${event.reason}${causeText(event.cause)}`, event.retryInMs);
        return;
      case 'associationLost':
        this.lost(tnl, event);
        return;
      case 'amfConfigurationUpdated':
        this.ports.happened(event);
        this.updateTnls(tnl, event.ies);
        return;
      case 'messageReceived':
        this.received(tnl, event);
        return;
      default:
        this.ports.happened(event);
    }
  }

  /** The interface is lost with its last association only; UEs of another one go on over what is left. */
  private lost(tnl: Tnl, event: Extract<N2Event, { type: 'associationLost' }>): void {
    for (const [id, bound] of this.bindings) if (bound === tnl) this.bindings.delete(id);
    if (event.wasReady && !this.ready) {
      this.bindings.clear();
      this.ports.happened(event);
    }
    this.failed(tnl, event.reason, undefined);
  }

  /** Told once for each try; the link tries again by itself. */
  private failed(tnl: Tnl, reason: string, retryInMs: number | undefined): void {
    this.log.warn({ reason, retryInMs }, 'no association with the AMF; trying again');
    this.settle(new OperatorError('N3IWF_E_N2', reason));
    this.decide(tnl, 'failed');
  }

  /** What the AMF says of a UE binds the UE to the association by which it said so. */
  private received(tnl: Tnl, event: Extract<N2Event, { type: 'messageReceived' }>): void {
    const { ranUeNgapId } = ueIdsOf(event.pdu.ies);
    if (ranUeNgapId !== undefined) this.bind(ranUeNgapId, tnl);
    if (event.pdu.message === 'UETNLABindingReleaseRequest') {
      this.bindings.delete(event.pdu.ies.ranUeNgapId);
      this.log.info({ ue: event.pdu.ies.ranUeNgapId }, 'the AMF freed the UE of its association');
      return;
    }
    this.ports.happened(event);
  }

  /** The association of a UE; one that is lost is replaced by another, which then stays the UE's. */
  private tnlOf(ranUeNgapId: number): Tnl | undefined {
    const bound = this.bindings.get(ranUeNgapId);
    if (bound?.link.ready === true) return bound;
    const chosen = this.pick('non-ue');
    if (chosen !== undefined) this.bind(ranUeNgapId, chosen);
    return chosen;
  }

  /** Whatever numbers an AMF names, what is kept of them is bounded. */
  private bind(ranUeNgapId: number, tnl: Tnl): void {
    this.bindings.delete(ranUeNgapId);
    this.bindings.set(ranUeNgapId, tnl);
    const oldest = this.bindings.size > mostBindings ? this.bindings.keys().next().value : undefined;
    if (oldest !== undefined) this.bindings.delete(oldest);
  }

  /** An association that is up, by weight; not one kept for `not`, as long as there is another. */
  private pick(not: Usage): Tnl | undefined {
    const up = this.tnls.filter(({ link }) => link.ready);
    const fitting = up.filter(({ usage }) => usage !== not);
    const candidates = fitting.length > 0 ? fitting : up;
    let rest = this.ports.random() * candidates.reduce((sum, { weight }) => sum + weight, 0);
    return (
      candidates.find(({ weight }) => {
        rest -= weight;
        return rest < 0;
      }) ?? candidates[0]
    );
  }

  /** Removals and changes are done at once, additions are tried and answered later. */
  private updateTnls(by: Tnl, ies: Update): void {
    for (const { amfTnlAssociationAddress } of ies.amfTnlAssociationToRemoveList ?? [])
      this.remove(this.find(amfTnlAssociationAddress));
    for (const item of ies.amfTnlAssociationToUpdateList ?? []) {
      const tnl = this.find(item.amfTnlAssociationAddress);
      if (tnl === undefined) continue;
      tnl.usage = item.tnlAssociationUsage ?? tnl.usage;
      tnl.weight = item.tnlAddressWeightFactor ?? tnl.weight;
    }
    const toAdd = ies.amfTnlAssociationToAddList;
    if (toAdd === undefined) return;
    const items = toAdd.map((item): Trial => {
      const information = item.amfTnlAssociationAddress;
      const addresses = tnlAddresses(information);
      if (addresses.length === 0) return { information, tnl: undefined, outcome: 'failed' };
      const known = this.find(information);
      const tnl =
        known ?? this.open(addresses, item.tnlAssociationUsage ?? 'both', item.tnlAddressWeightFactor);
      return { information, tnl, outcome: known?.link.ready === true ? 'up' : 'pending' };
    });
    this.trials.push({ by, items });
    this.answerWhenDecided();
  }

  /** The association to any of these addresses. */
  private find(information: TnlInformation): Tnl | undefined {
    const wanted = tnlAddresses(information);
    return this.tnls.find(({ addresses }) => addresses.some((address) => wanted.includes(address)));
  }

  /** The last association stays, whatever the AMF says: without it nothing could be told any more. */
  private remove(tnl: Tnl | undefined): void {
    if (tnl === undefined || this.tnls.length < 2) return;
    this.tnls.splice(this.tnls.indexOf(tnl), 1);
    for (const [id, bound] of this.bindings) if (bound === tnl) this.bindings.delete(id);
    tnl.link.close();
  }

  /** A try came to its end: an address that failed is not kept. */
  private decide(tnl: Tnl, outcome: 'up' | 'failed'): void {
    const pending = this.trials
      .flatMap(({ items }) => items)
      .filter((item) => item.tnl === tnl && item.outcome === 'pending');
    if (pending.length === 0) return;
    for (const item of pending) item.outcome = outcome;
    if (outcome === 'failed') this.remove(tnl);
    this.answerWhenDecided();
  }

  /** One answer for all addresses, once each of them is up or has failed [TS38413 8.7.3.2]. */
  private answerWhenDecided(): void {
    const isDecided = ({ items }: Trials) => items.every(({ outcome }) => outcome !== 'pending');
    const decided = this.trials.filter(isDecided);
    this.trials = this.trials.filter((trials) => !isDecided(trials));
    for (const trials of decided) answerTrials(trials);
  }
}

/** The acknowledgement of one update: an empty list is left out, as NGAP has none. */
function answerTrials(trials: Trials): void {
  const up = trials.items.filter(({ outcome }) => outcome === 'up');
  const failed = trials.items.filter(({ outcome }) => outcome === 'failed');
  trials.by.link.acknowledgeUpdate({
    ...(up.length === 0
      ? {}
      : {
          amfTnlAssociationSetupList: up.map(({ information }) => ({
            amfTnlAssociationAddress: information,
          })),
        }),
    ...(failed.length === 0
      ? {}
      : {
          amfTnlAssociationFailedToSetupList: failed.map(({ information }) => ({
            tnlAssociationAddress: information,
            cause: notReached,
          })),
        }),
  });
}

/** A cause as the end of a sentence for people. */
function causeText(cause: { readonly choice: string; readonly value: unknown } | undefined): string {
  return cause === undefined ? '' : `: ${cause.choice} ${String(cause.value)}`;
}
