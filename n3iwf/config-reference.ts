/** Every key of the configuration as a list, read off the schema: for the reference page, and for overrides by environment. */
import { z } from 'zod';
import { configSchema, userPlaneSchema } from './config.ts';
import { liveKeyOf, liveKeys, restartKeys } from './live-keys.ts';

/** One key. */
export interface ConfigKey {
  /** As in `n2.amfs[].port`: `[]` is each item of a list, `*` each entry of a map. */
  readonly path: string;
  /** What may stand there, in words, with unit and bounds. */
  readonly form: string;
  /** Undefined for a key that has none. */
  readonly byDefault: unknown;
  /** The file has to have it, or has to where its section is. */
  readonly required: boolean;
  /** One line. */
  readonly about: string;
  /** It holds other keys, which follow. */
  readonly isSection: boolean;
  /** Nothing but text stands there, however it looks. */
  readonly isText: boolean;
  /** Variable that overrides it; undefined inside lists and maps, which are overridden as a whole. */
  readonly variable: string | undefined;
}

/** The parts of a JSON schema that are read here. */
interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly anyOf?: readonly JsonSchema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
}

const units: readonly (readonly [RegExp, string])[] = [
  [/Ms$/, 'ms'],
  [/Seconds$/, 's'],
  [/Minutes$/, 'min'],
  [/Mtu$|Size$/, 'octets'],
];

function numberForm(name: string, { type, minimum, maximum, exclusiveMinimum }: JsonSchema): string {
  const unit = units.find(([pattern]) => pattern.test(name))?.[1];
  const least = minimum ?? (type === 'integer' && exclusiveMinimum === 0 ? 1 : undefined);
  const isBounded = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER;
  const above = exclusiveMinimum !== undefined && least === undefined ? ` above ${exclusiveMinimum}` : '';
  const bounds =
    least === undefined
      ? `${above}${isBounded ? ` up to ${maximum}` : ''}`
      : ` ${least} ${isBounded ? `to ${maximum}` : 'or more'}`;
  return `${type === 'integer' ? 'whole number' : 'number'}${bounds}${unit === undefined ? '' : `, ${unit}`}`;
}

function formOf(name: string, schema: JsonSchema): string {
  const { type, items, anyOf, additionalProperties, properties } = schema;
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${value}\``).join(', ');
  if (anyOf !== undefined) return anyOf.map((each) => formOf(name, each)).join(', or ');
  if (type === 'array')
    return `list of ${items?.properties === undefined ? formOf(name, items ?? {}) : 'sections'}`;
  if (properties !== undefined)
    return `section with ${Object.keys(properties)
      .map((key) => `\`${key}\``)
      .join(', ')}`;
  if (type === 'object')
    return `map to ${typeof additionalProperties === 'object' ? formOf('', additionalProperties) : 'values'}`;
  if (type === 'integer' || type === 'number') return numberForm(name, schema);
  return type === 'boolean' ? '`true` or `false`' : 'text';
}

/** `n2.nasPort` as `N3IWF_N2_NAS_PORT`. */
export function variableOf(path: string): string {
  const words = path.replace(/([a-z0-9])([A-Z])/g, '$1_$2').replaceAll('.', '_');
  return `N3IWF_${words.toUpperCase()}`;
}

/** The key at `path` and all below it; `schema` is that of the key. */
function keysAt(path: string, schema: JsonSchema, required: boolean): ConfigKey[] {
  const below = childrenOf(path, schema);
  const isSection = schema.properties !== undefined;
  const inList = /[[\]*]/.test(path);
  const key: ConfigKey = {
    path,
    form: isSection ? 'section' : formOf(path.split('.').at(-1) ?? '', schema),
    byDefault: isSection ? undefined : schema.default,
    required,
    about: schema.description ?? '',
    isSection,
    isText: schema.type === 'string' || schema.enum !== undefined,
    variable: inList || isSection ? undefined : variableOf(path),
  };
  return [key, ...below];
}

function childrenOf(
  path: string,
  { properties, required = [], items, additionalProperties }: JsonSchema,
): ConfigKey[] {
  if (properties !== undefined)
    return Object.entries(properties).flatMap(([name, each]) =>
      keysAt(path === '' ? name : `${path}.${name}`, each, required.includes(name)),
    );
  if (items?.properties !== undefined) return childrenOf(`${path}[]`, items);
  if (typeof additionalProperties === 'object') return childrenOf(`${path}.*`, additionalProperties);
  return [];
}

/** Every key, in the order of the schema. */
export function configKeys(): readonly ConfigKey[] {
  // The short form of `userPlane` is a word and would hide the keys of the section.
  const whole = configSchema.extend({ userPlane: userPlaneSchema.prefault({}) });
  const schema = z.toJSONSchema(whole, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  return childrenOf('', schema);
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

function defaultText({ byDefault, required }: ConfigKey): string {
  if (required) return '**needed**';
  return byDefault === undefined ? '' : `\`${JSON.stringify(byDefault)}\``;
}

