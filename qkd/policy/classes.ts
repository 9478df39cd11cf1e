/**
 * Who gets scarce keys first. A subject (one SA's owner and traffic) falls into a class by the first rule that fits it;
 * the order of the classes is the order of service, and each class has a bound on how long it can go without any key.
 */

/** What is known about an SA when it wants keys; members that are not known are left out. */
export interface KeyingSubject {
  /** SUPI or another stable name of the UE. */
  readonly ue?: string;
  /** S-NSSAI as `sst` or `sst-sd`, such as `1` or `1-010203`. */
  readonly slice?: string;
  /** 5QI of the flow that the Child SA carries (TS 23.501 table 5.7.4-1). */
  readonly fiveQi?: number;
}

/** One class of service; the first of a list is served first. */
export interface KeyingClass {
  readonly name: string;
  /**
   * In scarcity a request of this class gets a key, if there is any, when the last one of its class was so long ago, ms.
   * Without such a bound a busy class above it could starve it for ever.
   */
  readonly atLeastEveryMs: number;
}

/** A row of the classification: every member given must fit; a rule without any fits all. */
export interface ClassRule {
  readonly ues?: readonly string[];
  readonly slices?: readonly string[];
  readonly fiveQis?: readonly number[];
  /** Name of a {@link KeyingClass}. */
  readonly class: string;
}

/** Classes in order of service, and the rules that lead to them. */
export interface ClassTable {
  readonly classes: readonly KeyingClass[];
  readonly rules: readonly ClassRule[];
}

/** Mission-critical and voice flows (5QI 1, 65, 66, 69, 70 of TS 23.501) before everything else. */
export const DEFAULT_CLASSES: ClassTable = {
  classes: [
    { name: 'critical', atLeastEveryMs: 60_000 },
    { name: 'normal', atLeastEveryMs: 300_000 },
  ],
  rules: [{ fiveQis: [1, 65, 66, 69, 70], class: 'critical' }],
};

/** What is wrong with a table, one line per fault; empty when it can be used. */
export function classFaults(table: ClassTable): string[] {
  const names = table.classes.map((entry) => entry.name);
  return [
    ...(names.length === 0 ? ['there is no class'] : []),
    ...names
      .filter((name, index) => names.indexOf(name) !== index)
      .map((name) => `class ${name} stands twice`),
    ...table.classes
      .filter((entry) => !(entry.atLeastEveryMs > 0))
      .map((entry) => `class ${entry.name}: atLeastEveryMs must be above 0`),
    ...table.rules
      .filter((rule) => !names.includes(rule.class))
      .map((rule) => `a rule names the unknown class ${rule.class}`),
  ];
}

/** The rank of a subject: 0 is served first. What no rule fits is of the last class. */
export function rankOf(table: ClassTable, subject: KeyingSubject): number {
  const rule = table.rules.find((candidate) => fits(candidate, subject));
  const rank = table.classes.findIndex((entry) => entry.name === rule?.class);
  return rank < 0 ? Math.max(0, table.classes.length - 1) : rank;
}

function fits(rule: ClassRule, subject: KeyingSubject): boolean {
  return (
    isOneOf(rule.ues, subject.ue) &&
    isOneOf(rule.slices, subject.slice) &&
    isOneOf(rule.fiveQis, subject.fiveQi)
  );
}

/** A member that the rule leaves out asks for nothing; one that the subject leaves out fits no list. */
function isOneOf<T>(wanted: readonly T[] | undefined, value: T | undefined): boolean {
  return wanted === undefined || (value !== undefined && wanted.includes(value));
}
