import { vi } from 'vitest';
import { runCli } from '../../n3iwf/cli/program.ts';

/** What a command did. */
export interface Ran {
  readonly status: number;
  /** What it wrote to standard output. */
  readonly output: string;
  /** The same with what it said on standard error, in order. */
  readonly text: string;
}

/** Runs a command in this process, which must not print by itself meanwhile, and takes down what it prints. */
export async function ran(run: () => Promise<number>): Promise<Ran> {
  let output = '';
  let text = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((piece) => {
    output += String(piece);
    text += String(piece);
    return true;
  });
  const error = vi.spyOn(console, 'error').mockImplementation((said: unknown) => {
    text += String(said);
  });
  const status = await run().finally(() => {
    write.mockRestore();
    error.mockRestore();
  });
  return { status, output, text };
}

/** Runs `n3iwf` with these words. */
export const cli = (...words: string[]): Promise<Ran> => ran(() => runCli(words));
