import type { DropCause, DropCounters } from './drops.ts';

/** User packets relayed each way. Octets are those of the user packets, without GRE, ESP or GTP-U. */
export interface Traffic {
  uplinkPackets: number;
  uplinkOctets: number;
  downlinkPackets: number;
  downlinkOctets: number;
}

/** Packets that a Child SA opened and sealed; octets are those of the whole ESP packets. */
export interface SaTraffic {
  packetsIn: number;
  octetsIn: number;
  packetsOut: number;
  octetsOut: number;
}

/** A fresh set for a flow, a session or a UE. */
export function newTraffic(): Traffic {
  return { uplinkPackets: 0, uplinkOctets: 0, downlinkPackets: 0, downlinkOctets: 0 };
}

/** A fresh set for a Child SA. */
export function newSaTraffic(): SaTraffic {
  return { packetsIn: 0, octetsIn: 0, packetsOut: 0, octetsOut: 0 };
}

/** Adds `more` to `sum` and returns it. Sums are made when somebody asks, so that a packet counts in one place only. */
export function addTraffic(sum: Traffic, more: Traffic): Traffic {
  sum.uplinkPackets += more.uplinkPackets;
  sum.uplinkOctets += more.uplinkOctets;
  sum.downlinkPackets += more.downlinkPackets;
  sum.downlinkOctets += more.downlinkOctets;
  return sum;
}

/** What a Child SA did; `childSaId` is the IKE engine's handle. */
export interface SaReport extends SaTraffic {
  readonly childSaId: number;
  readonly spiIn: number;
  readonly spiOut: number;
}

/** What a flow carried. */
export interface FlowReport extends Traffic {
  readonly qfi: number;
  /** The Child SA that its downlink takes; undefined when there is none. */
  readonly childSaId: number | undefined;
}

/** What a PDU session carried, flows that it has no more included. */
export interface SessionReport extends Traffic {
  readonly pduSessionId: number;
  /** End markers that came from the UPF. */
  readonly endMarkers: number;
  readonly flows: readonly FlowReport[];
}

/** Everything counted for one UE; `drops` names only the causes that occurred. */
export interface UeReport extends Traffic {
  readonly ueId: number;
  readonly drops: Partial<DropCounters>;
  readonly sessions: readonly SessionReport[];
  readonly childSas: readonly SaReport[];
}

/** Drops of one UE: causes are few, so an entry is made when the first packet is lost by it. */
export type UeDrops = Map<DropCause, number>;

/** Counts one more, or as many as `count` says. */
export function countDrop(drops: UeDrops, cause: DropCause, count = 1): void {
  drops.set(cause, (drops.get(cause) ?? 0) + count);
}
