import { didYouMean } from '../config/suggest.ts';
import { UsageError } from '../config/usage-error.ts';
import { parseArguments } from './arguments.ts';
import { audit } from './audit.ts';
import type { Cli, Command } from './command.ts';
import { coldCommands } from './cold.ts';
import { sentenceOf } from './failure.ts';
import { renderCommandHelp, renderHelp } from './help.ts';
import { jobCommands } from './jobs.ts';
import { exportCommands } from './export.ts';
import { keyCommands } from './key.ts';
import { quotaCommands } from './quota.ts';
import { lockCommands } from './locks.ts';
import { recover } from './recover.ts';
import { roleCommands } from './role.ts';
import { scrub } from './scrub.ts';
import { serve } from './serve.ts';
import { status } from './status.ts';
import { storagePolicyCommands } from './storage-policy.ts';
import { tierCommands } from './tier.ts';
import { userPolicyCommands } from './user-policy.ts';
import { userCommands } from './user.ts';
import { warmCommands } from './warm.ts';
import { warmErase } from './warm-erase.ts';

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
export const commands: readonly Command[] = [
  serve,
  status,
  audit,
  ...jobCommands,
  ...exportCommands,
  ...keyCommands,
  ...lockCommands,
  ...userCommands,
  ...userPolicyCommands,
  ...roleCommands,
  ...quotaCommands,
  ...tierCommands,
  ...storagePolicyCommands,
  scrub,
  ...warmCommands,
  warmErase,
  ...coldCommands,
  recover,
  help,
  version,
];

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
    const [word = 'help', ...more] = args;
    const words = [aliases[word] ?? word, ...more];
    const command = commandOf(words);
    if (command === undefined) throw new UsageError(unknownSentence(words));
    const rest = words.slice(command.name.split(' ').length);
    if (rest.some((it) => helpFlags.includes(it))) {
      for (const line of renderCommandHelp(command)) cli.out(line);
      return 0;
    }
    const { flags, operands } = parseArguments(command, rest);
    return await command.run(cli, flags, operands);
  } catch (failure) {
    cli.error(sentenceOf(failure));
    return failure instanceof UsageError ? 2 : 1;
  }
}

/** The command whose name the words begin with. */
const commandOf = (words: readonly string[]): Command | undefined =>
  commands.find(({ name }) => name.split(' ').every((word, index) => word === words[index]));

function unknownSentence([word = '', ...more]: readonly string[]): string {
  const names = commands.map(({ name }) => name);
  const family = names.filter((name) => name.startsWith(`${word} `));
  if (family.length > 0) return `terrace ${word} is part of a command: the commands are ${family.join(', ')}`;
  const given = [word, ...more.filter((it) => !it.startsWith('-'))];
  const suggestion = didYouMean(word, names) || didYouMean(given.join(' '), names);
  return `There is no command "${word}"${suggestion === '' ? `: the commands are ${names.join(', ')}` : suggestion}`;
}
