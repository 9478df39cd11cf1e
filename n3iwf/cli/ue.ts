import { z } from 'zod';
import type { GatewayIdentity } from '#ikev2';
import type { SelectedN3iwf, UeAddresses, UeConfig } from '#peers';
import { parseDocument } from '../config.ts';
import { OperatorError } from '../errors.ts';
import { ipv4Of } from '../io/host-facts.ts';
import { addressOf, lookupIpv4, naptrReplacements } from '../io/host-names.ts';
import { monotonicMs } from '../io/machine.ts';
import { certificateVerifier } from '../nwu/certificate-trust.ts';
import { ppkUses } from '../nwu/key-policy.ts';
import { readNamedFile, readYaml } from './configuration-file.ts';
import { LabUeRunner } from './lab-ue.ts';
import { untilSignal } from './signals.ts';
import { plmnSchema, sliceSchema, subscriberSchema } from './subscriber-schema.ts';
import { openUeKeys, type UeKeys, ueKeysSchema } from './ue-keys.ts';
import { stay } from './ue-stay.ts';

/** The simulated UE, which is loaded when it is used. */
type Peers = typeof import('#peers');

const text = (octets: Uint8Array) => new TextDecoder().decode(octets);

const ipv4 = z.ipv4('must be an IPv4 address such as 198.51.100.1');
const mcc = z.string().regex(/^\d{3}$/, 'must be three digits in quotes, such as "208"');

/** How the UE finds an N3IWF that no one named to it [TS24502 7.2]. */
const findSchema = z.strictObject({
  country: mcc.optional().describe('where the UE is; that of its home PLMN when left out'),
  registered: plmnSchema.optional().describe('PLMN that the UE is registered with over 3GPP access abroad'),
  identifier: z.string().optional().describe("the home operator's name or address for it"),
  tac: z
    .string()
    .regex(/^[0-9a-fA-F]{6}$/, 'must be six hexadecimal digits in quotes, such as "000001"')
    .optional(),
});

const stayingSchema = z.strictObject({
  everyMs: z.number().int().min(10).default(500),
  limitMs: z.number().int().min(10).default(2000).describe('an answer that takes longer is lost'),
});

/** The configuration file of `n3iwf ue`. */
export const ueSchema = z
  .strictObject({
    address: z.string().optional(),
    interface: z.string().optional().describe('the UE is at its IPv4 address, and follows when that changes'),
    ikePort: z.number().int().default(500),
    natTraversalPort: z.number().int().default(4500),
    n3iwf: z.strictObject({ address: z.string(), identity: z.string() }).optional(),
    find: findSchema.optional(),
    subscriber: subscriberSchema,
    imeisv: z
      .string()
      .regex(/^\d{16}$/, 'must be 16 digits in quotes')
      .default('3560920407930100'),
    plmn: plmnSchema,
    slice: sliceSchema,
    dnn: z.string().default('internet'),
    nasAccess: z
      .enum(['non-3gpp', '3gpp'])
      .default('non-3gpp')
      .describe('whose NAS security is used; 3gpp for a core that knows no other access'),
    ping: ipv4.default('198.51.100.1'),
    keepPinging: stayingSchema.optional(),
    patienceMs: z.number().int().min(100).default(15_000).describe('longest wait for any one step'),
    auth: z.enum(['qkd', 'psk', 'certificate', 'eap-only']).default('qkd'),
    proveName: z
      .boolean()
      .default(false)
      .describe('with auth qkd the N3IWF also proves its name by the key, which a private notify names'),
    ppk: z.enum(ppkUses).default('rfc8784'),
    preSharedKeyFile: z.string().optional(),
    authority: z.string().optional().describe('PEM file of the CA that the N3IWF certificate comes from'),
    proposals: z
      .array(z.string())
      .nonempty()
      .default(['aes256gcm16-prfsha256-x25519-ke1_mlkem768', 'aes256gcm16-prfsha256-x25519']),
    espProposals: z.array(z.string()).nonempty().default(['aes256gcm16']),
    qkd: ueKeysSchema.optional(),
  })
  .refine((file) => (file.address === undefined) !== (file.interface === undefined), {
    path: ['address'],
    message: 'must be there, or else interface: one of the two',
  })
  .refine((file) => (file.n3iwf === undefined) !== (file.find === undefined), {
    path: ['n3iwf'],
    message: 'must be there, or else find: one of the two',
  });

/** The file of `n3iwf ue`. */
type UeFile = z.infer<typeof ueSchema>;

const say = (line: string) => void process.stdout.write(`${line}\n`);

/**
 * The command `n3iwf ue`: one simulated UE registers, opens a session and pings. Then it rekeys and detaches; with
 * `keepPinging` it goes on pinging, and follows its interface's address, until SIGINT or SIGTERM, and detaches. An N3IWF
 * that names another one is left for that, where all of it begins anew. [RFC5685 3]
 *
 * @returns 0 only if all of it worked
 * @throws OperatorError for a wrong configuration or a busy port
 */
