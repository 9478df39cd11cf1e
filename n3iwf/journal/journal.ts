/**
 * The node's journal: sees what crosses its edges and what its engines tell, and makes of it the feed of events, the book
 * of SAs and the board of alarms that views show. It only listens: nothing that the node does depends on it.
 */
import type { IkeEvent } from '#ikev2';
import { AlarmBoard } from './alarms.ts';
import { type Concern, EventFeed, type MessageStep } from './feed.ts';
import { Procedures } from './procedures.ts';
import { type IkeEntry, SaBook } from './sa-book.ts';
import { eapStep, ikeMessageStep, initRequestStep, nasStep, ngapStep, stageOf } from './steps.ts';

/** The clocks that it reads, both in ms: that of the node, which does not go back, and that of the wall. */
export interface JournalClock {
  now(): number;
  wallMs(): number;
}

/** Steps kept of a set-up whose UE has not shown itself yet. */
const mostHeld = 32;

/** What ends EAP, by the names of the packets. */
const eapResults: ReadonlyMap<string, string> = new Map([
  ['EAP-Success', 'success'],
  ['EAP-Failure', 'failure'],
]);

/** A step that waits for its UE. */
interface Held {
  readonly step: MessageStep;
  readonly timeMs: number;
}

/** One per node. */
export class Journal {
  readonly feed: EventFeed;
  readonly sas = new SaBook();
  readonly alarms: AlarmBoard;
  readonly procedures = new Procedures();
  private readonly clock: JournalClock;
  /** By the IKE SA's handle: strangers who only knock leave no trace in the feed. */
  private readonly held = new Map<number, Held[]>();

  constructor(clock: JournalClock) {
    this.clock = clock;
    this.feed = new EventFeed(() => clock.wallMs());
    this.alarms = new AlarmBoard(this.feed);
  }

  /** An IKE datagram as it came or goes, with or without the non-ESP marker; only its header is read. */
  ikeDatagram(datagram: Uint8Array, from: 'UE' | 'N3IWF'): void {
    // An IKE header begins with an SPI, which is not zero; the marker is.
    const isMarked = datagram[0] === 0 && datagram[1] === 0 && datagram[2] === 0 && datagram[3] === 0;
    const read = ikeMessageStep(isMarked ? datagram.subarray(4) : datagram, from);
    const entry = read === undefined ? undefined : this.sas.bySpis(read.spiInitiator, read.spiResponder);
    if (read !== undefined && entry !== undefined) this.ofSa(entry, read.step);
  }

  /** An event of the IKE engine, before the node acts on it. */
  ikeEvent(event: IkeEvent): void {
    const { ikeSaId } = event;
    const before = ikeSaId === undefined ? undefined : this.sas.of(ikeSaId);
    this.sas.note(event, this.clock.now());
    const entry = before ?? (ikeSaId === undefined ? undefined : this.sas.of(ikeSaId));
    if (entry === undefined) return;
    if (event.type === 'ikeSaInitCompleted') this.ofSa(entry, initRequestStep());
    if (event.type === 'eapReceived') this.ofSa(entry, eapStep(event.packet, 'UE'));
    if (event.type === 'ikeSaClosed') this.close(entry, event.cause === 'timeout');
    const stage = stageOf(event);
    if (stage !== undefined && !isKnock(event, entry)) this.feed.add(stage, concernOf(entry));
  }

  /** The UE behind an IKE SA has shown itself and has a number now: what was held becomes part of the feed. */
  ueStarted(ueId: number, ikeSaId: number): void {
    const entry = this.sas.of(ikeSaId);
    if (entry === undefined) return;
    entry.ueId = ueId;
    this.procedures.begin(ueId, 'eap', 'eap-5g', this.clock.now());
    this.procedures.begin(ueId, 'ike', 'attach', entry.startedMs);
    this.release(entry);
    const { address, port } = entry.remote;
    this.feed.add({ kind: 'stage', name: 'started', detail: `${address}:${port}` }, concernOf(entry));
  }

  /** Nothing of the UE is left. */
  ueGone(ueId: number): void {
    this.procedures.ueGone(ueId, this.clock.now());
  }

  /** The UE's signalling SA is up. */
  ueAttached(ueId: number, ikeSa: number): void {
    this.procedures.end(ueId, 'ike', 'attach', 'success', this.clock.now());
    this.feed.add({ kind: 'stage', name: 'attached' }, { ueId, ikeSa });
  }

  /** An EAP packet for the UE. */
  eapSent(ikeSaId: number, packet: Uint8Array): void {
    const entry = this.sas.of(ikeSaId);
    if (entry === undefined) return;
    const step = eapStep(packet, 'N3IWF');
    this.ofSa(entry, step);
    const result = eapResults.get(step.name);
    if (result !== undefined && entry.ueId !== undefined)
      this.procedures.end(entry.ueId, 'eap', 'eap-5g', result, this.clock.now());
  }

  /** A NAS message on a UE's NAS connection. */
  nas(ueId: number, nasPdu: Uint8Array, from: 'UE' | 'N3IWF'): void {
    this.feed.add(nasStep(nasPdu, from), { ueId });
  }

  /** An NGAP message; `ueId` is left out for one that names no UE of ours. */
  ngap(name: string, ies: unknown, from: 'N3IWF' | 'AMF', ueId: number | undefined): void {
    this.feed.add(ngapStep(name, ies, from), ueId === undefined ? {} : { ueId });
    this.procedures.ngap(name, ies, from, ueId, this.clock.now());
  }

  private ofSa(entry: IkeEntry, step: MessageStep): void {
    if (entry.ueId !== undefined) {
      this.feed.add(step, concernOf(entry));
      return;
    }
    const held = this.held.get(entry.ikeSaId) ?? [];
    if (held.length < mostHeld) held.push({ step, timeMs: this.clock.wallMs() });
    this.held.set(entry.ikeSaId, held);
  }

  /** A set-up that was given up without a word is forgotten; one that failed is there to be read. */
  private close(entry: IkeEntry, inSilence: boolean): void {
    if (!inSilence) this.release(entry);
    this.held.delete(entry.ikeSaId);
  }

  private release(entry: IkeEntry): void {
    const held = this.held.get(entry.ikeSaId) ?? [];
    this.held.delete(entry.ikeSaId);
    for (const { step, timeMs } of held) this.feed.add(step, concernOf(entry), timeMs);
  }
}

/** A set-up that was given up before anybody showed himself. */
function isKnock(event: IkeEvent, { ueId }: IkeEntry): boolean {
  return (
    event.type === 'ikeSaClosed' && event.cause === 'timeout' && !event.established && ueId === undefined
  );
}

function concernOf({ ikeSaId, ueId }: IkeEntry): Concern {
  return ueId === undefined ? { ikeSa: ikeSaId } : { ikeSa: ikeSaId, ueId };
}
