import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { OperatorError } from '../errors.ts';

/** Reads a YAML file. @throws OperatorError N3IWF_E_CONFIG that names the file and, for bad YAML, the line */
export function readYaml(path: string): unknown {
  try {
    return parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new OperatorError(
      'N3IWF_E_CONFIG',
      `${path}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** Reads a file that the configuration names under `key`. @throws OperatorError N3IWF_E_CONFIG */
export function readNamedFile(key: string, path: string): Uint8Array {
  try {
    return new Uint8Array(readFileSync(path));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new OperatorError('N3IWF_E_CONFIG', `${key}: "${path}" must be a readable file: ${reason}`);
  }
}
