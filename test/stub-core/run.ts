/**
 * `npm run test:stub-core [-- FOLDER]`: the matrix against the AMF binary that FREE5GC_AMF names, under a kernel with
 * SCTP, its capture and logs in FOLDER; then the captures of earlier runs. Without FREE5GC_AMF, the captures alone.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const limitSeconds = 600;
const say = (line: string) => process.stdout.write(`${line}\n`);

/** Runs a program from the top of the project. @returns its exit status */
function run(program: string, ...argv: string[]): number {
  return spawnSync(program, argv, { cwd: root, stdio: 'inherit' }).status ?? 1;
}

/** The matrix against a binary. @returns its exit status, 2 when the binary is not there */
function runMatrix(amf: string): number {
  if (!existsSync(amf)) {
    say(`FREE5GC_AMF: there is no file ${amf}; build free5GC's AMF with: go build -o amf ./cmd`);
    return 2;
  }
  const folder = resolve(process.argv[2] ?? mkdtempSync(join(tmpdir(), 'stub-core-')));
  say(`capture, key log and logs go to ${folder}`);
  const matrix = ['test/stub-core/matrix.ts', resolve(amf), folder];
  return run('bash', 'test/lab/uml-run.sh', String(limitSeconds), process.execPath, ...matrix);
}

const amf = process.env.FREE5GC_AMF;
if (amf === undefined) {
  say('FREE5GC_AMF names no AMF binary: the matrix is left out, the captures of earlier runs are replayed');
}
const matrix = amf === undefined ? 0 : runMatrix(amf);
const captures = run('vitest', 'run', '--config', 'test/vitest.config.ts', 'test/replay/');
process.exitCode = matrix === 0 ? captures : matrix;
