/** `n3iwf trace`: what crosses a running node for one UE, written into a pcap file on this side. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { OperatorError } from '../errors.ts';
import { askNode, controlSocket } from './control-client.ts';
import type { OperateOptions } from './operate.ts';
import { watchEnd } from './signals.ts';

/** Options of the command. */
export interface TraceOptions extends OperateOptions {
  /** The file to make. */
  readonly pcap: string;
  readonly seconds: number;
  /** Of the file, at most. */
  readonly octets: number;
}

interface Piece {
  /** Base64. */
  readonly data: string;
  readonly packets: number;
  readonly ended: boolean;
}

const everyMs = 500;

/**
 * Traces until the time or the size is reached, or until it is interrupted.
 *
 * @returns 0
 * @throws OperatorError N3IWF_E_CONFIG for a file that cannot be made, N3IWF_E_CONTROL when no node answers, or it refuses
 */
export async function trace(ue: string, options: TraceOptions): Promise<number> {
  const socket = controlSocket(options);
  const path = `/ues/${encodeURIComponent(ue)}/trace`;
  const fd = open(options.pcap);
  const ending = watchEnd();
  try {
    const limits = { seconds: options.seconds, octets: options.octets };
    const { trace: id } = (await askNode(socket, 'POST', path, limits)) as { trace: string };
    const interrupted = ending.asked.then(() =>
      askNode(socket, 'POST', `/traces/${id}/stop`).catch(() => {}),
    );
    let packets = 0;
    for (let from = 0, ended = false; !ended; ) {
      const piece = (await askNode(socket, 'GET', `/traces/${id}?from=${from}`)) as Piece;
      const data = Buffer.from(piece.data, 'base64');
      writeSync(fd, data);
      from += data.length;
      ({ ended, packets } = piece);
      if (!ended && data.length === 0)
        await Promise.race([interrupted, new Promise((resolve) => setTimeout(resolve, everyMs))]);
    }
    const done = { file: options.pcap, packets };
    process.stdout.write(
      options.json === true ? `${JSON.stringify(done)}\n` : `${packets} packets in ${options.pcap}\n`,
    );
    return 0;
  } finally {
    ending.close();
    closeSync(fd);
  }
}

function open(path: string): number {
  try {
    return openSync(path, 'w', 0o600);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new OperatorError('N3IWF_E_CONFIG', `--pcap ${path}: ${reason}`);
  }
}
