import { RootCommand, ShellCompDirective } from '@bomb.sh/tab';
import { Argument, type Command, type Option } from 'commander';
import { print } from './program/io.ts';
import type { AddCommand } from './program/session.ts';

const shells = ['bash', 'zsh', 'fish'] as const;

/** completion: a script for a shell, which calls `complete` at each press of the tab key. */
export const completionCommands: AddCommand = (program, session) => {
  const { io } = session;
  program
    .command('completion')
    .description('Print the script that completes commands and options in a shell')
    .addArgument(new Argument('<shell>', 'the shell').choices(shells))
    .addHelpText(
      'after',
      `
  It calls the program by its name, so watchpost has to be on the PATH ("npm link" puts it there).
    bash   echo 'source <(watchpost completion bash)' >> ~/.bashrc   with the package bash-completion
    zsh    echo 'source <(watchpost completion zsh)' >> ~/.zshrc     after compinit
    fish   watchpost completion fish > ~/.config/fish/completions/watchpost.fish`,
    )
    // The library writes it to the process's stdout itself.
    .action((shell: (typeof shells)[number]) => new RootCommand().setup('watchpost', 'watchpost', shell));
  program
    .command('complete', { hidden: true })
    .description('Print what the last of some words may become; called by the script of completion')
    .argument('[words...]', 'the words so far, after --')
    .action((words: string[]) => print(io, suggestionsFor(program, words)));
};

const { ShellCompDirectiveDefault: orFiles, ShellCompDirectiveNoFileComp: noFiles } = ShellCompDirective;

/**
 * What the last word may become, in the form that the scripts read: a line for each with its description, then whether files
 * are completed where nothing fits.
 */
const suggestionsFor = (program: Command, words: readonly string[]): string => {
  const current = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  let command = program;
  for (const word of before) command = subcommands(command).find((one) => one.name() === word) ?? command;
  const option = command.options.find(({ long, short }) => [long, short].includes(before.at(-1)));

  const { found, directive } = candidates(command, option, current);
  const fitting = found.filter(([value]) => value.startsWith(current));
  return [...fitting.map(([value, description]) => `${value}\t${description}`), `:${directive}`].join('\n');
};

/** What may follow, with descriptions. */
const candidates = (
  command: Command,
  option: Option | undefined,
  current: string,
): { found: readonly (readonly [string, string])[]; directive: number } => {
  if (option && (option.required || option.optional)) return choices(option.argChoices);
  if (current.startsWith('-')) {
    const options = command.createHelp().visibleOptions(command);
    return { found: options.map((one) => [one.long ?? one.flags, one.description]), directive: noFiles };
  }
  const below = subcommands(command);
  if (below.length > 0)
    return { found: below.map((one) => [one.name(), one.description()]), directive: noFiles };
  return choices(command.registeredArguments.find(({ argChoices }) => argChoices)?.argChoices);
};

/** Where there are no choices a file may be meant. */
const choices = (values: readonly string[] | undefined) => ({
  found: (values ?? []).map((value) => [value, ''] as const),
  directive: values ? noFiles : orFiles,
});

const subcommands = (command: Command): readonly Command[] => command.createHelp().visibleCommands(command);
