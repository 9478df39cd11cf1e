import { writeFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { OperatorError } from '../errors.ts';
import { readNodeConfig, translationLines } from './node-config.ts';

/** Where the command writes to. */
export interface MigrateOptions {
  readonly config: string;
  /** A file that is not there yet; standard output without it. */
  readonly output?: string;
}

/**
 * The command `n3iwf config migrate`: writes our configuration out of free5GC's, and tells on standard error what was
 * taken and what was not.
 *
 * @throws OperatorError N3IWF_E_CONFIG for a file that is wrong, that is ours already, or an output that is there
 */
export function migrateConfig({ config: path, output }: MigrateOptions): number {
  const { translation } = readNodeConfig(path);
  if (translation === undefined) {
    throw new OperatorError('N3IWF_E_CONFIG', `${path} is no configuration of free5GC: it is ours already`);
  }
  for (const line of translationLines(translation)) process.stderr.write(`${line}\n`);
  // Text that YAML would read as a number stays in quotes.
  const text = stringify(translation.document, { defaultStringType: 'PLAIN', version: '1.1' });
  if (output === undefined) process.stdout.write(text);
  else write(output, text);
  return 0;
}

function write(path: string, text: string): void {
  try {
    writeFileSync(path, text, { flag: 'wx' });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new OperatorError('N3IWF_E_CONFIG', `--output: "${path}" must be a new file: ${reason}`);
  }
}
