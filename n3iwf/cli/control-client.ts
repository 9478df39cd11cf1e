/** How commands find a running node and ask it. */
import { OperatorError } from '../errors.ts';
import { askControl } from '../io/control-http.ts';
import { readNodeConfig } from './node-config.ts';

/** Where the node is to be found; the first that is given counts. */
export interface ControlOptions {
  /** Path of the socket. */
  readonly socket?: string;
  /** Configuration of the node, which names it. */
  readonly config?: string;
}

/** Where the example configuration and the unit of systemd put it. */
export const usualSocket = '/run/n3iwf/control.sock';

/**
 * The socket by option, configuration, environment, or where it usually is.
 *
 * @throws OperatorError N3IWF_E_CONTROL when the configuration names none
 */
export function controlSocket(
  { socket, config }: ControlOptions,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string {
  if (socket !== undefined) return socket;
  if (config === undefined) return environment.N3IWF_CONTROL_PATH ?? usualSocket;
  const path = readNodeConfig(config).config.control?.path;
  if (path !== undefined) return path;
  throw new OperatorError(
    'N3IWF_E_CONTROL',
    `${config}: control is missing, so the node has no socket to be asked by; add\n  control: { path: ${usualSocket} }\nand start it again`,
  );
}

/** What to do about each error of a socket. */
const remedies: Readonly<Record<string, string>> = {
  ENOENT:
    'no node runs, or its configuration has another `control: { path: ... }` or none; name it by -c FILE or --socket PATH',
  ECONNREFUSED: 'the node that made this socket does not run any more; start it by n3iwf run -c FILE',
  EACCES: 'the socket is for the user of the node and root alone; use sudo, or be that user',
  ENOTDIR: 'that is no path of a socket',
};

/**
 * Asks the node. Gives the body of its answer.
 *
 * @throws OperatorError N3IWF_E_CONTROL when no node answers, or when it refuses, in its words
 */
export async function askNode(
  path: string,
  method: string,
  request: string,
  body?: unknown,
): Promise<unknown> {
  let answer: Awaited<ReturnType<typeof askControl>>;
  try {
    answer = await askControl(path, method, request, body);
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    const remedy = remedies[code];
    throw new OperatorError(
      'N3IWF_E_CONTROL',
      `${path}: ${message}${remedy === undefined ? '' : `\n  ${remedy}`}`,
    );
  }
  if (answer.status === 200) return answer.body;
  const { message } = (answer.body ?? {}) as { message?: unknown };
  throw new OperatorError(
    'N3IWF_E_CONTROL',
    typeof message === 'string'
      ? message
      : `the node does not know ${method} ${request}: it is of another version`,
  );
}
