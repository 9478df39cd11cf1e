/** The operator's words on who gets quantum keys: the configuration's section `qkd.keying`, and what the controller takes. */
import { z } from 'zod';
import { type ClassTable, classFaults, DEFAULT_CLASSES, DEFAULT_SETTINGS } from '#qkd';
import type { KeyingSettings } from './keying-watch.ts';
import type { KeyPolicy } from './nwu/key-policy.ts';

const name = z.string().min(1).max(40);
const seconds = z.number().positive().max(86_400);
const slice = z
  .string()
  .regex(/^\d{1,3}(-[0-9a-f]{6})?$/, 'must be an SST or SST-SD in quotes, such as "1" or "1-010203"');

/** Classes in the order of service; see `qkd/policy/classes.ts`. */
const classes = z
  .array(
    z.strictObject({
      name: name.describe('that rules call it by'),
      atLeastEverySeconds: seconds.describe('in scarcity the class gets a key, if there is any, this often'),
    }),
  )
  .nonempty();

/** One row: what is given must fit, and what is left out asks for nothing. */
const rules = z.array(
  z.strictObject({
    ues: z.array(z.string().min(1)).nonempty().optional().describe('IKE identities'),
    slices: z.array(slice).nonempty().optional().describe('SST or SST-SD, in quotes'),
    fiveQis: z.array(z.number().int().min(0).max(255)).nonempty().optional().describe('5QIs of flows'),
    class: name.describe('the class of what fits'),
  }),
);

/** Section `qkd.keying` of the configuration; every key has a default. */
export const keyingSchema = z
  .strictObject({
    horizonSeconds: seconds
      .default(DEFAULT_SETTINGS.horizonMs / 1000)
      .describe('how far ahead pool and rate must cover the keys that fall due'),
    reserveKeys: z
      .number()
      .int()
      .min(0)
      .default(DEFAULT_SETTINGS.reserveKeys)
      .describe('keys that the pool is not drawn below while they are scarce'),
    returnFactor: z
      .number()
      .min(1)
      .max(100)
      .default(DEFAULT_SETTINGS.returnFactor)
      .describe('quantum keys are taken again when supply is so many times the need'),
    holdSeconds: seconds.default(DEFAULT_SETTINGS.holdMs / 1000).describe('for so long without a break'),
    fallbackSeconds: seconds
      .default(DEFAULT_SETTINGS.minFallbackMs / 1000)
      .describe('and not sooner than so long after they became too few'),
    classes: classes.optional().describe('in the order of service'),
    rules: rules.optional().describe('which UEs and flows are of which class, the first that fits'),
  })
  .superRefine((keying, context) => {
    for (const message of classFaults(classesOf(keying))) context.addIssue({ code: 'custom', message });
  });

type Keying = z.infer<typeof keyingSchema>;

/** Rules that are left out come with the default classes only: those of other names would be rules for nothing. */
function classesOf(keying: Pick<Keying, 'classes' | 'rules'>): ClassTable {
  const rows = keying.classes?.map((row) => ({
    name: row.name,
    atLeastEveryMs: row.atLeastEverySeconds * 1000,
  }));
  const wanted = keying.rules?.map(({ ues, slices, fiveQis, class: named }) => ({
    ...(ues === undefined ? {} : { ues }),
    ...(slices === undefined ? {} : { slices }),
    ...(fiveQis === undefined ? {} : { fiveQis }),
    class: named,
  }));
  return {
    classes: rows ?? DEFAULT_CLASSES.classes,
    rules: wanted ?? (rows === undefined ? DEFAULT_CLASSES.rules : []),
  };
}

/** What the controller of a node takes, times in ms. */
export function keyingSettingsOf(policy: KeyPolicy, keying: Keying | undefined): KeyingSettings {
  if (keying === undefined) return { policy };
  const { horizonSeconds, reserveKeys, returnFactor, holdSeconds, fallbackSeconds } = keying;
  return {
    policy,
    classes: classesOf(keying),
    horizonMs: horizonSeconds * 1000,
    reserveKeys,
    returnFactor,
    holdMs: holdSeconds * 1000,
    minFallbackMs: fallbackSeconds * 1000,
  };
}
