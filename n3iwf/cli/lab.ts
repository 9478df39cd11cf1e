import { writeFileSync } from 'node:fs';
import { exitCodes, OperatorError } from '../errors.ts';
import { monotonicMs } from '../io/machine.ts';
import type { Log } from '../log.ts';
import { settledInTurns } from './in-turns.ts';
import { checkLabOptions, decided, labKeying } from './lab-config.ts';
import { LabNetwork } from './lab-network.ts';
import type { GivenLabOptions, LabOptions, LabSummary } from './lab-options.ts';
import { LabProgress, linkLines, summaryLines } from './lab-report.ts';
import { type LinkSchedule, linkScheduleOf } from './lab-schedule.ts';
import { ThrottleRun } from './lab-throttle.ts';
import { type AttachPlan, type LabUeRunner, labPingSizes } from './lab-ue.ts';
import { verdictsOn } from './lab-verdict.ts';
import { openLog } from './open-log.ts';
import { untilSignal } from './signals.ts';
import { supplyChart } from './supply-chart.ts';

/**
 * UEs that are in the same step at a time. All of the lab shares one thread: with more of them the KMEs, which are part of
 * it, would not answer in the time that their clients give them.
 */
const mostAtOnce = 16;

/**
 * The command `n3iwf lab`: builds the whole network in this process, takes every UE through attach, session, ping, rekey
 * and detach, and tells how it went.
 *
 * @returns 0 when all of it worked, 1 when a step failed; without `once` it stays up until it is interrupted
 */
export async function runLabCommand(given: GivenLabOptions): Promise<number> {
  const options = decided(given);
  const log = logTo(options);
  const say = (line: string) => (options.json === true ? process.stderr : process.stdout).write(`${line}\n`);
  const progress = new LabProgress(say, monotonicMs);
  const summary: LabSummary = { ok: false, ues: [], qkd: { delivered: 0, used: 0, burnt: 0 }, errors: [] };
  let fault = 1;
  try {
    await run(options, summary, progress, log);
  } catch (error) {
    summary.errors.push(error instanceof Error ? error.message : String(error));
    if (error instanceof OperatorError) fault = exitCodes[error.code];
  }
  summary.ok = summary.errors.length === 0 && summary.ues.length === options.ues;
  if (options.json === true) process.stdout.write(`${JSON.stringify(summary)}\n`);
  else {
    const lines = summary.link === undefined ? summaryLines(summary) : linkLines(summary, summary.link);
    for (const line of [...lines, ...hintsFor(options)]) say(line);
  }
  return summary.ok ? 0 : fault;
}

/** Warnings and worse on standard error, everything with --verbose; key material has no path into a log line. */
function logTo({ verbose }: LabOptions): Log {
  return openLog(verbose === true ? 'debug' : 'error');
}

/** What to try next, by what was just done. */
function hintsFor(options: LabOptions): string[] {
  const hints = [
    'Next: --ues 3, --auth certificate --ppk none, --pcap FILE --keylog FOLDER; npm start -- --help',
  ];
  if (options.pcap !== undefined)
    hints.unshift(`Capture: ${options.pcap} (tshark -r ${options.pcap}, or Wireshark)`);
  if (options.keylog !== undefined) {
    hints.unshift(
      `Keys: WIRESHARK_CONFIG_DIR=${options.keylog} tshark -r ${options.pcap ?? 'FILE'} shows the inside`,
    );
  }
  return hints;
}

async function run(options: LabOptions, summary: LabSummary, progress: LabProgress, log: Log): Promise<void> {
  const schedule = options.linkSchedule === undefined ? undefined : linkScheduleOf(options.linkSchedule);
  // What is wrong is told before anything is started.
  checkLabOptions(options);
  labKeying(options);
  const network = await LabNetwork.start(options, log, (text) => progress.step(text));
  try {
    await runUes(options, schedule, network, summary, progress);
    if (options.ppk !== 'none' || options.auth === 'qkd') summary.supply = network.supply();
    summary.errors.push(...(await network.settle()));
  } finally {
    summary.qkd = await network.keyCounts();
    await network.close();
  }
}

