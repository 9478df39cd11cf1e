/** Programs of a run: short ones that are waited for, long ones that are watched and ended with the run. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../n3iwf/main.ts', import.meta.url));
const children: ChildProcess[] = [];

/** A program that is running, or has ended. */
export interface Running {
  readonly child: ChildProcess;
  /** All that it has said so far, on both of its outputs. */
  output(): string;
}

/** Runs a program to its end. @returns what it said @throws Error with its words when it fails or takes over 60 s */
export function run(program: string, ...words: readonly string[]): string {
  try {
    return execFileSync(program, words, {
      encoding: 'utf8',
      timeout: 60_000,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${program} ${words.join(' ')}: ${stderr}${stdout}`);
  }
}

/** Starts a program that stays; it is killed with the run. */
export function start(program: string, ...words: readonly string[]): Running {
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const collect = (data: Buffer) => {
    output += data;
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  child.on('error', (error) => {
    output += `${program}: ${error.message}\n`;
  });
  child.on('exit', (status, signal) => {
    output += `${program} ended with ${status ?? signal}\n`;
  });
  children.push(child);
  return { child, output: () => output };
}

/** Starts a command of `n3iwf` with its configuration file, behind `prefix` such as that of a network namespace. */
export function startNode(prefix: readonly string[], command: string, file: string): Running {
  const [program = process.execPath, ...words] = [...prefix, process.execPath, main, command, '-c', file];
  return start(program, ...words);
}

/**
 * Waits until `holds`, looking ten times a second.
 *
 * @throws Error that names what did not come, with the last words of `who`
 */
export async function until(
  what: string,
  seconds: number,
  holds: () => boolean,
  who?: Running,
): Promise<void> {
  const limit = Date.now() + seconds * 1000;
  while (!holds()) {
    const hasEnded = who !== undefined && (who.child.exitCode !== null || who.child.signalCode !== null);
    if (Date.now() > limit || (hasEnded && !holds())) {
      const words = who?.output().split('\n').slice(-12).join('\n') ?? '';
      throw new Error(`${what}: not within ${seconds} s\n${words}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Kills what {@link start} started. */
export function endAll(): void {
  for (const child of children) child.kill('SIGKILL');
}
