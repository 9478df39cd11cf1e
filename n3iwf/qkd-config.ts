/** The section `qkd` of the configuration: where keys come from, where they are kept, and who gets them. */
import { z } from 'zod';
import { KME_QUIRKS, type KmeQuirkName } from '#qkd';
import { keyingSchema } from './keying-settings.ts';
import { parseAddress } from './userplane/address.ts';

const kmeKinds = Object.keys(KME_QUIRKS) as [KmeQuirkName, ...KmeQuirkName[]];
const keySource = 'one of qkd.kme, qkd.skip, qkd.etsi004 and qkd.keyFiles says where keys come from';

/** Where a secret of the node lies. */
const secretPlace = z.union([
  z.strictObject({ file: z.string().describe('path of the file') }),
  z.strictObject({ credential: z.string().describe('name in LoadCredential= of systemd') }),
]);

/** SKIP (draft-cisco-skip-02): HTTPS with a pre-shared key. */
const skip = z.strictObject({
  url: z.url().describe('https URL of the key provider'),
  preSharedKeyFile: z.string().describe('what this system and its key provider share, as it is in the file'),
});

/** ETSI GS QKD 004 has no wire format; ours is in `io/key-stream-socket.ts`. */
const etsi004 = z.strictObject({
  socket: z.string().min(1).describe('Unix socket of the key manager or of what adapts it'),
  minBps: z.number().int().min(0).default(0).describe('bit/s that a stream must give'),
  maxBps: z.number().int().min(0).default(10_000_000).describe('bit/s that it may give'),
  ttlSeconds: z
    .number()
    .int()
    .positive()
    .default(3600)
    .describe('how long a chunk is kept for the other end'),
});

/** Files of `n3iwf keys provision`, the same ones that UEs carry. */
const keyFiles = z.strictObject({
  files: z.array(z.string()).nonempty().describe('paths of the files'),
  transportKeyFile: z.string().describe('32 octets that seal the files'),
});

/** A key that a hardware module keeps; epochs' keys are wrapped there by AES-GCM. */
const pkcs11 = z.strictObject({
  module: z.string().describe("path of the module's library, such as that of SoftHSM"),
  token: z.string().min(1).describe('label of the token'),
  key: z.string().min(1).describe('label of an AES-256 key that may encrypt and decrypt'),
  pin: secretPlace.describe("the token user's"),
});

const archive = z.strictObject({
  folder: z.string().min(1).describe('folder for the segments; made where it is not there'),
  segmentRows: z
    .number()
    .int()
    .min(100)
    .max(1_000_000)
    .default(50_000)
    .describe('rows of a segment; as many, and up to twice as many, stay in the store'),
  keepDays: z
    .number()
    .positive()
    .optional()
    .describe('segments are deleted when they are older; never when left out'),
});

const audit = z
  .strictObject({
    signingKey: z.string().optional().describe('PEM file of an Ed25519 or ML-DSA private key'),
    checkpoints: z.string().optional().describe('file that signed checkpoints are appended to'),
    syslog: z
      .strictObject({
        host: z
          .string()
          .refine((text) => parseAddress(text) !== undefined, 'must be an address')
          .describe('address of the collector'),
        port: z.number().int().min(0).max(65535).default(514).describe('UDP port'),
      })
      .optional()
      .describe('sends checkpoints to a collector, too'),
    origin: z
      .string()
      .regex(/^[^\s+]+$/, 'must have no space and no plus')
      .optional()
      .describe('name of the record; saeId/keys when left out'),
    everyEvents: z.number().int().positive().default(1000).describe('events between checkpoints'),
    everyMs: z.number().int().positive().default(60_000).describe('time between them, if there were any'),
    keyIds: z
      .enum(['plain', 'hashed'])
      .default('plain')
      .describe('how the record names keys: by their IDs, or by HMAC-SHA-256 of them under keyIdSecret'),
    keyIdSecret: secretPlace
      .optional()
      .describe('32 octets that hashed key IDs depend on; the same at each node of a shared store'),
    archive: archive.optional().describe('takes the oldest rows of the record out of the store'),
  })
  .superRefine((value, context) => {
    const fault = (path: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [path], message });
    if (value.checkpoints !== undefined && value.signingKey === undefined)
      fault('signingKey', 'is missing, and checkpoints need it');
    if (value.signingKey !== undefined && value.checkpoints === undefined)
      fault('checkpoints', 'is missing: where checkpoints go that signingKey signs');
    if (value.syslog !== undefined && value.signingKey === undefined)
      fault('signingKey', 'is missing, and syslog is sent checkpoints');
    if (value.keyIds === 'hashed' && value.keyIdSecret === undefined)
      fault('keyIdSecret', 'is missing, and hashed key IDs need it');
  });

