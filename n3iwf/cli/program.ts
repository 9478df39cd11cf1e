import { Command, InvalidArgumentError, Option } from 'commander';
import { exitCodes, OperatorError } from '../errors.ts';
import type { CaptureOptions } from '../io/lab-capture.ts';
import { childSaPolicies } from '../nwu/child-sa-policy.ts';
import { keyPolicies, ppkUses } from '../nwu/key-policy.ts';
import { version } from '../version.ts';
import type { ConfigOptions } from './config-commands.ts';
import type { DoctorOptions } from './doctor.ts';
import type { BooksOptions, EpochOptions, FindOptions, ListOptions, VerifyOptions } from './keys-books.ts';
import type { ProvisionOptions } from './keys-provision.ts';
import type { QuarantineOptions } from './keys-quarantine.ts';
import type { KmeOptions } from './kme.ts';
import { type GivenLabOptions, type LabSessionType, labFaults, labSessionTypes } from './lab-options.ts';
import type { MigrateOptions } from './migrate.ts';
import { addLiveKeys, addOperate } from './program-operate.ts';
import type { ReplayOptions } from './replay.ts';

function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 10_000) {
    throw new InvalidArgumentError('must be a whole number from 1 to 10000');
  }
  return value;
}

function listOfTypes(text: string): LabSessionType[] {
  return text.split(',').map((word) => {
    const type = labSessionTypes.find((each) => each === word.trim());
    if (type === undefined) throw new InvalidArgumentError(`must be of ${labSessionTypes.join(', ')}`);
    return type;
  });
}

function upTo(most: number): (text: string) => number {
  return (text) => {
    const value = positiveInteger(text);
    if (value > most) throw new InvalidArgumentError(`must be at most ${most}`);
    return value;
  };
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 1e9) {
    throw new InvalidArgumentError('must be a whole number from 1 to 1000000000');
  }
  return value;
}

/** `KEY=NUMBER,...` */
function listOfNumbers(text: string): Record<string, number> {
  return Object.fromEntries(
    text.split(',').map((word) => {
      const [, key, value] = /^\s*(\w+)=(\d+(?:\.\d+)?)\s*$/.exec(word) ?? [];
      if (key === undefined)
        throw new InvalidArgumentError('must be of the form holdSeconds=5,reserveKeys=8');
      return [key, Number(value)];
    }),
  );
}

function portNumber(text: string): number {
  const value = Number(text);
  if (!/^\d{1,5}$/.test(text) || value > 65_535) {
    throw new InvalidArgumentError('must be a port from 1 to 65535, or 0 for any');
  }
  return value;
}

function rateNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 1e9)) {
    throw new InvalidArgumentError('must be a number from 0 to 1000000000');
  }
  return value;
}

/**
 * Runs one command line.
 *
 * @returns the exit status: 0 when the command did what it says, 1 when it ran and failed, those of `exitCodes` for
 *   faults of configuration and surroundings, which are printed as one message without a stack
 */
