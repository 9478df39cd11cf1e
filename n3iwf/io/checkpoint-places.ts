/** The second places that signed checkpoints of the audit record are brought to. */
import { createSocket } from 'node:dgram';
import { open } from 'node:fs/promises';
import { hostname } from 'node:os';

/** Takes one checkpoint; rejects when it may not have arrived. */
export type CheckpointPlace = (checkpoint: string) => Promise<void>;

/** Appends to a file and syncs it: best on another disk, or one that can only be appended to. */
export function checkpointFile(path: string): CheckpointPlace {
  return async (checkpoint) => {
    const file = await open(path, 'a', 0o640);
    try {
      await file.appendFile(checkpoint);
      await file.datasync();
    } finally {
      await file.close();
    }
  };
}

/** Facility 13, log audit, severity 5, notice (RFC 5424 6.2.1). */
const PRIORITY = 13 * 8 + 5;

/** [RFC5426 3.1] One message per datagram; UDP tells nobody whether it arrived, so have the file beside it. */
export function checkpointSyslog(host: string, port: number, now: () => Date): CheckpointPlace {
  return (checkpoint) =>
    new Promise((resolve, reject) => {
      const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
      const done = (error: Error | null): void => {
        socket.close();
        if (error === null) resolve();
        else reject(error);
      };
      socket.once('error', done);
      socket.send(syslogMessage(checkpoint, now()), port, host, done);
    });
}

/** [RFC5424 6] Version 1, no structured data; the checkpoint as one JSON string, since a message should be one line. */
export function syslogMessage(checkpoint: string, at: Date): string {
  return `<${PRIORITY}>1 ${at.toISOString()} ${hostname()} n3iwf ${process.pid} checkpoint - ${JSON.stringify(checkpoint)}`;
}
