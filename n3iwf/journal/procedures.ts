/** How procedures between the node and its peers end, and how long they take; and which messages there were. */
import { Histogram } from './histogram.ts';

/** Which protocol a procedure is of, for the label of its metric. */
export type ProcedureProtocol = 'ike' | 'eap' | 'nas' | 'ngap' | 'kme';

/** One kind of outcome. */
export interface ProcedureSeries {
  readonly protocol: ProcedureProtocol;
  readonly procedure: string;
  readonly result: string;
  readonly times: Histogram;
}

/** Requests of the AMF by the procedure that they begin [TS38413 8.1], each with the answers of this node. */
const begunByAmf: ReadonlyMap<string, string> = new Map([
  ['InitialContextSetupRequest', 'InitialContextSetup'],
  ['UEContextModificationRequest', 'UEContextModification'],
  ['UEContextReleaseCommand', 'UEContextRelease'],
  ['PDUSessionResourceSetupRequest', 'PDUSessionResourceSetup'],
  ['PDUSessionResourceModifyRequest', 'PDUSessionResourceModify'],
  ['PDUSessionResourceReleaseCommand', 'PDUSessionResourceRelease'],
]);
/** Requests of this node, likewise. */
const begunHere: ReadonlyMap<string, string> = new Map([
  ['UEContextReleaseRequest', 'UEContextReleaseRequest'],
  ['PDUSessionResourceModifyIndication', 'PDUSessionResourceModifyIndication'],
]);
/** Messages that end a procedure, with what became of it. */
const ends: ReadonlyMap<string, readonly [procedure: string, result: string]> = new Map([
  ['InitialContextSetupResponse', ['InitialContextSetup', 'success']],
  ['InitialContextSetupFailure', ['InitialContextSetup', 'failure']],
  ['UEContextModificationResponse', ['UEContextModification', 'success']],
  ['UEContextModificationFailure', ['UEContextModification', 'failure']],
  ['UEContextReleaseComplete', ['UEContextRelease', 'success']],
  ['PDUSessionResourceSetupResponse', ['PDUSessionResourceSetup', 'success']],
  ['PDUSessionResourceModifyResponse', ['PDUSessionResourceModify', 'success']],
  ['PDUSessionResourceReleaseResponse', ['PDUSessionResourceRelease', 'success']],
  ['UEContextReleaseCommand', ['UEContextReleaseRequest', 'success']],
  ['PDUSessionResourceModifyConfirm', ['PDUSessionResourceModifyIndication', 'success']],
]);

/** A response that lists sessions or flows which failed, alone or beside others that did not. */
function resultOf(result: string, ies: unknown): string {
  if (result !== 'success' || typeof ies !== 'object' || ies === null) return result;
  const lists = Object.entries(ies);
  const has = (pattern: RegExp) => lists.some(([name, value]) => pattern.test(name) && Array.isArray(value));
  if (!has(/FailedTo/)) return 'success';
  return has(/^pduSessionResource(?:Setup|Modify)List/) ? 'partial' : 'failure';
}

/** NAS messages up and down, and who owes the next one. */
const nasUp: ReadonlySet<string> = new Set(['InitialUEMessage', 'UplinkNASTransport']);
const nasDown: ReadonlySet<string> = new Set(['DownlinkNASTransport', 'InitialContextSetupRequest']);

/** One per node. Handle: {@link begin}, {@link end}, {@link ngap}, {@link ueGone}. Read: {@link series}, {@link messages}. */
export class Procedures {
  private readonly known = new Map<string, ProcedureSeries>();
  /** What is under way, by UE: names with the times at which they began, in ms. */
  private readonly open = new Map<number, Map<string, number>>();
  private readonly counts = new Map<string, number>();

  /** A procedure that is over, with how long it took, in ms. */
  took(protocol: ProcedureProtocol, procedure: string, result: string, ms: number): void {
    const key = `${protocol} ${procedure} ${result}`;
    let series = this.known.get(key);
    if (series === undefined) {
      series = { protocol, procedure, result, times: new Histogram() };
      this.known.set(key, series);
    }
    series.times.add(ms / 1000);
  }

  /** A UE's procedure begins; one of that name that is under way begins anew. */
  begin(ueId: number, protocol: ProcedureProtocol, procedure: string, now: number): void {
    const open = this.open.get(ueId) ?? new Map<string, number>();
    open.set(`${protocol} ${procedure}`, now);
    this.open.set(ueId, open);
  }

  /** It ends; one that never began is not counted. */
  end(ueId: number, protocol: ProcedureProtocol, procedure: string, result: string, now: number): void {
    const open = this.open.get(ueId);
    const key = `${protocol} ${procedure}`;
    const began = open?.get(key);
    if (open === undefined || began === undefined) return;
    open.delete(key);
    this.took(protocol, procedure, result, now - began);
  }

  /** An NGAP message of a UE: what it begins, and what it ends. */
  ngap(name: string, ies: unknown, from: 'N3IWF' | 'AMF', ueId: number | undefined, now: number): void {
    const counted = `${name} ${from === 'AMF' ? 'in' : 'out'}`;
    this.counts.set(counted, (this.counts.get(counted) ?? 0) + 1);
    if (ueId === undefined) return;
    const ended = ends.get(name);
    if (ended !== undefined) this.end(ueId, 'ngap', ended[0], resultOf(ended[1], ies), now);
    const begun = (from === 'AMF' ? begunByAmf : begunHere).get(name);
    if (begun !== undefined) this.begin(ueId, 'ngap', begun, now);
    if (nasUp.has(name)) {
      this.end(ueId, 'nas', 'ue-answer', 'success', now);
      this.begin(ueId, 'nas', 'amf-answer', now);
    } else if (nasDown.has(name)) {
      this.end(ueId, 'nas', 'amf-answer', 'success', now);
      if (name === 'DownlinkNASTransport') this.begin(ueId, 'nas', 'ue-answer', now);
    }
  }

  /** The UE is gone: what was under way came to nothing, but for NAS, where the last message needs no answer. */
  ueGone(ueId: number, now: number): void {
    for (const [key, began] of this.open.get(ueId) ?? []) {
      const [protocol = 'ngap', procedure = ''] = key.split(' ') as [ProcedureProtocol, string];
      if (protocol !== 'nas') this.took(protocol, procedure, 'abandoned', now - began);
    }
    this.open.delete(ueId);
  }

  /** Every outcome that there was. */
  series(): Iterable<ProcedureSeries> {
    return this.known.values();
  }

  /** NGAP messages by name and direction, `in` from the AMF and `out` to it. */
  messages(): readonly { readonly message: string; readonly direction: string; readonly count: number }[] {
    return [...this.counts].map(([key, count]) => {
      const [message = '', direction = ''] = key.split(' ');
      return { message, direction, count };
    });
  }
}