const retention = z.strictObject({
  endedDays: z
    .number()
    .positive()
    .default(90)
    .describe('after so long the row of a key that has ended goes; its ID is refused for ever'),
  unendedDays: z
    .number()
    .positive()
    .default(365)
    .describe('after so long a key that was given out counts as ended; more than any SA lives'),
});

/** See the head of this file. Exactly one source stands in it. */
export const qkdSchema = z
  .strictObject({
    kme: z.url().optional().describe('https URL of a KME of ETSI GS QKD 014'),
    kmeId: z.string().min(1).optional().describe('its ID, which must stand in its certificate'),
    kmeKind: z.enum(kmeKinds).default('standard').describe('which deviations from the standard to expect'),
    ca: z.string().optional().describe("PEM file of the authority behind the KME's certificate"),
    certificate: z.string().optional().describe("PEM file of this node's certificate for the KME"),
    key: z.string().optional().describe('PEM file of its private key'),
    skip: skip.optional().describe('a key provider that speaks SKIP, instead of `kme`'),
    etsi004: etsi004.optional().describe('streams of ETSI GS QKD 004, instead of `kme`'),
    keyFiles: keyFiles.optional().describe('sealed files, instead of `kme`'),
    saeId: z.string().min(1).describe('ID of this node at its KME; must stand in `certificate`'),
    ueSaeId: z.string().min(1).describe('ID of the UEs at theirs'),
    store: z.string().describe('file of the key store, or postgres://... for one that several nodes share'),
    pool: z
      .strictObject({
        low: z.number().int().min(1).describe('keys below which more are fetched'),
        high: z.number().int().min(1).describe('keys up to which they are'),
      })
      .refine(({ low, high }) => low < high, 'low must be below high')
      .optional()
      .describe('keys of our own choice fetched ahead of need; none when left out'),
    keyEncryptionKey: z
      .union([...secretPlace.options, z.strictObject({ pkcs11: pkcs11.describe('a key in a token') })])
      .optional()
      .describe(
        'what keys at rest depend on: 32 octets, or a key in a token; without it they end with the process',
      ),
    maxKeyAgeMs: z.number().int().positive().optional().describe('a key older than this is never used'),
    audit: audit.optional().describe('checkpoints, names and length of the audit record'),
    retention: retention
      .optional()
      .describe('how long keys of no more use stay in the books; for ever when left out'),
    keying: keyingSchema.optional().describe('who gets quantum keys when they are scarce'),
    tamperFile: z.string().optional().describe('a file whose appearance destroys every key'),
  })
  .superRefine((qkd, context) => {
    const fault = (path: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [path], message });
    const named = (['kme', 'skip', 'etsi004', 'keyFiles'] as const).filter((each) => qkd[each] !== undefined);
    if (named.length === 0) fault('kme', `is missing: ${keySource}`);
    for (const other of named.slice(1)) fault(other, `stands beside qkd.${named[0]}: ${keySource}`);
    for (const each of ['kmeId', 'ca', 'certificate', 'key'] as const)
      if (qkd.kme !== undefined && qkd[each] === undefined) fault(each, 'is missing, and qkd.kme needs it');
  });

/** The section as it is read. */
export type QkdConfig = z.infer<typeof qkdSchema>;

/** What reaches a KME of ETSI GS QKD 014. */
export interface Etsi014Config {
  readonly kme: string;
  readonly kmeId: string;
  readonly kmeKind: KmeQuirkName;
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** The part of a configuration whose keys come from such a KME; undefined for another source. */
export function etsi014Of(qkd: QkdConfig | undefined): (QkdConfig & Etsi014Config) | undefined {
  if (qkd === undefined) return undefined;
  const { kme, kmeId, ca, certificate, key } = qkd;
  if (kme === undefined || kmeId === undefined || ca === undefined) return undefined;
  if (certificate === undefined || key === undefined) return undefined;
  return { ...qkd, kme, kmeId, ca, certificate, key };
}
