/** Configuration of the simulated key managers: which nodes, which SAEs beside them, which quantum links. */
import { z } from 'zod';
import { OperatorError } from '../errors.ts';

const address = z.strictObject({
  address: z.string().default('127.0.0.1'),
  /** 0: any free port. */
  port: z.int().min(0).max(65_535).default(0),
});

const node = z.strictObject({
  kmeId: z.string().min(1),
  listen: address.default({ address: '127.0.0.1', port: 0 }),
  /** SAE IDs: the common names of the certificates that may ask this KME. */
  saeIds: z.array(z.string().min(1)).min(1),
});

const link = z.strictObject({
  between: z.tuple([z.string(), z.string()]),
  rateBitsPerSecond: z.number().min(0).default(100_000),
  qber: z.number().min(0).max(0.5).default(0.02),
  qberNoise: z.number().min(0).max(0.5).default(0.002),
  qberLimit: z.number().min(0).max(0.5).default(0.11),
  /** Outages by themselves: mean time between them and mean length; length 0: none. */
  meanUpMs: z.number().min(0).default(0),
  meanOutMs: z.number().min(0).default(0),
  capacityBits: z.number().min(0).default(10_000_000),
  /** Key material there from the start. */
  initialBits: z.number().min(0).default(0),
});

/** Without a mean time up, an outage would follow at each step. */
const WITHOUT_UP_TIME = 'meanUpMs must be above 0 when meanOutMs is';

/** The whole file. Unknown members are faults, so that a misspelt one does not silently keep its default. */
export const kmeSchema = z
  .strictObject({
    /** The same seed gives the same links and the same keys. */
    seed: z.string().default('qn3iwf'),
    keySizeBits: z.int().min(64).max(1024).multipleOf(8).default(256),
    maxKeyPerRequest: z.int().min(1).max(1024).default(128),
    nodes: z.array(node).min(1),
    links: z.array(link.refine((l) => l.meanOutMs === 0 || l.meanUpMs > 0, WITHOUT_UP_TIME)),
    /** Where certificates and keys for the SAEs are written as PEM files; without it they stay in memory. */
    credentialsFolder: z.string().optional(),
  })
  .check((context) => {
    for (const problem of misfits(context.value))
      context.issues.push({ code: 'custom', message: problem, input: context.value });
  });

/** With every default filled in. */
export type KmeConfig = z.infer<typeof kmeSchema>;
/** What may be left out in the file. */
export type KmeConfigInput = z.input<typeof kmeSchema>;

/** Checks a parsed document. Throws OperatorError N3IWF_E_CONFIG that lists every fault with its place. */
export function readKmeConfig(document: unknown, source: string): KmeConfig {
  const parsed = kmeSchema.safeParse(document);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => `  ${issue.path.join('.') || '(top)'}: ${issue.message}`);
  throw new OperatorError('N3IWF_E_CONFIG', `${source} is not usable:\n${faults.join('\n')}`);
}

/** Names that do not fit together; a network built from a configuration without any cannot fail. */
function misfits(config: {
  readonly nodes: readonly { readonly kmeId: string; readonly saeIds: readonly string[] }[];
  readonly links: readonly { readonly between: readonly [string, string] }[];
}): string[] {
  const kmeIds = config.nodes.map((entry) => entry.kmeId);
  const saeIds = config.nodes.flatMap((entry) => entry.saeIds);
  return [
    ...duplicates(kmeIds).map((kmeId) => `nodes: the KME ${kmeId} stands there twice`),
    ...duplicates(saeIds).map((saeId) => `nodes: the SAE ${saeId} stands at two places`),
    ...config.links
      .flatMap((entry) => entry.between)
      .filter((kmeId) => !kmeIds.includes(kmeId))
      .map((kmeId) => `links: there is no KME ${kmeId}`),
  ];
}

function duplicates(names: readonly string[]): string[] {
  return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))];
}
