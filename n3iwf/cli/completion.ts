/** `n3iwf completion`: scripts by which a shell completes commands, options and their choices, made from the program itself. */
import type { Command } from 'commander';

/** Shells for which there is a script. */
export const shells = ['bash', 'zsh'] as const;
/** One of these shells. */
export type Shell = (typeof shells)[number];

/** What may follow one command. */
interface Place {
  /** The command's words after `n3iwf`, empty for the program itself. */
  readonly path: string;
  readonly words: readonly string[];
  /** Values of options that have a choice of them. */
  readonly choices: Readonly<Record<string, readonly string[]>>;
}

/** Every command of the tree, the program itself first. */
function places(command: Command, path = ''): Place[] {
  const options = command.options.flatMap(({ short, long }) => [short, long].filter((word) => word != null));
  const choices = Object.fromEntries(
    command.options.flatMap(({ long, argChoices }) =>
      long == null || argChoices === undefined ? [] : [[long, argChoices]],
    ),
  );
  const argumentWords = command.registeredArguments.flatMap(({ argChoices = [] }) => argChoices);
  const words = [...command.commands.map((sub) => sub.name()), ...argumentWords, ...options, '--help'];
  const below = command.commands.flatMap((sub) => places(sub, `${path} ${sub.name()}`.trim()));
  return [{ path, words: [...new Set(words)], choices }, ...below];
}

/** Options after which a file or folder stands. */
const fileOptions = [
  '-c',
  '--config',
  '--socket',
  '--pcap',
  '--keylog',
  '--record',
  '-o',
  '--output',
  '--out',
];

function cases(all: readonly Place[]): string {
  const ofChoices = all.flatMap(({ path, choices }) =>
    Object.entries(choices).map(
      ([option, values]) =>
        `    "${path} ${option}") COMPREPLY=($(compgen -W "${values.join(' ')}" -- "$word")); return;;`,
    ),
  );
  const ofWords = all.map(({ path, words }) => `    "${path}") words="${words.join(' ')}";;`);
  return [
    '  case "$path $before" in',
    ...ofChoices,
    '  esac',
    '  case "$path" in',
    ...ofWords,
    '  esac',
  ].join('\n');
}

/** The function that both shells run: zsh by its emulation of bash's completion. */
function bashFunction(all: readonly Place[]): string {
  const paths = all.map(({ path }) => path).filter((path) => path !== '');
  return `_n3iwf() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" path="" words="" each
  for each in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "\${path:+$path }$each" in
      ${paths.map((path) => `"${path}"`).join('|')}) path="\${path:+$path }$each";;
    esac
  done
  case "$before" in ${fileOptions.join('|')}) COMPREPLY=($(compgen -f -- "$word")); return;; esac
${cases(all)}
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}`;
}

/** The script for a shell, to be sourced: `source <(n3iwf completion bash)`. */
export function completionScript(program: Command, shell: Shell): string {
  const head = shell === 'zsh' ? 'autoload -U +X bashcompinit && bashcompinit\n' : '';
  return `${head}${bashFunction(places(program))}\ncomplete -o filenames -F _n3iwf n3iwf\n`;
}
