/** Keys of the configuration that stand in the environment instead of the file. */
import { parse } from 'yaml';
import { type ConfigKey, configKeys } from './config-reference.ts';

/** A document with what the environment says, and what became of each variable. */
export interface Overridden {
  readonly document: unknown;
  /** Paths that the environment gave, with their variables. */
  readonly applied: ReadonlyMap<string, string>;
  /** Variables that begin like ours and name no key. */
  readonly unknown: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Text stays text where the key takes nothing else; else it is read as YAML. What YAML cannot read stays text, too. */
function readAs({ isText }: ConfigKey, text: string): unknown {
  if (isText) return text;
  try {
    return parse(text);
  } catch {
    return text;
  }
}

/** A copy of `document` with `value` at `path`; sections that are not there begin. */
function withValue(document: unknown, [first, ...rest]: readonly string[], value: unknown): unknown {
  if (first === undefined) return value;
  const section =
    typeof document === 'object' && document !== null ? (document as Record<string, unknown>) : {};
  return { ...section, [first]: withValue(section[first], rest, value) };
}

/** Puts the variables of the environment over a document that was read from a file. */
export function overriddenBy(document: unknown, environment: Environment): Overridden {
  const ours = Object.entries(environment).filter(
    (entry): entry is [string, string] => entry[0].startsWith('N3IWF_') && entry[1] !== undefined,
  );
  if (ours.length === 0) return { document, applied: new Map(), unknown: [] };
  const keys = new Map(
    configKeys().flatMap((key) => (key.variable === undefined ? [] : [[key.variable, key]])),
  );
  const applied = new Map<string, string>();
  const unknown: string[] = [];
  let result = document;
  for (const [variable, text] of ours) {
    const key = keys.get(variable);
    if (key === undefined) {
      unknown.push(variable);
      continue;
    }
    result = withValue(result, key.path.split('.'), readAs(key, text));
    applied.set(key.path, variable);
  }
  return { document: result, applied, unknown };
}
