/** `n3iwf top`: a running node at a glance, again and again. What a frame shows is a pure function of two looks. */
import type { AlarmView, SessionView, StatusView, UeView } from '../admin/view-types.ts';
import type { NodeEvent } from '../journal/feed.ts';
import { askNode, controlSocket } from './control-client.ts';
import type { OperateOptions } from './operate.ts';
import { brief, type Column, clip, duration, tableLines } from './table.ts';

/** What was seen at one moment. */
export interface Look {
  /** Wall clock, ms since 1970. */
  readonly timeMs: number;
  readonly status: StatusView;
  readonly ues: readonly UeView[];
  readonly sessions: readonly SessionView[];
  readonly alarms: readonly AlarmView[];
  /** The newest, oldest first. */
  readonly events: readonly NodeEvent[];
}

/** A terminal's size in characters. */
export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

interface UeRate extends UeView {
  /** Octets per second of user packets. */
  readonly up: number;
  readonly down: number;
}

const ueColumns: readonly Column<UeRate>[] = [
  { title: 'ID', of: ({ id }) => id, align: 'right' },
  { title: 'UE', of: ({ name }) => name, least: 16 },
  { title: 'STATE', of: ({ state }) => state },
  { title: 'KEYS', of: ({ mode }) => mode },
  { title: 'SESS', of: ({ sessions }) => sessions.length, align: 'right' },
  { title: 'UP B/s', of: ({ up }) => brief(up), align: 'right' },
  { title: 'DOWN B/s', of: ({ down }) => brief(down), align: 'right' },
  { title: 'AGE', of: ({ ageSeconds }) => duration(ageSeconds), align: 'right' },
];

/** Octets of each UE so far, both ways. */
function octetsByUe({ sessions }: Look): Map<number, { up: number; down: number }> {
  const sums = new Map<number, { up: number; down: number }>();
  for (const { ueId, uplinkOctets, downlinkOctets } of sessions) {
    const sum = sums.get(ueId) ?? { up: 0, down: 0 };
    sums.set(ueId, { up: sum.up + uplinkOctets, down: sum.down + downlinkOctets });
  }
  return sums;
}

/** UEs with their rates since the look before, the busiest first. */
function busiest(look: Look, before: Look | undefined): UeRate[] {
  const seconds = before === undefined ? 0 : (look.timeMs - before.timeMs) / 1000;
  const now = octetsByUe(look);
  const then = before === undefined ? now : octetsByUe(before);
  const rate = (id: number, way: 'up' | 'down') =>
    seconds <= 0 ? 0 : Math.max(0, ((now.get(id)?.[way] ?? 0) - (then.get(id)?.[way] ?? 0)) / seconds);
  const rated = look.ues.map((ue) => ({ ...ue, up: rate(ue.id, 'up'), down: rate(ue.id, 'down') }));
  return rated.sort((a, b) => b.up + b.down - a.up - a.down || a.id - b.id);
}

/** One line of the feed. */
export function eventLine(event: NodeEvent): string {
  const time = new Date(event.timeMs).toISOString().slice(11, 19);
  const ue = event.ueId === undefined ? '' : ` #${event.ueId}`;
  const detail = event.detail === undefined ? '' : `: ${event.detail}`;
  if (event.kind === 'message')
    return `${time}${ue} ${event.from} > ${event.to} ${event.protocol} ${event.name}${detail}`;
  if (event.kind === 'alarm')
    return `${time} ${event.severity} ${event.name} ${event.raised ? 'raised' : 'cleared'}${detail}`;
  return `${time}${ue} ${event.name}${detail}`;
}

