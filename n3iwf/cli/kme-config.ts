/** Configuration of the simulated key managers: which nodes, which SAEs beside them, which quantum links. */
import { z } from 'zod';
import { DEFAULT_LINK, LINK_PROFILES, type LinkProfile, type LinkProfileName, METRO_RING } from '#qkd';
import { OperatorError } from '../errors.ts';

const address = z.strictObject({
  address: z.string().default('127.0.0.1'),
  /** 0: any free port. */
  port: z.int().min(0).max(65_535).default(0),
});

/** A SKIP key provider beside the KME; the systems that may ask it are SAEs of the node, each with a key of its own. */
const skip = z.strictObject({
  ...address.shape,
  /** Files of 32 octets or more, taken as they are: the pre-shared keys of TLS. */
  systems: z.array(z.strictObject({ systemId: z.string().min(1), keyFile: z.string().min(1) })).min(1),
});

const node = z.strictObject({
  kmeId: z.string().min(1),
  listen: address.default({ address: '127.0.0.1', port: 0 }),
  /** SAE IDs: the common names of the certificates that may ask this KME. */
  saeIds: z.array(z.string().min(1)).min(1),
  skip: skip.optional(),
});

const profileNames = Object.keys(LINK_PROFILES) as [LinkProfileName, ...LinkProfileName[]];
const profile = z.enum(profileNames);

const link = z.strictObject({
  between: z.tuple([z.string(), z.string()]),
  /** A link by name; the members below change it. Without one it is a plain link of {@link DEFAULT_LINK}. */
  profile: profile.optional(),
  /** Of a link with optics: another length, or loss on top of its own. */
  distanceKm: z.number().min(0).max(1000).optional(),
  extraLossDb: z.number().min(0).max(100).optional(),
  rateBitsPerSecond: z.number().min(0).optional(),
  qber: z.number().min(0).max(0.5).optional(),
  qberNoise: z.number().min(0).max(0.5).optional(),
  qberLimit: z.number().min(0).max(0.5).optional(),
  /** Outages by themselves: mean time between them and mean length; length 0: none. */
  meanUpMs: z.number().min(0).optional(),
  meanOutMs: z.number().min(0).optional(),
  capacityBits: z.number().min(0).optional(),
  /** Key material there from the start. */
  initialBits: z.number().min(0).optional(),
});

/** Without a mean time up, an outage would follow at each step. */
const WITHOUT_UP_TIME = 'meanUpMs must be above 0 when meanOutMs is';
const WITHOUT_OPTICS = 'distanceKm and extraLossDb are for a link with a profile';

/** Nodes in a circle, each joined with the next: kme-1 with sae-1, and so on. Pairs apart talk over those between. */
const ring = z.strictObject({
  nodes: z.int().min(3).max(200).default(METRO_RING.nodes),
  profile: profile.default('metro'),
  /** Key material on each hop from the start. */
  initialBits: z.number().min(0).default(0),
});

/** One quantum link, all of it decided. */
export interface KmeLinkConfig {
  readonly between: readonly [string, string];
  readonly profile: LinkProfile;
}

/** Where faults are set while the key managers run: HTTP on loopback, or on a Unix socket at a path. */
const control = z.union([
  z.strictObject({ port: z.int().min(0).max(65_535) }),
  z.strictObject({ path: z.string().min(1) }),
]);

/**
 * A gateway that is told of keys as they are laid out for its SAE: at its control socket, or at its admin port with the
 * token of `admin.tokenFile`.
 */
const announce = z
  .strictObject({
    saeId: z.string().min(1),
    /** Only keys that this SAE draws; without it those of every SAE. */
    masterSaeId: z.string().min(1).optional(),
    socket: z.string().min(1).optional(),
    url: z.url({ protocol: /^https?$/ }).optional(),
    tokenFile: z.string().min(1).optional(),
    /** PEM file of the authority behind an https URL; those of the system without it. */
    ca: z.string().min(1).optional(),
  })
  .refine(({ socket, url }) => (socket === undefined) !== (url === undefined), 'wants one of socket and url')
  .refine(({ url, tokenFile }) => url === undefined || tokenFile !== undefined, 'url wants tokenFile');

