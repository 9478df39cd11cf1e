/** Processes, network namespaces and waiting, for the suites that run under a kernel of their own. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';

const main = fileURLToPath(new URL('../../n3iwf/main.ts', import.meta.url));

/** A process under way and all that it has printed. */
export interface Running {
  readonly child: ChildProcess;
  output(): string;
  /** True when it has ended and everything that it printed is there, which may come later than its end. */
  isOver(): boolean;
}

/** Runs `ip` with these words. @throws Error when it refuses; its own words are printed */
export function ip(...words: string[]): string {
  return execFileSync('ip', words, { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' });
}

/** A pair of interfaces, one here and one in a new network namespace, each with its address. */
export function newNamespace(name: string, here: string, there: string): void {
  ip('netns', 'add', name);
  ip('-n', name, 'link', 'set', 'lo', 'up');
  ip('link', 'add', `to-${name}`, 'type', 'veth', 'peer', 'name', 'uplink', 'netns', name);
  ip('addr', 'add', here, 'dev', `to-${name}`);
  ip('-n', name, 'addr', 'add', there, 'dev', 'uplink');
  ip('link', 'set', `to-${name}`, 'up');
  ip('-n', name, 'link', 'set', 'uplink', 'up');
}

/** Limits are written down for a quiet machine: a loaded one gets so many times as long. */
export const patience = 4;

/**
 * Looks every `everyMs` until `holds` does, for `seconds` times {@link patience} at most.
 *
 * @throws Error naming what was waited for, and the last words of `from`
 */
export async function until(
  what: string,
  holds: () => boolean,
  seconds: number,
  from?: Running,
  everyMs = 50,
): Promise<void> {
  const limit = Date.now() + seconds * patience * 1000;
  while (!holds()) {
    if (Date.now() > limit)
      throw new Error(`${what}: not within ${seconds * patience} s\n${from?.output().slice(-2000) ?? ''}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}

/** Processes of one run and the folder of their files. */
export class Processes {
  readonly folder: string;
  private readonly children: ChildProcess[] = [];

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Writes a configuration file. @returns its path */
  file(label: string, content: unknown): string {
    const path = join(this.folder, `${label}.yaml`);
    writeFileSync(path, stringify(content));
    return path;
  }

  /** What a file holds; undefined while it is not there or empty. */
  tryRead(path: string): string | undefined {
    try {
      return readFileSync(path, 'utf8') || undefined;
    } catch {
      return undefined;
    }
  }

  /** Starts a command of the product. */
  command(label: string, prefix: readonly string[], ...argv: string[]): Running {
    return this.start(label, [...prefix, process.execPath, main, ...argv]);
  }

  /** Starts a program. */
  start(label: string, [program = process.execPath, ...argv]: readonly string[]): Running {
    const child = spawn(program, argv, { stdio: ['pipe', 'pipe', 'pipe'] });
    let output = '';
    const collect = (data: Buffer) => {
      output += data;
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.on('exit', (status) => {
      output += `${label} ended with ${status}\n`;
    });
    let isOver = false;
    child.on('close', () => {
      isOver = true;
    });
    this.children.push(child);
    return { child, output: () => output, isOver: () => isOver };
  }

  /** Ends what still runs. */
  killAll(): void {
    for (const child of this.children) child.kill('SIGKILL');
  }
}

/** The words in which a network namespace's command begins. */
export function inNamespace(name: string): string[] {
  return ['ip', 'netns', 'exec', name];
}
