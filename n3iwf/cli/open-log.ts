/** The node's log: JSON lines on standard error, which may go away without anything else ending. */
import pino from 'pino';
import type { Log } from '../log.ts';

/** A log whose level may change while the node runs. */
export interface NodeLog extends Log {
  level: string;
}

/** Opens it. A line that cannot be written, as on a full disk or a closed pipe, is lost; the node goes on. */
export function openLog(level: string): NodeLog {
  const destination = pino.destination({ dest: 2, sync: true });
  destination.on('error', () => {});
  return pino({ level, base: null }, destination) as unknown as NodeLog;
}
