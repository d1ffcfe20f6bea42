import { didYouMean } from '../config/suggest.ts';
import { UsageError } from '../config/usage-error.ts';
import { parseFlags } from './arguments.ts';
import type { Cli, Command } from './command.ts';
import { sentenceOf } from './failure.ts';
import { renderCommandHelp, renderHelp } from './help.ts';
import { serve } from './serve.ts';
import { status } from './status.ts';

const help: Command = {
  name: 'help',
  summary: 'Explains the program.',
  flags: [],
  notes: [],
  async run(cli) {
    for (const line of renderHelp(commands)) cli.out(line);
    return 0;
  },
};

const version: Command = {
  name: 'version',
  summary: 'Prints the version.',
  flags: [],
  notes: [],
  async run(cli) {
    cli.out(cli.version);
    return 0;
  },
};

/** Everything that the program can do. */
export const commands: readonly Command[] = [serve, status, help, version];

/** What people type for help and version. */
const aliases: Readonly<Record<string, string>> = {
  '--help': 'help',
  '-h': 'help',
  '--version': 'version',
  '-v': 'version',
};
const helpFlags = ['--help', '-h'];

/** Runs one command line; resolves to the exit code: 0 done, 1 failed, 2 not understood. */
export async function runCli(cli: Cli, args: readonly string[]): Promise<number> {
  try {
    const [word = 'help', ...rest] = args;
    const name = aliases[word] ?? word;
    const command = commands.find((it) => it.name === name);
    if (command === undefined) throw new UsageError(unknownSentence(word));
    if (rest.some((it) => helpFlags.includes(it))) {
      for (const line of renderCommandHelp(command)) cli.out(line);
      return 0;
    }
    return await command.run(cli, parseFlags(command, rest));
  } catch (failure) {
    cli.error(sentenceOf(failure));
    return failure instanceof UsageError ? 2 : 1;
  }
}

function unknownSentence(word: string): string {
  const names = commands.map(({ name }) => name);
  const suggestion = didYouMean(word, names);
  return `There is no command "${word}"${suggestion === '' ? `: the commands are ${names.join(', ')}` : suggestion}`;
}