/** The whole file. Unknown members are faults, so that a misspelt one does not silently keep its default. */
export const kmeSchema = z
  .strictObject({
    /** The same seed gives the same links and the same keys; without it each start has another. */
    seed: z.string().min(1).optional(),
    keySizeBits: z.int().min(64).max(1024).multipleOf(8).default(256),
    maxKeyPerRequest: z.int().min(1).max(1024).default(128),
    nodes: z.array(node).default([]),
    links: z
      .array(
        link
          .refine((l) => (l.meanOutMs ?? 0) === 0 || (l.meanUpMs ?? 0) > 0, WITHOUT_UP_TIME)
          .refine(
            (l) => l.profile !== undefined || (l.distanceKm ?? l.extraLossDb) === undefined,
            WITHOUT_OPTICS,
          )
          .transform(linkOf),
      )
      .default([]),
    /** Stands for its nodes and links; more of both may stand beside it. */
    ring: ring.optional(),
    /** Where certificates and keys for the SAEs are written as PEM files; without it they stay in memory. */
    credentialsFolder: z.string().optional(),
    control: control.optional(),
    announce: z.array(announce).default([]),
  })
  .transform(({ ring: circle, ...config }) => {
    const round = circle === undefined ? { nodes: [], links: [] } : ringOf(circle);
    return { ...config, nodes: [...round.nodes, ...config.nodes], links: [...round.links, ...config.links] };
  })
  .check((context) => {
    for (const problem of misfits(context.value))
      context.issues.push({ code: 'custom', message: problem, input: context.value });
  });

/** With every default filled in. */
export type KmeConfig = z.output<typeof kmeSchema>;
/** What may be left out in the file. */
export type KmeConfigInput = z.input<typeof kmeSchema>;

/** What the file gives over what the profile has over the defaults. */
function linkOf({
  between,
  profile: name,
  distanceKm,
  extraLossDb,
  ...given
}: z.output<typeof link>): KmeLinkConfig {
  const named: Partial<LinkProfile> = name === undefined ? {} : LINK_PROFILES[name];
  const explicit = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const optics = named.optics && {
    ...named.optics,
    ...(distanceKm === undefined ? {} : { distanceKm }),
    extraLossDb: named.optics.extraLossDb + (extraLossDb ?? 0),
  };
  return { between, profile: { ...DEFAULT_LINK, ...named, ...(optics && { optics }), ...explicit } };
}

function ringOf(circle: z.output<typeof ring>): {
  readonly nodes: readonly z.output<typeof node>[];
  readonly links: readonly KmeLinkConfig[];
} {
  const numbers = Array.from({ length: circle.nodes }, (_, index) => index + 1);
  return {
    nodes: numbers.map((number) => ({
      kmeId: `kme-${number}`,
      listen: { address: '127.0.0.1', port: 0 },
      saeIds: [`sae-${number}`],
    })),
    links: numbers.map((number) => ({
      between: [`kme-${number}`, `kme-${(number % circle.nodes) + 1}`],
      profile: { ...DEFAULT_LINK, ...LINK_PROFILES[circle.profile], initialBits: circle.initialBits },
    })),
  };
}

/** Checks a parsed document. Throws OperatorError N3IWF_E_CONFIG that lists every fault with its place. */
export function readKmeConfig(document: unknown, source: string): KmeConfig {
  const parsed = kmeSchema.safeParse(document);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => `  ${issue.path.join('.') || '(top)'}: ${issue.message}`);
  throw new OperatorError('N3IWF_E_CONFIG', `${source} is not usable:\n${faults.join('\n')}`);
}

/** Names that do not fit together; a network built from a configuration without any cannot fail. */
function misfits(config: {
  readonly nodes: readonly z.output<typeof node>[];
  readonly links: readonly { readonly between: readonly [string, string] }[];
  readonly announce: readonly { readonly saeId: string; readonly masterSaeId?: string | undefined }[];
}): string[] {
  const kmeIds = config.nodes.map((entry) => entry.kmeId);
  const saeIds = config.nodes.flatMap((entry) => entry.saeIds);
  return [
    ...(kmeIds.length === 0 ? ['nodes: there is none, and no ring'] : []),
    ...duplicates(kmeIds).map((kmeId) => `nodes: the KME ${kmeId} stands there twice`),
    ...duplicates(saeIds).map((saeId) => `nodes: the SAE ${saeId} stands at two places`),
    ...config.nodes.flatMap((entry) =>
      (entry.skip?.systems ?? [])
        .filter((system) => !entry.saeIds.includes(system.systemId))
        .map((system) => `nodes: the SKIP system ${system.systemId} is no SAE of ${entry.kmeId}`),
    ),
    ...config.links
      .flatMap((entry) => entry.between)
      .filter((kmeId) => !kmeIds.includes(kmeId))
      .map((kmeId) => `links: there is no KME ${kmeId}`),
    ...config.announce
      .flatMap(({ saeId, masterSaeId }) => [saeId, masterSaeId ?? saeId])
      .filter((saeId) => !saeIds.includes(saeId))
      .map((saeId) => `announce: there is no SAE ${saeId}`),
  ];
}

function duplicates(names: readonly string[]): string[] {
  return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))];
}
