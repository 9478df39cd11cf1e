/**
 * `npm run test:stub-core [-- FOLDER]`, by the binaries that the environment names, each part under a kernel with SCTP,
 * its captures and logs in FOLDER:
 * - FREE5GC_AMF: the matrix of the AMF against this N3IWF and our UE;
 * - FREE5GC_N3IWUE beside it: free5GC's UE against this N3IWF;
 * - FREE5GC_N3IWF beside both: how long that UE takes to attach to free5GC's N3IWF and to this one, COMPARE_ATTACHES times.
 * The UE and that N3IWF need XFRM interfaces: XFRM_INTERFACE_MODULE is a module for a kernel that comes without. Then the
 * captures of earlier runs. Without FREE5GC_AMF, the captures alone.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** One part: its program, the variables that name what it needs, the most that it may take. */
interface Part {
  readonly program: string;
  readonly needs: readonly string[];
  /** Arguments after the binaries and the folder. */
  readonly more: readonly string[];
  readonly seconds: number;
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const say = (line: string) => process.stdout.write(`${line}\n`);
const attaches = process.env.COMPARE_ATTACHES ?? '50';
const module = process.env.XFRM_INTERFACE_MODULE;
const xfrm = module === undefined ? [] : [resolve(module)];
const parts: readonly Part[] = [
  { program: 'matrix.ts', needs: ['FREE5GC_AMF'], more: [], seconds: 600 },
  { program: 'matrix-n3iwue.ts', needs: ['FREE5GC_AMF', 'FREE5GC_N3IWUE'], more: xfrm, seconds: 600 },
  {
    program: 'compare.ts',
    needs: ['FREE5GC_AMF', 'FREE5GC_N3IWF', 'FREE5GC_N3IWUE'],
    more: [attaches, ...xfrm],
    seconds: 120 + 60 * Number(attaches),
  },
];

/** Runs a program from the top of the project. @returns its exit status */
function run(program: string, ...argv: string[]): number {
  return spawnSync(program, argv, { cwd: root, stdio: 'inherit' }).status ?? 1;
}

/** @returns the exit status of the part; 2 when a binary is not there, 0 when it was left out, which is said */
function runPart({ program, needs, more, seconds }: Part, folder: string): number {
  const missing = needs.filter((name) => process.env[name] === undefined);
  if (missing.length > 0) {
    say(`${missing.join(' and ')} not given: ${program} is left out`);
    return 0;
  }
  const binaries = needs.map((name) => resolve(process.env[name] ?? ''));
  const absent = binaries.filter((binary) => !existsSync(binary));
  for (const binary of absent)
    say(`there is no file ${binary}; build it with go build from free5GC's source`);
  if (absent.length > 0) return 2;
  const command = [process.execPath, `test/stub-core/${program}`, ...binaries, folder, ...more];
  return run('bash', 'test/lab/uml-run.sh', String(seconds), ...command);
}

/** Every part that has what it needs. @returns the first exit status that is not 0 */
function runParts(): number {
  const folder = resolve(process.argv[2] ?? mkdtempSync(join(tmpdir(), 'stub-core-')));
  if (process.env.FREE5GC_AMF !== undefined) say(`captures, key logs and logs go to ${folder}`);
  const results = parts.map((part) => runPart(part, join(folder, part.program.replace('.ts', ''))));
  return results.find((status) => status !== 0) ?? 0;
}

const ran = runParts();
const captures = run('vitest', 'run', '--config', 'test/vitest.config.ts', 'test/replay/');
process.exitCode = ran === 0 ? captures : ran;
