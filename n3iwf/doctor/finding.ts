/** What the checks of `n3iwf doctor` find, and how a list of it is shown. */

/** From good to worst. `skip`: the check could not be made, and why says so. */
export const severities = ['ok', 'skip', 'warn', 'fail'] as const;

/** How bad a finding is: a node with a `fail` will not start or not serve UEs. */
export type Severity = (typeof severities)[number];

/** One thing that a check saw. */
export interface Finding {
  readonly severity: Severity;
  /** What is so, with the values it concerns. */
  readonly detail: string;
  /** What to do about it; absent where nothing needs doing. */
  readonly remedy?: string;
}

/** A finding with the name of the check that made it. */
export interface NamedFinding extends Finding {
  readonly check: string;
}

/** All is well with what `detail` says. */
export const good = (detail: string): Finding => ({ severity: 'ok', detail });

/** The check was not made; `detail` says what it lacked. */
export const skipped = (detail: string): Finding => ({ severity: 'skip', detail });

/** It works, but not for long or not well. */
export const warning = (detail: string, remedy: string): Finding => ({ severity: 'warn', detail, remedy });

/** It will not work. */
export const failure = (detail: string, remedy: string): Finding => ({ severity: 'fail', detail, remedy });

/** Exit status of the command: distinct from those of `exitCodes`, which stand for faults before any check ran. */
const exitStatus: Readonly<Record<Severity, number>> = { ok: 0, skip: 0, warn: 8, fail: 1 };

const rank = (finding: Finding): number => severities.indexOf(finding.severity);

/** The worst finding, the first one of those that are equally bad; undefined of an empty list. */
export function worstOf(findings: readonly NamedFinding[]): NamedFinding | undefined {
  return findings.reduce<NamedFinding | undefined>(
    (worst, finding) => (worst === undefined || rank(finding) > rank(worst) ? finding : worst),
    undefined,
  );
}

/** 0: nothing to do; 8: warnings; 1: something will not work. */
export function statusOf(findings: readonly NamedFinding[]): number {
  const worst = worstOf(findings);
  return worst === undefined ? 0 : exitStatus[worst.severity];
}

const marks: Readonly<Record<Severity, string>> = { ok: 'ok  ', skip: 'skip', warn: 'WARN', fail: 'FAIL' };

function sentence({ check, detail, remedy }: NamedFinding): string {
  return `${check}: ${detail}${remedy === undefined ? '' : `; ${remedy}`}`;
}

/** The report as text: the worst finding first, alone; then every finding in the order of the checks; then a sum. */
export function reportText(findings: readonly NamedFinding[]): string[] {
  const worst = worstOf(findings);
  const verdict =
    worst === undefined || worst.severity === 'ok' || worst.severity === 'skip'
      ? 'nothing stands in the way of a start'
      : `${marks[worst.severity]} ${sentence(worst)}`;
  const count = (severity: Severity) => findings.filter((finding) => finding.severity === severity).length;
  return [
    verdict,
    ...findings.map((finding) => `  ${marks[finding.severity]}  ${sentence(finding)}`),
    `${count('ok')} good, ${count('warn')} warnings, ${count('fail')} failed, ${count('skip')} skipped`,
  ];
}

/** The report as one object: `status` is the exit status. */
export function reportJson(findings: readonly NamedFinding[]): object {
  return { status: statusOf(findings), worst: worstOf(findings) ?? null, findings };
}
