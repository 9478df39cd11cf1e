import type { LabSummary, LabUe } from './lab-options.ts';

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

/** The table and the hints that end a run on a terminal; no line is wider than 100 columns for usual values. */
export function summaryLines(summary: LabSummary, hints: readonly string[]): string[] {
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
  const { delivered, used, burnt } = summary.qkd;
  return [
    '',
    ...table,
    '',
    ...keys,
    `QKD keys: ${delivered} delivered, ${used} used, ${burnt} burnt`,
    ...summary.errors.map((error) => `error: ${error}`),
    summary.ok ? 'All of it worked.' : 'Not all of it worked.',
    ...hints,
  ];
}
