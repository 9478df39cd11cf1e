/** The commands that look at a running node and act on it: views as tables or JSON, actions with one line. */
import type {
  AlarmView,
  KeysView,
  SessionView,
  StatusView,
  UeDetailView,
  UeView,
} from '../admin/view-types.ts';
import { askNode, type ControlOptions, controlSocket } from './control-client.ts';
import { keyLines, sessionLines, statusLines, ueDetailLines, ueLines } from './view-tables.ts';

/** Options of every one of them. */
export interface OperateOptions extends ControlOptions {
  /** The values as one JSON document. */
  readonly json?: boolean;
  /** Why, for the log of the node. */
  readonly reason?: string;
}

type Ask = (method: string, request: string, body?: unknown) => Promise<unknown>;

interface Operation {
  readonly ask: (ask: Ask, words: readonly string[], options: OperateOptions) => Promise<unknown>;
  /** The answer as lines for a terminal of 80 columns. */
  readonly show: (answer: never) => readonly string[];
}

const path = (name: string | undefined): string => `/ues/${encodeURIComponent(name ?? '')}`;
const body = ({ reason }: OperateOptions) => (reason === undefined ? undefined : { reason });

/** Each command by its name: what it asks and how it shows the answer. */
const operations = {
  status: {
    ask: async (ask) => ({
      ...((await ask('GET', '/status')) as StatusView),
      standing: await ask('GET', '/alarms'),
    }),
    show: ({ standing, ...status }: StatusView & { standing: readonly AlarmView[] }) =>
      statusLines(status, standing),
  },
  ues: { ask: (ask) => ask('GET', '/ues'), show: (ues: readonly UeView[]) => ueLines(ues) },
  ue: { ask: (ask, [name]) => ask('GET', path(name)), show: (ue: UeDetailView) => ueDetailLines(ue) },
  sessions: {
    ask: (ask) => ask('GET', '/sessions'),
    show: (sessions: readonly SessionView[]) => sessionLines(sessions),
  },
  keys: { ask: (ask) => ask('GET', '/keys/view'), show: (keys: KeysView) => keyLines(keys) },
  release: {
    ask: (ask, [name], options) => ask('POST', `${path(name)}/release`, body(options)),
    show: ({ released }: { released: number }) => [`UE #${released} is being released`],
  },
  rekey: {
    ask: (ask, [name]) => ask('POST', `${path(name)}/rekey`),
    show: ({ ue, sas }: { ue: number; sas: number }) =>
      sas === 0 ? [`UE #${ue} is not attached: nothing to rekey`] : [`UE #${ue}: rekey of ${sas} SAs begun`],
  },
  drain: {
    ask: (ask, _words, options) => ask('POST', '/drain', body(options)),
    show: () => ['the node takes no more UEs, releases those it has, and ends'],
  },
} as const satisfies Readonly<Record<string, Operation>>;

/** One of these commands. */
export type OperationName = keyof typeof operations;

/**
 * Runs one of them against the node and prints the answer.
 *
 * @returns 0
 * @throws OperatorError N3IWF_E_CONTROL when no node answers, or it refuses
 */
export async function operate(
  name: OperationName,
  words: readonly string[],
  options: OperateOptions,
): Promise<number> {
  const socket = controlSocket(options);
  const { ask, show }: Operation = operations[name];
  const answer = await ask((...request) => askNode(socket, ...request), words, options);
  const text =
    options.json === true ? JSON.stringify(answer, undefined, 2) : show(answer as never).join('\n');
  process.stdout.write(`${text}\n`);
  return 0;
}
