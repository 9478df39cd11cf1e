import {
  type MessageIes,
  N2Association,
  type N2Config,
  type N2Event,
  type N2Output,
  type NgapPdu,
} from '#ngap';
import { OperatorError } from '../errors.ts';
import type { Log } from '../log.ts';

/** The message transport to one AMF: kernel SCTP, or an in-memory pair in the lab. */
export interface N2Transport {
  send(stream: number, data: Uint8Array): void;
  onMessage(listener: (data: Uint8Array) => void): void;
  onClosed(listener: (reason: string) => void): void;
  close(): void;
}

/** What the link asks of the node around it. */
export interface N2LinkPorts {
  now(): number;
  /** From 0 up to 1. */
  random(): number;
  /** Opens the transport; rejects when the AMF cannot be reached. */
  dial(): Promise<N2Transport>;
  received(pdu: NgapPdu): void;
  ready(isReady: boolean): void;
  reset(ies: MessageIes<'NGReset'>): void;
  /** Called after everything the link does by itself, for the timer. */
  rearm(): void;
  tap(data: Uint8Array, stream: number, toAmf: boolean): void;
}

/** Streams asked for in each direction. */
export const n2Streams = 16;

/** Joins an association to its transport: opens it, feeds it, and opens it again for ever when it is lost. */
export class N2Link {
  /** Settles with the first answer to NG Setup, or the first failure to get one. */
  readonly firstSetup: Promise<void>;
  private readonly association: N2Association;
  private readonly ports: N2LinkPorts;
  private readonly log: Log;
  private transport: N2Transport | undefined;
  private settle: (error?: OperatorError) => void = () => {};

  constructor(config: N2Config, ports: N2LinkPorts, log: Log) {
    this.association = new N2Association(config, ports);
    this.ports = ports;
    this.log = log;
    this.firstSetup = new Promise((resolve, reject) => {
      this.settle = (error) => (error === undefined ? resolve() : reject(error));
    });
    this.firstSetup.catch(() => {}); // not everybody waits for it
  }

  start(): void {
    this.carryOut(this.association.connect(this.ports.now()));
  }

  send(pdu: NgapPdu): void {
    this.carryOut(this.association.send(this.ports.now(), pdu));
  }

  tick(): void {
    this.carryOut(this.association.tick(this.ports.now()));
  }

  deadline(): number | undefined {
    return this.association.deadline();
  }

  close(): void {
    const { transport } = this;
    this.transport = undefined;
    transport?.close();
  }

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

  private onEvent(event: N2Event): void {
    switch (event.type) {
      case 'connectDue':
        void this.dial();
        return;
      case 'disconnectDue':
        this.close();
        return;
      case 'setupCompleted':
        this.log.info(
          { amf: event.amf.amfName, capacity: event.amf.relativeAmfCapacity },
          'the AMF accepted NG Setup',
        );
        this.ports.ready(true);
        this.settle();
        return;
      case 'setupFailed':
        this.failed(`${event.reason}${causeText(event.cause)}`, event.retryInMs);
        return;
      case 'associationLost':
        if (event.wasReady) this.ports.ready(false);
        this.failed(event.reason, undefined);
        return;
      case 'messageReceived':
        this.ports.received(event.pdu);
        return;
      case 'messageRejected':
        this.log.warn({ reason: event.reason }, 'PDU of the AMF not obeyed');
        return;
      case 'resetReceived':
        this.ports.reset(event.ies);
        return;
      default:
        this.log.info({ event: event.type }, 'N2');
    }
  }

  private failed(reason: string, retryInMs: number | undefined): void {
    this.log.warn({ reason, retryInMs }, 'no association with the AMF; trying again');
    this.settle(new OperatorError('N3IWF_E_N2', reason));
  }

  private async dial(): Promise<void> {
    try {
      const transport = await this.ports.dial();
      this.transport = transport;
      transport.onMessage((data) => this.received(data));
      transport.onClosed((reason) => this.closed(transport, reason));
      this.carryOut(this.association.connected(this.ports.now(), n2Streams));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.carryOut(this.association.disconnected(this.ports.now(), reason));
    }
    this.ports.rearm();
  }

  private received(data: Uint8Array): void {
    this.ports.tap(data, 0, false);
    this.carryOut(this.association.receive(this.ports.now(), 0, data));
    this.ports.rearm();
  }

  private closed(transport: N2Transport, reason: string): void {
    if (this.transport !== transport) return;
    this.transport = undefined;
    this.carryOut(this.association.disconnected(this.ports.now(), reason));
    this.ports.rearm();
  }
}

function causeText(cause: { readonly choice: string; readonly value: unknown } | undefined): string {
  return cause === undefined ? '' : `: ${cause.choice} ${String(cause.value)}`;
}
