import { z } from 'zod';

/**
 * free5GC's N3IWF configuration with every scalar as text, as it stands in the file: a number in YAML would have lost
 * the zeros of `001`, `000001` and `010203`, which free5GC's parser keeps because its fields are strings.
 */

/** Text of a form; `words` say which, in the message. */
function text(form: RegExp, words: string) {
  const message = `must be ${words}`;
  return z.string({ error: message }).regex(form, message);
}

/** A whole number in decimal digits, from `least` to `most`. */
function integer(least: number, most: number) {
  const words = `must be a whole number from ${least} to ${most}`;
  return text(/^\d{1,10}$/, words.slice('must be '.length))
    .transform(Number)
    .refine((value) => value >= least && value <= most, words);
}

/** The words that YAML of Go takes for a truth value. */
const truth = text(/^(?:true|false|yes|no|on|off)$/i, 'true or false').transform((word) =>
  /^(?:true|yes|on)$/i.test(word),
);

const units: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** A duration as Go writes it, such as `1m30s`, in ms. */
const duration = text(
  /^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$/,
  'a duration such as 60s or 1m30s',
).transform((words) => {
  const parts = [...words.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)];
  return Math.round(
    parts.reduce((sum, [, count, unit]) => sum + Number(count) * (units[unit ?? ''] ?? 0), 0),
  );
});

const host = text(
  /^[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?$/,
  'an address such as 10.100.200.15, or a host name',
);
const file = text(/./, 'the path of a PEM file');
const port = integer(1, 65535);

const plmnId = z.object(
  {
    mcc: text(/^\d{3}$/, 'three digits, such as 208 or 001'),
    mnc: text(/^\d{2,3}$/, 'two or three digits, such as 93 or 01'),
  },
  { error: 'must have the keys mcc and mnc' },
);

const snssai = z.object({
  sst: integer(0, 255),
  sd: text(/^[0-9a-fA-F]{6}$/, 'six hexadecimal digits, such as 010203').optional(),
});

/** A list with at least one item, which its type says too. */
function listOf<T extends z.ZodType>(item: T, words: string) {
  const list = z.array(item, { error: `must be a list of ${words}` });
  return list
    .nonempty(`must have at least one of ${words}`)
    .transform((items) => items as [z.output<T>, ...z.output<T>[]]);
}

const trackingArea = z.object({
  tac: text(/^[0-9a-fA-F]{6}$/, 'six hexadecimal digits, such as 000001'),
  broadcastPlmnList: listOf(
    z.object({ plmnID: plmnId, taiSliceSupportList: listOf(z.object({ snssai }), 'snssai') }),
    'plmnID with taiSliceSupportList',
  ),
});

const information = z.object({
  globalN3IWFID: z.object({ plmnID: plmnId, n3iwfID: integer(0, 65535) }),
  name: text(/^.{1,150}$/, 'a name of at most 150 characters').optional(),
  supportedTAList: listOf(trackingArea, 'tac with broadcastPlmnList'),
});

/** What is used of the file; what is left out of here is told as ignored. */
export const free5gcSchema = z.object({
  configuration: z.object(
    {
      n3iwfInformation: information,
      localSctpAddr: host.optional(),
      amfSCTPAddresses: listOf(
        z.object({ ip: listOf(host, 'addresses of one AMF'), port: port.default(38412) }),
        'ip with port',
      ),
      nasTcpPort: port,
      ikeBindAddress: host,
      ipSecTunnelAddress: host,
      ueIpAddressRange: text(/^[0-9.]+\/\d{1,2}$/, 'an IPv4 prefix such as 10.0.0.0/24'),
      n3iwfGtpBindAddress: host,
      fqdn: host,
      privateKey: file.default('cert/n3iwf.key'),
      certificate: file.default('cert/n3iwf.pem'),
      livenessCheck: z.object(
        { enable: truth.default(false), transFreq: duration },
        { error: 'must have the keys enable and transFreq' },
      ),
    },
    { error: 'must be the section of the configuration' },
  ),
  logger: z
    .object({
      enable: truth.default(true),
      level: text(
        /^(?:trace|debug|info|warn|error|fatal|panic)$/,
        'trace, debug, info, warn, error, fatal or panic',
      ),
    })
    .optional(),
});

/** The file as `free5gcSchema` reads it. */
export type Free5gcConfig = z.infer<typeof free5gcSchema>;
