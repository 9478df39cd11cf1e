import type { LabSummary, LabSupply, LabUe } from './lab-options.ts';
import type { LinkLeg } from './lab-verdict.ts';
import { brief, type Column, tableLines } from './table.ts';

/** Where the lab's steps are told while it runs: one line each, with the time since the start. */
export class LabProgress {
  private readonly write: (line: string) => void;
  private readonly now: () => number;
  private readonly startedMs: number;

  /** `write` takes a line without its end; `now` is a clock in ms. */
  constructor(write: (line: string) => void, now: () => number) {
    this.write = write;
    this.now = now;
    this.startedMs = now();
  }

  /** Tells a step with the time since the lab began. */
  step(text: string): void {
    const seconds = (this.now() - this.startedMs) / 1000;
    this.write(`${seconds.toFixed(3).padStart(8)} s  ${text}`);
  }
}

const columns: readonly (readonly [title: string, cell: (ue: LabUe) => string])[] = [
  ['SUPI', (ue) => ue.supi],
  ['inner IP', (ue) => ue.innerIp],
  ['session IP', (ue) => ue.pduSessions.map(({ ip }) => ip).join(' ')],
  [
    'ping',
    (ue) =>
      ue.pduSessions.map(({ ping }) => `${ping.received}/${ping.sent} ${ping.rttMs.toFixed(2)} ms`).join(' '),
  ],
  [
    'echo UDP TCP',
    (ue) =>
      ue.pduSessions.map(({ udp, tcp }) => `${udp.received}/${udp.sent} ${tcp.received / 1000} kB`).join(' '),
  ],
  ['lost', (ue) => `${ue.stream.lost}/${ue.stream.sent}`],
  ['rekeys', (ue) => String(ue.rekeys.child + ue.rekeys.ike)],
  ['attach', (ue) => `${ue.timesMs.registration.toFixed(0)} ms`],
];

/** The table that ends a run on a terminal; no line is wider than 100 columns for usual values. */
export function summaryLines(summary: LabSummary): string[] {
  const rows = [
    columns.map(([title]) => title),
    ...summary.ues.map((ue) => columns.map(([, cell]) => cell(ue))),
  ];
  const widths = columns.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const table = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const keys = summary.ues.flatMap((ue) =>
    ue.saKeys.map(({ sa, keyId }) => `${ue.supi}  ${sa.padEnd(13)} keyed by QKD key ${keyId ?? '(none)'}`),
  );
  return ['', ...table, '', ...keys, ...endLines(summary)];
}

/** Keys, where they came from, what went wrong. */
function endLines({ qkd: { delivered, used, burnt }, supply, errors, ok }: LabSummary): string[] {
  return [
    `QKD keys: ${delivered} delivered, ${used} used, ${burnt} burnt`,
    ...(supply === undefined ? [] : [supplyLine(supply)]),
    ...errors.map((error) => `error: ${error}`),
    ok ? 'All of it worked.' : 'Not all of it worked.',
  ];
}

/** What the link gives and what the node made of it. */
function supplyLine({ linkBitsPerSecond, qber, storedKeys, mode, reason }: LabSupply): string {
  // A run may be over before the node has looked at its supply for the first time.
  const state = mode === undefined ? '' : `; keying: ${mode === 'qkd' ? 'QKD' : `fallback (${reason})`}`;
  const link = `${brief(linkBitsPerSecond)}bit/s, error rate ${(qber * 100).toFixed(1)} %`;
  return `Key source: simulated link, ${link}; ${storedKeys} keys in the pool${state}`;
}

const legColumns: readonly Column<LinkLeg>[] = [
  { title: 'from', of: ({ fromMs }) => `${fromMs / 1000} s`, align: 'right' },
  { title: 'link', of: ({ link }) => link, align: 'right' },
  { title: 'for', of: ({ seconds }) => `${seconds} s`, align: 'right' },
  { title: 'mode at the end', of: ({ mode }) => mode },
  { title: 'into fallback', of: ({ fallbacks }) => fallbacks, align: 'right' },
  { title: 'least pool', of: ({ leastPool }) => leastPool, align: 'right' },
  { title: 'rekeys with QKD', of: ({ quantumRekeys }) => quantumRekeys, align: 'right' },
  { title: 'without', of: ({ mlKemRekeys }) => mlKemRekeys, align: 'right' },
];

/** What ends a run with a schedule of the link: its legs, and each claim with what was seen. */
export function linkLines(
  summary: LabSummary,
  { legs, verdicts }: NonNullable<LabSummary['link']>,
): string[] {
  const width = Math.max(...verdicts.map(({ claim }) => claim.length));
  return [
    '',
    ...tableLines(legColumns, legs, 100),
    '',
    ...verdicts.map(({ claim, held, seen }) => `${held ? 'yes' : 'NO '}  ${claim.padEnd(width)}  ${seen}`),
    '',
    ...endLines(summary),
  ];
}
