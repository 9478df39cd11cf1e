/** `n3iwf config check|show|reference`: what a file says, before a node runs by it. */
import { stringify } from 'yaml';
import type { Config } from '../config.ts';
import { configKeys, referencePage } from '../config-reference.ts';
import { readNodeConfig, translationLines } from './node-config.ts';
import { shellConfigOf } from './shell-config.ts';

/** Options of the commands that read a file. */
export interface ConfigOptions {
  readonly config: string;
  readonly json?: boolean;
}

/**
 * Reads the file as `n3iwf run` does, with everything that it names but addresses and KMEs.
 *
 * @returns 0 for one that is usable
 * @throws OperatorError N3IWF_E_CONFIG that names every wrong key
 */
export function checkConfig({ config: path, json }: ConfigOptions): number {
  const { config, translation, overrides, unknownVariables } = readNodeConfig(path);
  shellConfigOf(config, false);
  const notes = [
    ...(translation === undefined ? [] : translationLines(translation)),
    ...[...overrides].map(([key, variable]) => `${key}: by ${variable} of the environment`),
    ...unknownVariables.map((variable) => `warning: ${variable} names no key of the configuration`),
  ];
  const lines = json === true ? [JSON.stringify({ usable: true, notes })] : [...notes, `${path} is usable`];
  process.stdout.write(`${lines.join('\n')}\n`);
  return 0;
}

/** A database's password is nobody's to read. */
const withoutPassword = (store: string): string =>
  store.replace(/^(postgres(?:ql)?:\/\/[^/@:]*):[^@]*@/, '$1:***@');

/** The configuration as a node would run by it, without the secret that a URL may hold. */
export function shownConfig(config: Config): Config {
  const { qkd } = config;
  return qkd === undefined ? config : { ...config, qkd: { ...qkd, store: withoutPassword(qkd.store) } };
}

/** Prints the configuration with its defaults filled in; keys of the environment are marked. @returns 0 */
export function showConfig({ config: path, json }: ConfigOptions): number {
  const { config, overrides } = readNodeConfig(path);
  const shown = shownConfig(config);
  if (json === true) {
    process.stdout.write(`${JSON.stringify(shown, undefined, 2)}\n`);
    return 0;
  }
  for (const [key, variable] of overrides) process.stdout.write(`# ${key} is by ${variable}\n`);
  process.stdout.write(stringify(shown, { defaultStringType: 'PLAIN', version: '1.1' }));
  return 0;
}

/** Prints the reference page, or every key as JSON. @returns 0 */
export function showReference({ json }: Pick<ConfigOptions, 'json'>): number {
  process.stdout.write(json === true ? `${JSON.stringify(configKeys(), undefined, 2)}\n` : referencePage());
  return 0;
}