/** The lines of one frame, as many as the screen has at most and none longer than it is wide. */
export function topLines(look: Look, before: Look | undefined, { columns, rows }: ScreenSize): string[] {
  const { status, alarms, events } = look;
  const { counts, amfs, packets } = status;
  const seconds = before === undefined ? 0 : (look.timeMs - before.timeMs) / 1000;
  const perSecond = (now: number, then: number | undefined) =>
    seconds <= 0 ? '-' : brief(Math.max(0, (now - (then ?? now)) / seconds));
  const up = perSecond(packets.uplink, before?.status.packets.uplink);
  const down = perSecond(packets.downlink, before?.status.packets.downlink);
  const amfText = amfs.map(({ name, number, state }) => `${name || `AMF ${number}`} ${state}`).join(', ');
  const keying = status.keying === undefined ? '' : `, keys ${status.keying}`;
  const head = [
    `${status.name} ${status.version}  up ${duration(status.uptimeSeconds)}  ${status.obstacle ?? 'takes UEs'}`,
    `UEs ${counts.ues}  sessions ${counts.sessions}  SAs ${counts.ikeSas}+${counts.childSas}  packets/s ${up} up ${down} down`,
    `${amfText || 'no AMF'}  policy ${status.policy}${keying}`,
    ...alarms.map(({ severity, name, detail }) => `! ${severity} ${name}: ${detail}`),
    '',
  ];
  const left = Math.max(0, rows - head.length);
  const eventRows = Math.min(events.length, Math.floor(left / 2));
  const table = tableLines(ueColumns, busiest(look, before), columns).slice(
    0,
    Math.max(1, left - eventRows - 1),
  );
  const recent = eventRows === 0 ? [] : ['', ...events.slice(-eventRows).map(eventLine)];
  return [...head, ...table, ...recent].slice(0, rows).map((line) => clip(line, columns));
}

const clearScreen = '\u001b[H\u001b[J';
const hideCursor = '\u001b[?25l';
const showCursor = '\u001b[?25h';
const eventsShown = 50;

async function lookAt(socket: string): Promise<Look> {
  const get = async <T>(path: string) => (await askNode(socket, 'GET', path)) as T;
  const status = await get<StatusView>('/status');
  const [ues, sessions, alarms, events] = await Promise.all([
    get<UeView[]>('/ues'),
    get<SessionView[]>('/sessions'),
    get<AlarmView[]>('/alarms'),
    get<NodeEvent[]>(`/events?limit=${eventsShown}`),
  ]);
  return { timeMs: Date.now(), status, ues, sessions, alarms, events };
}

/** Options of the command. */
export interface TopOptions extends OperateOptions {
  /** Seconds between two looks. */
  readonly interval: number;
  /** One frame, and out; what a pipe gets, too. */
  readonly once?: boolean;
}

/**
 * Shows frame after frame until `q` or an interrupt, or until the node is gone.
 *
 * @returns 0
 * @throws OperatorError N3IWF_E_CONTROL when no node answers
 */
export async function top(options: TopOptions): Promise<number> {
  const socket = controlSocket(options);
  const { stdout } = process;
  const first = await lookAt(socket);
  if (options.json === true) {
    stdout.write(`${JSON.stringify(first)}\n`);
    return 0;
  }
  const size = () => ({ columns: stdout.columns ?? 80, rows: (stdout.rows ?? 25) - 1 });
  if (options.once === true || !stdout.isTTY) {
    stdout.write(`${topLines(first, undefined, size()).join('\n')}\n`);
    return 0;
  }
  await frames(socket, first, options.interval * 1000, size);
  return 0;
}

async function frames(socket: string, first: Look, everyMs: number, size: () => ScreenSize): Promise<void> {
  const { stdin, stdout } = process;
  const quit = untilQuit();
  stdout.write(hideCursor);
  try {
    let before: Look | undefined;
    for (let look = first; ; look = await lookAt(socket)) {
      stdout.write(`${clearScreen}${topLines(look, before, size()).join('\n')}`);
      before = look;
      if (await quit.within(everyMs)) return;
    }
  } finally {
    quit.end();
    stdin.pause();
    stdout.write(`${showCursor}\n`);
  }
}

/** `q`, `Q`, and what a terminal in raw mode sends for an interrupt and for the end of input. */
const quitKeys = [0x71, 0x51, 3, 4];

/** Hears `q` and interrupts; the terminal is its own again after `end`. */
function untilQuit() {
  const { stdin } = process;
  const stop = new AbortController();
  const heard = (keys: Buffer) => {
    if (quitKeys.some((key) => keys.includes(key))) stop.abort();
  };
  const raw = stdin.isTTY;
  if (raw) stdin.setRawMode(true);
  stdin.on('data', heard);
  return {
    /** True when it was told to quit within so many ms. */
    within: (ms: number) =>
      new Promise<boolean>((resolve) => {
        const done = (quit: boolean) => {
          clearTimeout(timer);
          stop.signal.removeEventListener('abort', aborted);
          resolve(quit);
        };
        const aborted = () => done(true);
        const timer = setTimeout(done, ms, false);
        if (stop.signal.aborted) done(true);
        else stop.signal.addEventListener('abort', aborted);
      }),
    end: () => {
      stdin.off('data', heard);
      if (raw) stdin.setRawMode(false);
    },
  };
}
