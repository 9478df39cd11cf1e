import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Runs a program of this folder under a kernel of its own. @returns its status and the lines in which a step is told as done */
export function runUnderUml(
  program: string,
  limitSeconds: number,
  more: readonly string[] = [],
): Promise<{ readonly status: number | null; readonly done: readonly string[]; readonly output: string }> {
  return new Promise((resolve, reject) => {
    const argv = [
      'test/lab/uml-run.sh',
      String(limitSeconds),
      process.execPath,
      `test/lab/${program}`,
      ...more,
    ];
    const child = spawn('bash', argv, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const collect = (data: Buffer) => {
      output += data;
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.on('error', reject);
    child.on('close', (status) => {
      const done = output.split('\n').filter((line) => line.endsWith(': ok'));
      resolve({ status, done, output });
    });
  });
}
