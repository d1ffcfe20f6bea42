import { columns } from '../config/render.ts';
import type { Command } from './command.ts';

/** `terrace --help`. */
export function renderHelp(commands: readonly Command[]): readonly string[] {
  return [
    'Terrace serves one tree of data through S3 and NFSv3.',
    '',
    'Usage: terrace COMMAND [FLAGS]',
    '',
    ...columns(commands.map(({ name, summary }) => [`  ${name}`, summary])),
    '',
    'terrace COMMAND --help explains a command. To begin: terrace serve',
  ];
}

/** `terrace COMMAND --help`. */
export function renderCommandHelp({
  name,
  operands = [],
  summary,
  flags,
  notes,
}: Command): readonly string[] {
  const rows = flags.map((flag) => [`  ${flag.name} ${flag.placeholder ?? ''}`.trimEnd(), flag.description]);
  return [
    `Usage: ${['terrace', name, ...operands].join(' ')}${flags.length > 0 ? ' [FLAGS]' : ''}`,
    '',
    summary,
    ...(flags.length > 0 ? ['', ...columns(rows)] : []),
    ...(notes.length > 0 ? ['', ...notes] : []),
  ];
}
