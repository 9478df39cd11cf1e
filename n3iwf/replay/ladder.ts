import { type EspReport, faultVerdicts, type IkeReport, type Report } from './capture-reader.ts';

/** ESP packets of one SPI in a row between two IKE messages, shown as one line. */
interface EspRun {
  readonly first: EspReport;
  count: number;
  octets: number;
}

/** Lines of a ladder: an arrow for each IKE message with its payloads and verdict, a line for each run of ESP packets. */
export function* ladderOf(reports: Iterable<Report>): Generator<string> {
  let startMs: number | undefined;
  const runs = new Map<string, EspRun>();
  for (const report of reports) {
    startMs ??= report.timeMs;
    if (report.kind === 'esp') {
      /** Adds a packet to the run of its SPI. */
      count(runs, report);
      continue;
    }
    yield* espLines(runs, startMs);
    runs.clear();
    yield* messageLines(report, startMs);
  }
  yield* espLines(runs, startMs ?? 0);
}

function count(runs: Map<string, EspRun>, report: EspReport): void {
  const run = runs.get(report.spi) ?? { first: report, count: 0, octets: 0 };
  run.count++;
  run.octets += report.length;
  runs.set(report.spi, run);
}

const seconds = (ms: number) => (ms / 1000).toFixed(6).padStart(12);

/** ESP is summed up: a line for each SPI, at the time of its first packet. */
function* espLines(runs: ReadonlyMap<string, EspRun>, startMs: number): Generator<string> {
  for (const { first, count: packets, octets } of runs.values()) {
    const place = `${seconds(first.timeMs - startMs)}  ${first.from} → ${first.to}`;
    yield `${place}  ESP ${first.spi}, ${packets} packet${packets === 1 ? '' : 's'}, ${octets} octets`;
  }
}

/** One message: who to whom, what, the verdict, and what is in it. */
function* messageLines(report: IkeReport, startMs: number): Generator<string> {
  const { exchange, direction, messageId, payloads, verdict, notes } = report;
  const arrow = report.fromInitiator ? '──►' : '◄──';
  yield `${seconds(report.timeMs - startMs)}  ${report.from} → ${report.to}  SA ${report.spiInitiator}`;
  const mark = faultVerdicts.has(verdict) ? '✗ ' : '';
  const told = [verdict === 'ok' ? '' : verdict, ...notes].filter((word) => word !== '').join('; ');
  const content = [exchange, direction, messageId, payloads].filter((word) => word !== '').join(' ');
  yield `              ${arrow} ${content}${told === '' ? '' : `  ${mark}${told}`}`;
  for (const detail of report.details) yield `                    ${detail}`;
}