function rowOf(key: ConfigKey): string {
  const live = liveKeyOf(key.path) === undefined ? '' : 'yes';
  return `| \`${key.path}\` | ${cell(key.form)} | ${cell(defaultText(key))} | ${live} | ${cell(key.about)} |`;
}

const head = `# Configuration

Every key of the file of \`n3iwf run -c FILE\`, written by \`n3iwf config reference\`. Unknown keys are errors. \`n3iwf config check -c FILE\`
names everything that is wrong with a file, \`n3iwf config show -c FILE\` what a node would run by, defaults filled in.

**Environment.** A variable overrides the key of its name: \`N3IWF_\` and the path in capitals, words parted by \`_\`, so
\`N3IWF_IKE_ADDRESS\` is \`ike.address\` and \`N3IWF_TIMERS_ATTACH_MS\` \`timers.attachMs\`. Lists and maps are given as a whole, in YAML:
\`N3IWF_N2_AMFS='[{ addresses: [192.0.2.20] }]'\`.

**Secrets.** Keys that name a file also take \`credential:NAME\`: a credential of the service manager (\`LoadCredential=\` of systemd), which
names their folder in \`CREDENTIALS_DIRECTORY\`. No secret stands in the file itself.

**Reload.** SIGHUP reads file, environment and certificates again. Keys marked in the column *live* change in the running node, and no SA is
dropped; others are named in the log and take a restart. A file with a fault changes nothing.
`;

/** The reference page, in Markdown. */
export function referencePage(): string {
  const keys = configKeys();
  const sections = [...new Set(keys.map(({ path }) => path.split(/[.[]/, 1)[0] ?? ''))];
  const tables = sections.map((section) => {
    const own = keys.filter(({ path }) => path.split(/[.[]/, 1)[0] === section);
    const about = own.find(({ path }) => path === section)?.about ?? '';
    const rows = own.filter(({ isSection, path }) => !isSection || path !== section).map(rowOf);
    return `## ${section}\n\n${about === '' ? '' : `${about[0]?.toUpperCase()}${about.slice(1)}.\n\n`}| Key | Form | Default | Live | |\n|---|---|---|---|---|\n${rows.join('\n')}\n`;
  });
  const live = Object.entries(liveKeys).map(([key, reach]) => `| \`${key}\` | ${reach} |`);
  const reach = `## What a reload reaches\n\n| Key | Takes effect |\n|---|---|\n${live.join('\n')}\n`;
  const fixed = Object.entries(restartKeys).map(([key, why]) => `| \`${key}\` | ${why} |`);
  const restart = `## What takes a restart\n\n| Key | Why |\n|---|---|\n${fixed.join('\n')}\n`;
  return [head, ...tables, reach, restart].join('\n');
}
