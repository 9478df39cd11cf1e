/** What a faulty message asks for: each IE is weighed by its criticality, and the heaviest decides (TS 38.413 10.3). */
import type { ContainerType, Criticality, UnknownIe } from './aper/types.ts';
import type { CriticalityDiagnostics } from './schema/ies.ts';

/**
 * What a faulty PDU asks for: `transferSyntax` and `reject` end the procedure with its failure or an Error Indication,
 * `notify` goes on and reports, `ignore` goes on in silence, `falselyConstructed` is an IE doubled or out of order.
 */
export type Reaction = Criticality | 'transferSyntax' | 'falselyConstructed';

/** What was wrong with one PDU and how to react; `ies` holds what could be read, for the ids of an answer. */
export interface Diagnosis {
  readonly reaction: Reaction;
  readonly procedureCode?: number;
  readonly triggeringMessage?: 'initiating' | 'successful' | 'unsuccessful';
  readonly procedureCriticality?: Criticality;
  readonly ies?: unknown;
  readonly items?: readonly DiagnosisItem[];
}

/** One IE that was missing or not understood, as Criticality Diagnostics lists it. */
export interface DiagnosisItem {
  readonly ieCriticality: Criticality;
  readonly ieId: number;
  readonly typeOfError: 'not-understood' | 'missing';
}

/** maxnoofErrors: a hostile message can have more. */
const mostItems = 256;

/** Where the PDU stands among the procedures. */
type About = Omit<Diagnosis, 'reaction' | 'ies' | 'items'>;

/** From the lightest to the heaviest. */
const severity: readonly Criticality[] = ['ignore', 'notify', 'reject'];

/**
 * Weighs the IEs of a message against its table: unknown ids by the criticality they came with
 * [TS38413 10.3.4.1], unreadable IEs and absent mandatory ones by the table's [TS38413 10.3.5], doubled or misplaced ones as falsely
 * constructed [TS38413 10.3.6].
 *
 * @returns undefined when there is nothing to say
 */
export function diagnose(
  type: ContainerType,
  frames: readonly UnknownIe[],
  unreadable: readonly { readonly id: number }[],
  about: About,
): Diagnosis | undefined {
  if (isFalselyConstructed(type, frames)) return { reaction: 'falselyConstructed', ...about };
  const bad = new Set(unreadable.map(({ id }) => id));
  const items: DiagnosisItem[] = [
    ...frames
      .filter(({ id }) => !type.byId.has(id) || bad.has(id))
      .map(({ id, criticality }) => ({
        // the table's word for an IE of ours: a handler must never find a hole where it says reject
        ieCriticality: type.byId.get(id)?.criticality ?? criticality,
        ieId: id,
        typeOfError: 'not-understood' as const,
      })),
    ...type.rows
      .filter((row) => row.presence === 'mandatory' && !frames.some(({ id }) => id === row.id))
      .map((row) => ({ ieCriticality: row.criticality, ieId: row.id, typeOfError: 'missing' as const })),
  ];
  const told = items.filter(({ ieCriticality }) => ieCriticality !== 'ignore');
  if (items.length === 0) return undefined;
  const reaction =
    severity[Math.max(...items.map((item) => severity.indexOf(item.ieCriticality)))] ?? 'ignore';
  return { reaction, ...about, ...(told.length === 0 ? {} : { items: told.slice(0, mostItems) }) };
}

/** An id that comes twice, or known ids in another order than the table's. */
function isFalselyConstructed(type: ContainerType, frames: readonly UnknownIe[]): boolean {
  const order = new Map(type.rows.map((row, at) => [row.id, at]));
  let last = -1;
  const seen = new Set<number>();
  for (const { id } of frames) {
    if (seen.has(id)) return true;
    seen.add(id);
    const at = order.get(id);
    if (at === undefined) continue;
    if (at < last) return true;
    last = at;
  }
  return false;
}

/** Names of the Triggering Message IE, with the spelling of the ASN.1. */
const kindNames = {
  initiating: 'initiating-message',
  successful: 'successful-outcome',
  unsuccessful: 'unsuccessfull-outcome',
} as const;

/** The Criticality Diagnostics IE that reports a diagnosis. */
export function criticalityDiagnosticsOf(diagnosis: Diagnosis): CriticalityDiagnostics {
  const { procedureCode, triggeringMessage, procedureCriticality, items } = diagnosis;
  return {
    ...(procedureCode === undefined ? {} : { procedureCode }),
    ...(triggeringMessage === undefined ? {} : { triggeringMessage: kindNames[triggeringMessage] }),
    ...(procedureCriticality === undefined ? {} : { procedureCriticality }),
    ...(items === undefined ? {} : { iesCriticalityDiagnostics: items }),
  };
}
