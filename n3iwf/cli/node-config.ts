import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { type Config, readConfig } from '../config.ts';
import { overriddenBy } from '../config-environment.ts';
import { OperatorError } from '../errors.ts';
import { ownSection } from '../free5gc/keys.ts';
import { isFree5gc, type Translation, translate } from '../free5gc/translate.ts';
import { addressOf, type HostLookup, lookupIpv4 } from '../io/host-names.ts';
import { readYaml } from './configuration-file.ts';

/** The configuration of the node, what became of the file's keys where it is one of free5GC, and what the environment said. */
export interface NodeConfig {
  readonly config: Config;
  readonly translation: Translation | undefined;
  /** Keys that the environment gave, by their paths, with the variables. */
  readonly overrides: ReadonlyMap<string, string>;
  /** Variables that begin like ours and name no key. */
  readonly unknownVariables: readonly string[];
}

/**
 * Reads the configuration of `n3iwf run`: ours, or free5GC's n3iwfcfg.yaml as it is. A section `qn3iwf` in the latter,
 * which free5GC passes over, has keys of ours that go over what is taken. The environment goes over all of it.
 *
 * @throws OperatorError N3IWF_E_CONFIG that names every wrong key
 */
export function readNodeConfig(
  path: string,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): NodeConfig {
  const written = readYaml(path);
  const translation = isFree5gc(written) ? translated(path, written) : undefined;
  const { document, applied, unknown } = overriddenBy(translation?.document ?? written, environment);
  return {
    config: readConfig(document, path),
    translation,
    overrides: applied,
    unknownVariables: unknown,
  };
}

function translated(path: string, document: unknown): Translation {
  const overlay = (document as Record<string, unknown>)[ownSection];
  // Scalars as text: a number would have lost the zeros of 001 and 010203.
  const plain: unknown = parse(readFileSync(path, 'utf8'), { schema: 'failsafe' });
  return translate(plain, overlay, path);
}

/** What became of free5GC's keys, a line each. */
export function translationLines({ taken, ignored, warnings }: Translation): string[] {
  return [
    ...taken.map(({ key, as, value }) => `taken: ${key} -> ${as}: ${JSON.stringify(value)}`),
    ...ignored.map(({ key, why }) => `ignored: ${key}: ${why}`),
    ...warnings.map((warning) => `warning: ${warning}`),
  ];
}

/** A configuration whose own addresses are addresses; those of AMFs are looked up at each connection. */
export async function withAddresses(config: Config, look: HostLookup = lookupIpv4): Promise<Config> {
  const findings: string[] = [];
  const resolved = async (key: string, host: string): Promise<string> => {
    try {
      return await addressOf(host, look);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      findings.push(
        `${key}: must be an address, or a name that has one here, but it is "${host}": ${reason}`,
      );
      return host;
    }
  };
  const { ike, n2, n3 } = config;
  const localAddresses = await Promise.all(
    n2.localAddresses.map((host, at) => resolved(`n2.localAddresses.${at}`, host)),
  );
  const changed = {
    ...config,
    ike: { ...ike, address: await resolved('ike.address', ike.address) },
    n2: { ...n2, localAddresses },
    n3: { ...n3, address: await resolved('n3.address', n3.address) },
  };
  if (findings.length === 0) return changed;
  throw new OperatorError('N3IWF_E_CONFIG', `names in the configuration:\n  ${findings.join('\n  ')}`);
}
