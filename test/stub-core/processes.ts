import { type ChildProcess, spawn } from 'node:child_process';

/** A child process and everything that it has printed on either stream. */
export interface Running {
  readonly child: ChildProcess;
  output(): string;
}

const children = new Set<ChildProcess>();

/** Starts a program; what it prints is kept. */
export function start(program: string, ...argv: string[]): Running {
  const child = spawn(program, argv, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const collect = (data: Buffer) => {
    output += data;
  };
  child.stdout?.on('data', collect);
  child.stderr?.on('data', collect);
  child.on('error', (error) => {
    output += `${error.message}\n`;
  });
  child.on('exit', () => children.delete(child));
  children.add(child);
  return { child, output: () => output };
}

/** True once the process is no more. */
export function hasEnded({ child }: Running): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** Ends every process that `start` began and that still runs. */
export function killAll(): void {
  for (const child of children) child.kill('SIGKILL');
}

/** Waits until `holds`. Rejects, naming `what`, when it does not within `seconds`. */
export async function until(what: string, holds: () => boolean, seconds: number): Promise<void> {
  const limit = performance.now() + seconds * 1000;
  while (!holds()) {
    if (performance.now() > limit) throw new Error(`${what}: not within ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
