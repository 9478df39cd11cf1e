import type { Bench } from './bench.ts';
import { killAll } from './processes.ts';

/** One line of a matrix. */
export interface Step {
  readonly name: string;
  readonly run: (bench: Bench) => Promise<void>;
}

const say = (line: string) => process.stdout.write(`${line}\n`);

/** @throws Error with the words of `otherwise` unless `holds` */
export function check(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}

/**
 * Runs the steps in order, prints `NAME: pass` or `NAME: fail: WHY` for each, closes the bench and ends every process.
 *
 * @returns 0 when all of them passed, else 1
 */
export async function runSteps(bench: Bench, steps: readonly Step[]): Promise<number> {
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
  return failed === 0 ? 0 : 1;
}
