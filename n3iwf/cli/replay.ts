import { statSync } from 'node:fs';
import { join } from 'node:path';
import { OperatorError } from '../errors.ts';
import { authTableName } from '../io/wireshark-keys.ts';
import { AuthChecker, readAuthKeys } from '../replay/auth-check.ts';
import { type CapturedFrame, readCapture } from '../replay/capture-file.ts';
import { CaptureReader, faultVerdicts, type IkeReport, type Report } from '../replay/capture-reader.ts';
import { datagramsOf } from '../replay/datagrams.ts';
import { decodeEntry, type RecordEntry } from '../replay/engine-record.ts';
import { replayEngine, sidesOf } from '../replay/engine-replay.ts';
import { type KeyTable, readKeyTable } from '../replay/key-table.ts';
import { ladderOf } from '../replay/ladder.ts';
import { readNamedFile } from './configuration-file.ts';

/** Options of `n3iwf replay`. */
export interface ReplayOptions {
  /** A file like Wireshark's `ikev2_decryption_table`, or the folder that holds it. */
  readonly keys?: string;
  /** The pre-shared key of the captured SAs, to check AUTH: text, or `0x` and hexadecimal digits. */
  readonly psk?: string;
  readonly json?: boolean;
  /** A record of `n3iwf run --record` or `n3iwf lab --record`: the engine does again what the capture shows. */
  readonly againstEngine?: string;
}

const isZero = /^0+$/;
const tableName = 'ikev2_decryption_table';

/**
 * The command `n3iwf replay`: reads captured IKE and ESP traffic and prints it as a ladder, or as one JSON object.
 *
 * @returns 0 when every IKEv2 message could be judged and none is wrong, 1 when one is or the file ends early
 * @throws OperatorError for a file that is no capture or keys that cannot be used
 */
export function replay(
  path: string,
  options: ReplayOptions,
  print: (line: string) => void = console.log,
): number {
  const capture = readCapture(readNamedFile('FILE', path));
  if (!capture.ok)
    throw new OperatorError('N3IWF_E_CONFIG', `${path} is not a capture: ${capture.error.message}`);
  const { frames, cutShort } = capture.value;
  if (options.againstEngine !== undefined) return againstEngine(frames, options.againstEngine, print);
  const { keys } =
    options.keys === undefined ? { keys: new Map() as KeyTable['keys'] } : readKeys(options.keys);
  const reader = new CaptureReader(keys, authCheckerOf(options));
  const reports: Report[] = [];
  for (const datagram of datagramsOf(frames)) {
    const report = reader.read(datagram);
    if (report !== undefined) reports.push(report);
  }
  const faults = reports.filter(
    (report) => report.kind === 'ike' && faultVerdicts.has(report.verdict),
  ).length;
  const summary = {
    frames: frames.length,
    ...countsOf(reports),
    faults,
    ...(cutShort === undefined ? {} : { cutShort }),
  };
  if (options.json === true) print(JSON.stringify({ ...summary, messages: reports }));
  else {
    for (const line of ladderOf(reports)) print(line);
    print(
      `${summary.frames} frames: ${summary.ikeMessages} IKE messages of ${summary.ikeSas} SAs, ${summary.sealed} without keys, ` +
        `${faults} faulty; ${summary.espPackets} ESP packets${cutShort === undefined ? '' : `; the file ends early: ${cutShort}`}`,
    );
  }
  return faults === 0 && cutShort === undefined ? 0 : 1;
}

/** Gives the captured messages of the initiators to a responder of ours and tells the first difference. */
function againstEngine(
  frames: readonly CapturedFrame[],
  path: string,
  print: (line: string) => void,
): number {
  const lines = new TextDecoder().decode(readNamedFile('--against-engine', path)).split('\n');
  let entries: RecordEntry[];
  try {
    entries = lines.filter((line) => line !== '').map(decodeEntry);
  } catch (error) {
    throw new OperatorError('N3IWF_E_CONFIG', `${path} is no record of an engine: ${String(error)}`);
  }
  const { inputs, compared, difference } = replayEngine(entries, sidesOf(datagramsOf(frames)));
  print(
    `${inputs} inputs, ${compared} messages compared: ${difference ?? 'the engine sends what was captured'}`,
  );
  return difference === undefined ? 0 : 1;
}

/** Totals of a capture. */
function countsOf(reports: readonly Report[]) {
  const ike = reports.filter((report) => report.kind === 'ike');
  return {
    ikeMessages: ike.length,
    ikeSas: countSas(ike),
    sealed: ike.filter(({ verdict }) => verdict === 'sealed').length,
    espPackets: reports.length - ike.length,
  };
}

/** IKE SAs by both SPIs, as UEs may share the initiator's; requests that nobody answered count by that one and their sender. */
function countSas(ike: readonly IkeReport[]): number {
  const named = ike.filter(({ spiResponder }) => !isZero.test(spiResponder));
  const answered = new Set(named.map(({ spiInitiator }) => spiInitiator));
  const alone = ike.filter(
    ({ spiInitiator, spiResponder }) => isZero.test(spiResponder) && !answered.has(spiInitiator),
  );
  const keys = [
    ...named.map(({ spiInitiator, spiResponder }) => `${spiInitiator} ${spiResponder}`),
    ...alone.map(({ spiInitiator, from }) => `${spiInitiator} ${from}`),
  ];
  return new Set(keys).size;
}

/** AUTH can be checked where the keys are a folder that has the file for it. */
function authCheckerOf({ keys, psk }: ReplayOptions): AuthChecker | undefined {
  const path = keys === undefined ? undefined : join(keys, authTableName);
  if (path === undefined || statSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
  const text = new TextDecoder().decode(readNamedFile('--keys', path));
  return new AuthChecker(readAuthKeys(text), psk === undefined ? undefined : secretOf(psk));
}

/** The octets of a pre-shared key as it was typed. */
function secretOf(psk: string): Uint8Array {
  return /^0x([0-9a-f]{2})+$/i.test(psk)
    ? Uint8Array.from(Buffer.from(psk.slice(2), 'hex'))
    : new TextEncoder().encode(psk);
}

/** @throws OperatorError that names every line of the table that cannot be used */
function readKeys(path: string): KeyTable {
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  const file = isFolder ? join(path, tableName) : path;
  const table = readKeyTable(new TextDecoder().decode(readNamedFile('--keys', file)));
  if (table.faults.length > 0)
    throw new OperatorError(
      'N3IWF_E_CONFIG',
      `${file} is not usable:\n${table.faults.map((fault) => `  ${fault}`).join('\n')}`,
    );
  return table;
}
