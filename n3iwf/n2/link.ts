import {
  type MessageIes,
  N2Association,
  type N2Config,
  type N2Event,
  type N2Output,
  type NgapPdu,
} from '#ngap';
import type { Log } from '../log.ts';
import { logTransportEvent, type N2Transport } from './transport.ts';

export type { N2Transport } from './transport.ts';

/** What a link asks of its owner. */
export interface N2LinkPorts {
  now(): number;
  /** From 0 up to 1. */
  random(): number;
  /** True when another association to the same AMF is up. */
  joins(): boolean;
  /** Opens the transport; rejects when the AMF cannot be reached. */
  dial(): Promise<N2Transport>;
  /** What happened that is not the link's own business, in order. */
  happened(event: N2Event): void;
  /** Called after everything the link does by itself, for the timer. */
  rearm(): void;
  /** Sees every message as it crosses the transport, for captures. */
  tap(data: Uint8Array, stream: number, toAmf: boolean): void;
}

/** Joins one association to its transport: opens it, feeds it, and opens it again for ever when it is lost. */
export class N2Link {
  private readonly association: N2Association;
  private readonly ports: N2LinkPorts;
  private readonly log: Log;
  private transport: N2Transport | undefined;
  private stopped = false;

  constructor(config: N2Config, ports: N2LinkPorts, log: Log) {
    this.association = new N2Association(config, ports);
    this.ports = ports;
    this.log = log;
  }

  /** NG Setup is done and the transport is up. */
  get ready(): boolean {
    return this.association.state === 'ready';
  }

  /** Opens the transport for the first time; from then on the link sees to it by itself. */
  start(): void {
    this.carryOut(this.association.connect(this.ports.now()));
  }

  /** Sends one message; it is lost when the transport is down. */
  send(pdu: NgapPdu): void {
    this.carryOut(this.association.send(this.ports.now(), pdu));
  }

  /** NG Reset of the whole interface, or of the UEs named [TS38413 8.7.4.2.2]. */
  reset(ies: MessageIes<'NGReset'>): void {
    const { cause, resetType } = ies;
    const some = resetType.choice === 'partOfNgInterface' ? resetType.value : undefined;
    this.carryOut(this.association.reset(this.ports.now(), cause, some));
  }

  /** Tells the AMF a new name or new slices of this node. */
  updateRanConfiguration(ies: MessageIes<'RANConfigurationUpdate'>): void {
    this.carryOut(this.association.updateRanConfiguration(this.ports.now(), ies));
  }

  /** Answers an update whose addresses have been tried. */
  acknowledgeUpdate(ies: MessageIes<'AMFConfigurationUpdateAcknowledge'>): void {
    this.carryOut(this.association.acknowledgeUpdate(this.ports.now(), ies));
  }

  /** Does what is due; call it at `deadline`. */
  tick(): void {
    this.carryOut(this.association.tick(this.ports.now()));
  }

  /** When `tick` has something to do, in ms of the clock of `now`. */
  deadline(): number | undefined {
    return this.association.deadline();
  }

  /** Ends the transport for good; nothing is opened again. */
  close(): void {
    this.stopped = true;
    this.dropTransport();
  }

  /** What still comes from it is nobody's. */
  private dropTransport(): void {
    const { transport } = this;
    this.transport = undefined;
    transport?.close();
  }

  /** Does what the association says, in its order. */
  private carryOut(outputs: readonly N2Output[]): void {
    for (const output of outputs) {
      if (output.kind === 'transmit') {
        this.ports.tap(output.data, output.stream, true);
        this.transport?.send(output.stream, output.data);
      } else {
        this.onEvent(output.event);
      }
    }
  }

  /** Passes an event on, after what it means for the transport. */
  private onEvent(event: N2Event): void {
    if (event.type === 'connectDue') void this.dial();
    else if (event.type === 'disconnectDue') this.dropTransport();
    else if (event.type === 'messageRejected') {
      const { faults, foreign } = this.association;
      this.log.warn({ reason: event.reason, faults, foreign }, 'PDU of the AMF not obeyed');
    } else this.ports.happened(event);
  }

  /** Both ways out end in an input of the association, which decides when to try again. */
  private async dial(): Promise<void> {
    if (this.stopped) return;
    try {
      const transport = await this.ports.dial();
      if (this.stopped) {
        transport.close();
        return;
      }
      this.transport = transport;
      transport.onMessage((data, stream) => this.received(data, stream));
      transport.onEvent((event) => logTransportEvent(this.log, event));
      transport.onClosed((reason) => this.closed(transport, reason));
      this.carryOut(this.association.connected(this.ports.now(), transport.streams));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.carryOut(this.association.disconnected(this.ports.now(), reason));
    }
    this.ports.rearm();
  }

  /** A message of the AMF, as it stood in its SCTP message. */
  private received(data: Uint8Array, stream: number): void {
    if (this.stopped) return;
    this.ports.tap(data, stream, false);
    this.carryOut(this.association.receive(this.ports.now(), stream, data));
    this.ports.rearm();
  }

  /** A transport that was given up already may still tell its end. */
  private closed(transport: N2Transport, reason: string): void {
    if (this.transport !== transport) return;
    this.transport = undefined;
    this.carryOut(this.association.disconnected(this.ports.now(), reason));
    this.ports.rearm();
  }
}