export async function runUe(path: string, ended: () => Promise<void> = untilSignal): Promise<number> {
  const file = parseDocument(ueSchema, readYaml(path), path);
  const peers = await import('#peers');
  const keys = file.qkd === undefined ? undefined : await openUeKeys(file.qkd);
  const host: UeHost = { file, peers, keys, ended, hasBegun: false };
  try {
    let place: Place | undefined = { n3iwf: await selected(file, peers) };
    for (let hops = 0; place !== undefined; hops++) {
      if (hops > mostRedirects) throw new Error(`sent from one N3IWF to the next ${hops} times`);
      place = await attend(host, place);
    }
    return 0;
  } catch (error) {
    if (error instanceof OperatorError && !host.hasBegun) throw error;
    process.stderr.write(`n3iwf: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  } finally {
    keys?.close();
  }
}

/** Nodes that send a UE round in a circle are left after so many. [RFC5685 3] */
const mostRedirects = 5;

/** What a run of the UE has at hand. */
interface UeHost {
  readonly file: UeFile;
  readonly peers: Peers;
  readonly keys: UeKeys | undefined;
  /** Resolves when a UE that stays shall detach. */
  readonly ended: () => Promise<void>;
  /** Its sockets were open once: a fault after that is one of the run. */
  hasBegun: boolean;
}

/** An N3IWF, and the one that sent the UE there. */
interface Place {
  readonly n3iwf: SelectedN3iwf;
  readonly from?: GatewayIdentity;
}

/** Everything at one N3IWF. @returns the next one, where it named one */
async function attend(host: UeHost, { n3iwf, from: redirectedFrom }: Place): Promise<Place | undefined> {
  const { file, peers, keys, ended } = host;
  const address = await localAddress(file);
  const at = addresses(file, address, n3iwf.address);
  const config = {
    ...ueConfig(file, n3iwf.name),
    ...(redirectedFrom === undefined ? {} : { redirectedFrom }),
  };
  const { ping, patienceMs, keepPinging } = file;
  const runner = await LabUeRunner.open(peers.SimulatedUe, config, at, uePorts(file, keys), ping, patienceMs);
  host.hasBegun = true;
  try {
    await runner.attach(say);
    if (keepPinging === undefined) await runner.rekey(say);
    else await stay(runner, address, { ...keepPinging, address: follower(file) }, ended(), say);
    await runner.detach(say);
    return undefined;
  } catch (error) {
    const to = runner.redirectedTo;
    if (to === undefined) throw error;
    say(`sent to ${to.name}`);
    // a name is what the other one proves; an address is one more of the same name
    const name = to.type === 'fqdn' ? to.name : n3iwf.name;
    const from = { type: 'ipv4', name: n3iwf.address } as const;
    return { n3iwf: { name, address: await addressOf(to.name) }, from };
  } finally {
    await runner.close();
  }
}

/** Where the interface is at present; nowhere new for a UE whose address is fixed. */
function follower(file: UeFile): () => string | undefined {
  const { interface: name } = file;
  return () => (name === undefined ? undefined : ipv4Of(name));
}

/** The address in the file, or that of the interface as soon as it has one. @throws Error when it gets none in time */
async function localAddress(file: UeFile): Promise<string> {
  if (file.address !== undefined) return file.address;
  const look = follower(file);
  for (const limit = monotonicMs() + file.patienceMs; monotonicMs() < limit; ) {
    const address = look();
    if (address !== undefined) return address;
    await new Promise((resolve) => setTimeout(resolve, addressPollMs));
  }
  throw new Error(`${file.interface} has no IPv4 address`);
}

/** Between two looks at an interface that has no address yet, in ms. */
const addressPollMs = 200;

/** The N3IWF in the file, or the one that the name service leads to [TS24502 7.2]. @throws Error when there is none */
async function selected(file: UeFile, { selectN3iwf }: Peers): Promise<SelectedN3iwf> {
  const { n3iwf, find, plmn: home } = file;
  if (n3iwf !== undefined) return { name: n3iwf.identity, address: n3iwf.address };
  const { country = home.mcc, registered, identifier, tac } = find ?? {};
  const input = {
    home,
    country,
    ...(registered === undefined ? {} : { registered }),
    ...(identifier === undefined ? {} : { identifier }),
    ...(tac === undefined ? {} : { tac }),
  };
  const found = await selectN3iwf(input, {
    addresses: lookupIpv4,
    replacements: (name) => naptrReplacements(name),
  });
  say(`found ${found.name} at ${found.address}`);
  return found;
}

/** Both ends' addresses with the ports of the file. */
function addresses({ ikePort: port, natTraversalPort }: UeFile, address: string, n3iwf: string): UeAddresses {
  return {
    local: { address, port },
    localNat: { address, port: natTraversalPort },
    n3iwf: { address: n3iwf, port },
    n3iwfNat: { address: n3iwf, port: natTraversalPort },
  };
}

/** What the UE takes keys and certificates by. */
function uePorts(file: UeFile, keys: UeKeys | undefined): Parameters<typeof LabUeRunner.open>[3] {
  const missing = () => Promise.reject(new Error('qkd: is missing from the configuration'));
  const { authority } = file;
  return {
    obtainQkdKey: () => keys?.draw() ?? missing(),
    fetchQkdKey: (keyId: string) => keys?.find(keyId) ?? missing(),
    ...(authority === undefined
      ? {}
      : { verifyCertificate: certificateVerifier([text(readNamedFile('authority', authority))], Date.now) }),
  };
}

/** The UE that the file describes, for the N3IWF of that name. */
function ueConfig(file: UeFile, n3iwfName: string): UeConfig {
  const { subscriber, imeisv, plmn, slice, dnn, nasAccess, auth, ppk } = file;
  const { preSharedKeyFile, proposals, espProposals } = file;
  return {
    ...subscriber,
    imeisv,
    plmn,
    slice,
    dnn,
    nasAccess,
    auth,
    ppk,
    n3iwfName,
    proveName: file.proveName,
    mobile: file.interface !== undefined,
    followsRedirect: true,
    ...(preSharedKeyFile === undefined
      ? {}
      : { preSharedKey: readNamedFile('preSharedKeyFile', preSharedKeyFile) }),
    ikeProposals: proposals,
    espProposals,
  };
}
