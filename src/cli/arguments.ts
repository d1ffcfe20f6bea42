import { didYouMean } from '../config/suggest.ts';
import { UsageError } from '../config/usage-error.ts';
import type { Command } from './command.ts';

export interface Arguments {
  /** By name; one without a value has an empty text. */
  readonly flags: ReadonlyMap<string, string>;
  /** As many as the command has. */
  readonly operands: readonly string[];
}

/** Flags and operands in any order. `--name value` and `--name=value` are the same. */
export function parseArguments(command: Command, args: readonly string[]): Arguments {
  const flags = new Map<string, string>();
  const operands: string[] = [];
  const wanted = command.operands ?? [];
  for (let index = 0; index < args.length; index++) {
    const [name = '', ...rest] = (args[index] ?? '').split('=');
    const inline = rest.length === 0 ? undefined : rest.join('=');
    if (!name.startsWith('-') && operands.length < wanted.length) {
      operands.push(args[index] ?? '');
      continue;
    }
    const flag = command.flags.find((it) => it.name === name);
    if (flag === undefined) throw new UsageError(unknownSentence(command, name));
    const before = flags.get(name);
    if (before !== undefined && flag.isList !== true) {
      throw new UsageError(`${name} is given twice: give it once`);
    }
    if (flag.placeholder === undefined) {
      if (inline !== undefined) throw new UsageError(`${name} takes no value: write it alone`);
      flags.set(name, '');
      continue;
    }
    const next = inline ?? args[++index];
    if (next === undefined || (inline === undefined && next.startsWith('--'))) {
      throw new UsageError(`${name} needs a value: write ${name} ${flag.placeholder}`);
    }
    flags.set(name, before === undefined ? next : `${before},${next}`);
  }
  const missing = wanted[operands.length];
  if (missing !== undefined)
    throw new UsageError(`terrace ${command.name} needs ${missing}: see terrace ${command.name} --help`);
  return { flags, operands };
}

function unknownSentence({ name, flags, operands = [] }: Command, given: string): string {
  if (!given.startsWith('-')) {
    const what = operands.length === 0 ? 'only flags' : `${operands.join(' ')} and flags`;
    return `terrace ${name} takes ${what}, and "${given}" is none`;
  }
  const suggestion = didYouMean(
    given,
    flags.map((flag) => flag.name),
  );
  return `terrace ${name} has no flag ${given}${suggestion === '' ? `: see terrace ${name} --help` : suggestion}`;
}