export async function runCli(argv: readonly string[]): Promise<number> {
  let status = 0;
  const program = buildProgram((value) => {
    status = value;
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    console.error(`n3iwf: ${error.message}`);
    status = exitCodes[error.code];
  }
  return status;
}

type Done = (status: number) => void;

const recordOption = new Option(
  '--record <file>',
  'write everything that the IKE engine is given, to replay it: keys in clear, for the lab',
);

const captureOptions = [
  recordOption,
  new Option('--pcap <file>', 'record NWu, N2 and N3'),
  new Option(
    '--keylog <folder>',
    "write Wireshark's decryption tables into a folder: keys in clear, for the lab",
  ),
];

/** Commands that take a configuration file; each module is loaded when its command runs. */
const fileCommands: readonly {
  readonly name: string;
  readonly description: string;
  readonly options?: readonly Option[];
  readonly run: (path: string, options: CaptureOptions & KmeOptions) => Promise<number>;
}[] = [
  {
    name: 'run',
    description: 'the N3IWF',
    options: captureOptions,
    run: async (path, options) => (await import('./run.ts')).runNode(path, options),
  },
  {
    name: 'kme',
    description: 'ETSI GS QKD 014 KMEs with simulated links: a pair, a ring, any network',
    options: [new Option('--seed <text>', 'of links and keys, in the place of that of the file')],
    run: async (path, options) => (await import('./kme.ts')).runKme(path, options),
  },
  {
    name: 'core',
    description: 'the simulated AMF and UPF',
    run: async (path) => (await import('./core.ts')).runCore(path),
  },
];

function buildProgram(done: Done): Command {
  const program = new Command('n3iwf')
    .description('A 5G N3IWF whose IPsec keys come from quantum key distribution')
    .version(version)
    // `keys` and its subcommands have options of the same name.
    .enablePositionalOptions();
  for (const { name, description, options = [], run } of fileCommands) {
    const command = program
      .command(name)
      .description(description)
      .requiredOption('-c, --config <file>', 'configuration file (YAML)');
    for (const option of options) command.addOption(option);
    command.action(async ({ config, ...rest }: { config: string } & CaptureOptions & KmeOptions) =>
      done(await run(config, rest)),
    );
  }
  addLab(program, done);
  addDoctor(program, done);
  addConfig(program, done);
  addKeys(program, done);
  addOperate(program, done);
  addReplay(program, done);
  return program;
}

function addConfig(program: Command, done: Done): void {
  const config = program.command('config').description('configuration files');
  const file = () => nodeConfig();
  const json = () => new Option('--json', 'print JSON');
  config
    .command('check')
    .description('name everything that is wrong with a file; status 0 when nothing is')
    .addOption(file())
    .addOption(json())
    .action(async (options: ConfigOptions) =>
      done((await import('./config-commands.ts')).checkConfig(options)),
    );
  config
    .command('show')
    .description('what a node would run by: defaults filled in, the environment over it')
    .addOption(file())
    .addOption(json())
    .action(async (options: ConfigOptions) =>
      done((await import('./config-commands.ts')).showConfig(options)),
    );
  config
    .command('reference')
    .description('every key with its form, default and meaning, as a page')
    .addOption(json())
    .action(async (options: Pick<ConfigOptions, 'json'>) =>
      done((await import('./config-commands.ts')).showReference(options)),
    );
  config
    .command('migrate')
    .description("write our configuration out of free5GC's n3iwfcfg.yaml")
    .requiredOption('-c, --config <file>', 'configuration file of free5GC (YAML)')
    .option('-o, --output <file>', 'a new file; standard output without it')
    .action(async (options: MigrateOptions) => done((await import('./migrate.ts')).migrateConfig(options)));
}

function addLab(program: Command, done: Done): void {
  const auth = new Option('--auth <method>', 'how the N3IWF proves itself');
  const ppk = new Option(
    '--ppk <mode>',
    'how QKD keys enter the SAs (default: "rfc9867", "none" with a policy without them)',
  );
  program
    .command('lab')
    .description('N3IWF, two KMEs, simulated core, UPF and UEs in one process, on loopback')
    .option('--ues <n>', 'how many UEs attach', positiveInteger, 1)
    .option('--sessions <n>', 'PDU sessions of each UE', upTo(8), 1)
    .option('--flows <n>', 'QoS flows of each session, each third with a guaranteed bit rate', upTo(9), 1)
    .option('--session-types <list>', 'their types, in turns: ipv4, ipv6, ipv4v6', listOfTypes, [
      'ipv4',
      'ipv6',
    ])
    .option('--bare-esp', 'ESP outside of UDP, for which the process needs CAP_NET_RAW')
    .option('--nat', 'UEs sit behind a NAT, which maps them anew in the middle of their streams')
    .addOption(
      new Option('--child-sas <policy>', 'what gets a Child SA').choices(childSaPolicies).default('gbr'),
    )
    .addOption(auth.choices(['qkd', 'psk', 'certificate', 'eap-only']).default('qkd'))
    .addOption(ppk.choices(ppkUses))
    .addOption(
      new Option(
        '--policy <policy>',
        'what SAs must rest on (default: "qkd-required", with --link-schedule "qkd-preferred")',
      ).choices(keyPolicies),
    )
    .option(
      '--link-schedule <schedule>',
      'what the quantum link gives over time: throttle, a file, or such as "0s 10Mbit/s; 20s 0; 60s 10Mbit/s; 130s end"',
    )
    .option('--picture <file>', 'SVG of pool, rate and mode over the schedule')
    .option(
      '--rekey-every <s>',
      'the N3IWF rekeys Child SAs after so long, 20 with a schedule',
      positiveInteger,
    )
    .option('--pool-keys <n>', 'keys that the KMEs keep, with a schedule 3 for each UE', wholeNumber)
    .option(
      '--keying <list>',
      'numbers of qkd.keying, such as holdSeconds=5,fallbackSeconds=20',
      listOfNumbers,
    )
    .option('--seed <text>', 'seed of link and keys, to have the same ones again')
    .option('--console <port>', 'serve the web console on 127.0.0.1; 0: any free port', portNumber)
    .option('--once', 'attach, ping, rekey, detach and exit; status 0 only if all of it worked')
    .option('--json', 'print one summary object on standard output')
    .option('--pcap <file>', 'record NWu, N2 and N3')
    .option('--keylog <folder>', "write Wireshark's decryption tables into a folder")
    .addOption(recordOption)
    .option('--same-spi', 'all UEs use the same initiator SPI')
    .addOption(new Option('--fault <kind>', 'make this go wrong, to see how it ends').choices(labFaults))
    .option('--verbose', 'log every step of the N3IWF')
    .action(async (options: GivenLabOptions) =>
      done(await (await import('./lab.ts')).runLabCommand(options)),
    );
}

function addReplay(program: Command, done: Done): void {
  program
    .command('replay')
    .description('read captured IKE and ESP traffic: a ladder of exchanges with payloads and verdicts')
    .argument('<file>', 'pcap or pcapng')
    .option('--keys <path>', "Wireshark's ikev2_decryption_table, or the folder that holds it")
    .option('--psk <secret>', 'pre-shared key of the captured SAs, to check AUTH: text or 0x…')
    .option('--against-engine <record>', 'give what the initiators sent to our responder, as it was recorded')
    .option('--json', 'print one object on standard output')
    .action(async (file: string, options: ReplayOptions) =>
      done((await import('./replay.ts')).replay(file, options)),
    );
}

function addDoctor(program: Command, done: Done): void {
  program
    .command('doctor')
    .description('check a deployment before it starts: status 0 good, 8 warnings, 1 something will not work')
    .requiredOption('-c, --config <file>', 'configuration file of the N3IWF (YAML)')
    .option('--kme', 'only whether the KME answers as ETSI GS QKD 014 says; spends some keys')
    .option('--ues <n>', 'UEs attached at a time, to hold their need of keys against the link', wholeNumber)
    .option('--child-sas <n>', 'Child SAs of each', wholeNumber, 2)
    .option('--child-lifetime <s>', 'seconds between rekeys of a Child SA', wholeNumber, 3600)
    .option('--ike-lifetime <s>', 'seconds between rekeys of an IKE SA, or attaches', wholeNumber, 86_400)
    .option('--key-rate <r>', 'keys per second of the link; measured when left out', rateNumber)
    .option('--outage <s>', 'seconds without the link that the pool shall bridge', wholeNumber, 600)
    .option('--ue-ca <file>', 'authority that UEs have (PEM): does the certificate lead to it?')
    .option('--json', 'print one object on standard output')
    .option('--peer-url <url>', 'the other KME, for a round trip of a key')
    .option('--peer-kme-id <id>', 'its ID')
    .option('--peer-cert <file>', 'certificate of the SAE there (PEM)')
    .option('--peer-key <file>', 'its private key (PEM)')
    .action(async (options: DoctorOptions) => done(await (await import('./doctor.ts')).doctor(options)));
}

/** The operator's view of the key store; each of its commands is a row of its own here. */
function addKeys(program: Command, done: Done): void {
  const keys = program
    .command('keys')
    .description('the quantum keys of the running node; with a further word, its key store');
  addLiveKeys(keys, done);
  keys
    .command('quarantine')
    .description('distrust keys, and end the SAs that rest on them')
    .requiredOption('-c, --config <file>', 'configuration file of the N3IWF (YAML)')
    .requiredOption('--since <time>', 'keys received since then: ISO 8601, or how long ago, such as 10m')
    .option('--link <sae>', 'only keys shared with this SAE')
    .option('--reason <text>', 'for the audit record')
    .action(async (options: QuarantineOptions) =>
      done(await (await import('./keys-quarantine.ts')).quarantineKeys(options)),
    );
  keys
    .command('provision')
    .description('fill a key file for a UE that will have no KME at hand')
    .requiredOption('-c, --config <file>', "access to the KME as the UE's SAE (YAML)")
    .requiredOption('--out <file>', 'the file to make')
    .option('--number <n>', 'how many keys', positiveInteger, 1000)
    .action(async (options: ProvisionOptions) =>
      done(await (await import('./keys-provision.ts')).provisionKeys(options)),
    );
  addKeyBooks(keys, done);
}

const nodeConfig = () =>
  new Option('-c, --config <file>', 'configuration file of the N3IWF (YAML)').makeOptionMandatory();

/** Commands that read the books, beside a running node or without one. */
function addKeyBooks(keys: Command, done: Done): void {
  keys
    .command('status')
    .description('keys by state, waiting keys by pair, epochs, length of the audit record')
    .addOption(nodeConfig())
    .action(async (options: BooksOptions) =>
      done(await (await import('./keys-books.ts')).keysStatus(options)),
    );
  keys
    .command('list')
    .description('what the books say of each key, one JSON object a line; never the key')
    .addOption(nodeConfig())
    .option('--state <state>', 'only keys in this state')
    .option('--peer <sae>', 'only keys shared with this SAE')
    .option('--limit <n>', 'at most so many', positiveInteger, 100)
    .action(async (options: ListOptions) => done(await (await import('./keys-books.ts')).listKeys(options)));
  keys
    .command('destroy-epoch')
    .description('destroy the key of an epoch, and with it every key that waits under it')
    .addOption(nodeConfig())
    .requiredOption('--epoch <name>', 'as `keys status` names it')
    .option('--reason <text>', 'for the audit record', 'by an operator')
    .action(async (options: EpochOptions) =>
      done(await (await import('./keys-books.ts')).destroyEpoch(options)),
    );
  addAudit(keys.command('audit').description('the audit record'), done);
}

/** Folders of segments may be several, where several nodes have cut the record of the store that they share. */
const archives = () =>
  new Option('--archive <folder...>', 'segments; those of the configuration when left out');

function addAudit(audit: Command, done: Done): void {
  audit
    .command('verify')
    .description(
      'find edits, deletions, swaps, and what a signed checkpoint shows to be cut off or rewritten',
    )
    .addOption(nodeConfig())
    .option('--checkpoints <file>', 'those of the configuration when left out')
    .option('--public-key <file>', 'PEM; that of the configuration when left out')
    .addOption(archives())
    .action(async (options: VerifyOptions) =>
      done(await (await import('./keys-books.ts')).verifyRecord(options)),
    );
  audit
    .command('find')
    .description('every event of one key, also where the record hides key IDs')
    .addOption(nodeConfig())
    .requiredOption('--key <id>', 'its key ID')
    .addOption(archives())
    .action(async (options: FindOptions) => done(await (await import('./keys-books.ts')).findKey(options)));
}
