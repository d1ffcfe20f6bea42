import { didYouMean } from '../config/suggest.ts';
import { UsageError } from '../config/usage-error.ts';
import type { Command } from './command.ts';

/** Flags by name; one without a value has an empty text. `--name value` and `--name=value` are the same. */
export function parseFlags(command: Command, args: readonly string[]): ReadonlyMap<string, string> {
  const flags = new Map<string, string>();
  for (let index = 0; index < args.length; index++) {
    const [name = '', ...rest] = (args[index] ?? '').split('=');
    const inline = rest.length === 0 ? undefined : rest.join('=');
    const flag = command.flags.find((it) => it.name === name);
    if (flag === undefined) throw new UsageError(unknownSentence(command, name));
    if (flags.has(name)) throw new UsageError(`${name} is given twice: give it once`);
    if (flag.placeholder === undefined) {
      if (inline !== undefined) throw new UsageError(`${name} takes no value: write it alone`);
      flags.set(name, '');
      continue;
    }
    const next = inline ?? args[++index];
    if (next === undefined || (inline === undefined && next.startsWith('--'))) {
      throw new UsageError(`${name} needs a value: write ${name} ${flag.placeholder}`);
    }
    flags.set(name, next);
  }
  return flags;
}

function unknownSentence({ name, flags }: Command, given: string): string {
  if (!given.startsWith('-')) return `terrace ${name} takes only flags, and "${given}" is none`;
  const suggestion = didYouMean(
    given,
    flags.map((flag) => flag.name),
  );
  return `terrace ${name} has no flag ${given}${suggestion === '' ? `: see terrace ${name} --help` : suggestion}`;
}
