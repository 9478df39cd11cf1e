import { readFileSync } from 'node:fs';
import { join } from 'node:path';
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

const credentialScheme = 'credential:';

/**
 * Where a file is that the configuration names under `key`: at its path or, for `credential:NAME`, where the service
 * manager put that credential (`LoadCredential=` of systemd).
 *
 * @throws OperatorError N3IWF_E_CONFIG for a credential without a manager, or one whose name leaves the folder
 */
export function placeOf(
  key: string,
  named: string,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): string {
  if (!named.startsWith(credentialScheme)) return named;
  const name = named.slice(credentialScheme.length);
  const folder = environment.CREDENTIALS_DIRECTORY;
  if (folder === undefined)
    throw new OperatorError(
      'N3IWF_E_CONFIG',
      `${key}: "${named}": CREDENTIALS_DIRECTORY is not set; start by a service with LoadCredential=`,
    );
  if (!/^[^/]+$/.test(name) || name === '.' || name === '..')
    throw new OperatorError('N3IWF_E_CONFIG', `${key}: "${named}" must name a credential, without a slash`);
  return join(folder, name);
}

/** Reads a file that the configuration names under `key`. @throws OperatorError N3IWF_E_CONFIG */
export function readNamedFile(key: string, named: string): Uint8Array {
  const path = placeOf(key, named);
  try {
    return new Uint8Array(readFileSync(path));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new OperatorError('N3IWF_E_CONFIG', `${key}: "${path}" must be a readable file: ${reason}`);
  }
}
