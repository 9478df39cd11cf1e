import type { Log } from '../log.ts';
import type { EventFeed } from './feed.ts';

/** Writes each message and stage to the log at level debug, with its UE and its procedure. @returns what ends that */
export function logFeed(feed: EventFeed, log: Pick<Log, 'debug'>): () => void {
  return feed.subscribe(({ seq: _, timeMs: __, kind, name, ueId, ikeSa, ...rest }) => {
    const context = {
      ...(ueId === undefined ? {} : { ue: ueId }),
      ...(ikeSa === undefined ? {} : { ikeSa }),
    };
    if (kind === 'message' || kind === 'stage') log.debug({ ...context, kind, ...rest }, name);
  });
}