/** All UEs side by side, from stage to stage; one that fails a stage takes no part in the next. */
async function runUes(
  options: LabOptions,
  schedule: LinkSchedule | undefined,
  network: LabNetwork,
  summary: LabSummary,
  progress: LabProgress,
): Promise<void> {
  const runners = await Promise.all(Array.from({ length: options.ues }, (_, index) => network.openUe(index)));
  const told = (text: string) => progress.step(text);
  const stage = async (alive: readonly LabUeRunner[], act: (runner: LabUeRunner) => Promise<void>) => {
    const outcomes = await settledInTurns(alive, mostAtOnce, act);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected')
        summary.errors.push(String(outcome.reason?.message ?? outcome.reason));
    }
    return alive.filter((_, index) => outcomes[index]?.status === 'fulfilled');
  };
  const { sessionTypes } = options;
  const sessions = Array.from(
    { length: options.sessions },
    (_, index) => sessionTypes[index % sessionTypes.length] ?? 'ipv4',
  );
  const plan = { sessions, pingSizes: labPingSizes, echoes: schedule === undefined };
  let alive: LabUeRunner[];
  if (schedule === undefined) {
    alive = await stage(runners, (runner) => runner.attach(told, plan));
    alive = await stage(alive, (runner) => runner.rekey(told, () => network.remapNat(told)));
  } else alive = await runSchedule(options, schedule, network, runners, plan, summary, told);
  for (const runner of runners) if (!alive.includes(runner)) runner.abandon();
  summary.ues.push(
    ...alive.map(({ result, ue }) => ({ ...result, keyIds: [...ue.keyIds], saKeys: [...ue.saKeys] })),
  );
  for (const { result } of alive) summary.errors.push(...missing(result));
  if (options.once !== true) {
    progress.step('all UEs are up; Ctrl-C detaches them and ends the lab');
    await untilSignal();
  }
  // Nobody reads a hundred such lines behind a table of a run with a schedule.
  await stage(alive, (runner) => runner.detach(schedule === undefined ? told : () => {}));
}

/** Attaches the UEs, throttles the link by the schedule, and judges what was seen. Gives the UEs that are still there. */
async function runSchedule(
  { rekeyEvery = 0, picture }: LabOptions,
  schedule: LinkSchedule,
  network: LabNetwork,
  runners: readonly LabUeRunner[],
  plan: AttachPlan,
  summary: LabSummary,
  told: (text: string) => void,
): Promise<LabUeRunner[]> {
  const throttle = new ThrottleRun(network, schedule, rekeyEvery, told);
  const { alive, errors } = await throttle.attach(runners, plan);
  summary.errors.push(...errors);
  await throttle.follow();
  const run = await throttle.finish();
  const verdicts = verdictsOn(run, network.keying);
  summary.link = { ...run, verdicts };
  summary.errors.push(...throttle.gone);
  for (const { claim, held, seen } of verdicts) if (!held) summary.errors.push(`not so: ${claim}: ${seen}`);
  if (picture !== undefined) {
    writeFileSync(picture, supplyChart(run.samples));
    told(`pool, rate and mode over time: ${picture}`);
  }
  return alive.filter(({ result }) => !throttle.gone.some((text) => text.startsWith(`${result.supi}:`)));
}

/** What of a UE's packets did not come back. */
function missing({ supi, pduSessions, stream }: LabSummary['ues'][number]): string[] {
  const faults = pduSessions.flatMap(({ id, ping, udp, tcp }) => {
    const found: readonly (readonly [boolean, string])[] = [
      [ping.received !== ping.sent, `${ping.received} of ${ping.sent} pings answered`],
      [udp.received !== udp.sent, `${udp.received} of ${udp.sent} datagrams came back`],
      [!tcp.intact, `${tcp.received} of ${tcp.sent} octets came back by TCP, or not as they were sent`],
    ];
    return found.flatMap(([isFault, text]) => (isFault ? [`${supi}: PDU session ${id}: ${text}`] : []));
  });
  return stream.lost === 0 ? faults : [...faults, `${supi}: ${stream.lost} of ${stream.sent} packets lost`];
}
