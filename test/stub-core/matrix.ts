/**
 * The matrix of a real AMF against this N3IWF and the simulated UE, inside a kernel that has SCTP:
 *   matrix.ts AMF-BINARY OUTPUT-FOLDER
 * prints one line per step, `NAME: pass` or `NAME: fail: WHY`; the exit status is 0 only if all of them passed. The
 * output folder gets the capture of NWu and N2 with its key log, and the logs of the AMF and of the N3IWF.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { Bench } from './bench.ts';
import { killAll } from './processes.ts';
import { steps } from './steps.ts';

const [amf = '', folder = ''] = process.argv.slice(2);
const main = fileURLToPath(new URL('../../n3iwf/main.ts', import.meta.url));
mkdirSync(folder, { recursive: true });

/** Writes a YAML file into the output folder. */
function file(name: string, content: unknown): string {
  const path = join(folder, `${name}.yaml`);
  writeFileSync(path, stringify(content));
  return path;
}

const say = (line: string) => process.stdout.write(`${line}\n`);
const bench = await Bench.open({ amf, main, folder, file });
let failed = 0;
for (const { name, run } of steps) {
  try {
    await run(bench);
    say(`${name}: pass`);
  } catch (error) {
    failed++;
    say(`${name}: fail: ${error instanceof Error ? error.message : String(error)}`);
  }
}
await bench.close();
killAll();
say(`${steps.length - failed} of ${steps.length} passed`);
process.exit(failed === 0 ? 0 : 1);
