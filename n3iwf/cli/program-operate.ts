/** The commands for a running node, as the command line declares them. */
import { Argument, type Command, Option } from 'commander';
import { OperatorError } from '../errors.ts';
import { completionScript, type Shell, shells } from './completion.ts';
import type { OperateOptions, OperationName } from './operate.ts';
import type { TopOptions } from './top.ts';
import type { TraceOptions } from './trace.ts';

/** Takes the exit status of the command. */
type Done = (status: number) => void;

/** Options of every command that asks a running node. */
const askOptions = () => [
  new Option('-s, --socket <path>', 'control socket of the node; that of the configuration or the usual one'),
  new Option('-c, --config <file>', 'configuration of the node, which names its socket'),
  new Option('--json', 'print the values as JSON'),
];

const commands: readonly {
  readonly name: Exclude<OperationName, 'keys' | 'ue'>;
  readonly description: string;
  readonly ue?: true;
  readonly reason?: true;
}[] = [
  { name: 'status', description: 'the running node: AMFs, UEs, keys, alarms' },
  { name: 'ues', description: 'its UEs' },
  { name: 'sessions', description: 'PDU sessions of all UEs, with tunnels and flows' },
  { name: 'release', description: 'release a UE, towards the AMF and the UE', ue: true, reason: true },
  { name: 'rekey', description: 'give each SA of a UE fresh keys', ue: true },
  { name: 'drain', description: 'take no more UEs, release those that are there, and end', reason: true },
];

/** Gives a command the options that all of these have. */
function withOptions(command: Command): Command {
  for (const option of askOptions()) command.addOption(option);
  return command;
}

const ueWords = 'SUPI, another name as `n3iwf ues` shows it, or #number';

const run = async (name: OperationName, words: readonly string[], options: OperateOptions) =>
  await (await import('./operate.ts')).operate(name, words, options);

/** Adds them to the program. */
export function addOperate(program: Command, done: Done): void {
  for (const { name, description, ue, reason } of commands) {
    const command = withOptions(program.command(name).description(description));
    if (ue === true) command.argument('<ue>', ueWords);
    if (reason === true) command.option('--reason <text>', 'for the log of the node');
    command.action(async (...given: unknown[]) => {
      const words = ue === true ? [String(given[0])] : [];
      done(await run(name, words, given[words.length] as OperateOptions));
    });
  }
  addUe(program, done);
  withOptions(program.command('top').description('a live view of the running node; q ends it'))
    .option('--interval <s>', 'seconds between two looks', (text) => Math.max(0.2, Number(text) || 1), 1)
    .option('--once', 'one look, and out')
    .action(async (options: TopOptions) => done(await (await import('./top.ts')).top(options)));
  withOptions(program.command('trace'))
    .description('what crosses the node for one UE, as a pcap file; an interrupt ends it')
    .argument('<ue>', ueWords)
    .requiredOption('--pcap <file>', 'the file to make')
    .option('--seconds <s>', 'how long', Number, 60)
    .option('--octets <n>', 'how much at most', Number, 8_000_000)
    .action(async (ue: string, options: TraceOptions) =>
      done(await (await import('./trace.ts')).trace(ue, options)),
    );
  program
    .command('completion')
    .description('a script that completes commands: source <(n3iwf completion bash)')
    .addArgument(new Argument('<shell>').choices(shells))
    .action((shell: Shell) => void process.stdout.write(completionScript(program, shell)));
}

/** `ue SUPI` shows a UE of the running node; `ue -c FILE` is a simulated one. */
function addUe(program: Command, done: Done): void {
  withOptions(program.command('ue'))
    .description(
      'with a SUPI: that UE of the running node, its SAs and keys; else the UE simulator by its -c FILE',
    )
    .argument('[ue]', ueWords)
    .action(async (name: string | undefined, options: OperateOptions) => {
      if (name !== undefined) done(await run('ue', [name], options));
      else if (options.config !== undefined) done(await (await import('./ue.ts')).runUe(options.config));
      else
        throw new OperatorError('N3IWF_E_CONFIG', 'ue: needs the SUPI of a UE, or -c FILE of the simulator');
    });
}

/** What `n3iwf keys` without a further word does. */
export function addLiveKeys(keys: Command, done: Done): void {
  withOptions(keys).action(async (options: OperateOptions) => done(await run('keys', [], options)));
}
