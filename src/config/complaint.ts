import type { TSchema } from '@sinclair/typebox';
import type { ErrorObject } from 'ajv';
import { membersOf, type Origin } from './settings.ts';
import { didYouMean } from './suggest.ts';

/** One sentence for what the validator complains about: where it was set, and what to write. */
export function sentenceOf(
  { keyword, instancePath, params, parentSchema, message }: ErrorObject,
  origins: readonly Origin[],
  fileName: string | undefined,
): string {
  const subject = subjectOf(instancePath, origins, fileName);
  const known = parentSchema === undefined ? [] : membersOf(parentSchema as TSchema).map(([name]) => name);
  const given = params as Readonly<Record<string, unknown>>;
  if (keyword === 'additionalProperties') {
    const name = String(given['additionalProperty']);
    const where = instancePath === '' ? '' : ` of ${instancePath.slice(1).replace(/\//g, '.')}`;
    return `${fileName ?? ''}: there is no setting "${name}"${where}${didYouMean(name, known)}`;
  }
  if (keyword === 'enum')
    return `${subject}: write one of ${(given['allowedValues'] as string[]).join(', ')}`;
  if (keyword === 'required') return `${subject}: ${String(given['missingProperty'])} is missing`;
  if (keyword === 'type' && known.length > 0)
    return `${subject}: this is a group with the settings ${known.join(', ')}`;
  if (keyword === 'type') return `${subject}: write ${kinds[String(given['type'])] ?? String(given['type'])}`;
  const { example } = (parentSchema ?? {}) as { readonly example?: string };
  if (keyword === 'pattern' && example !== undefined) return `${subject}: write ${example}`;
  return `${subject}: the value ${message ?? 'is not right'}`;
}

/** What the user sees instead of a JSON pointer: the flag, the variable or the place in the file. */
function subjectOf(pointer: string, origins: readonly Origin[], fileName: string | undefined): string {
  const dotted = pointer.slice(1).replace(/\//g, '.');
  const origin = origins.find(({ setting }) => `${dotted}.`.startsWith(`${setting.path}.`));
  if (origin === undefined) return `${dotted} in ${fileName ?? ''}`;
  if (/^(flag|environment) /.test(origin.from)) return origin.from.replace(/^\S+ /, '');
  return `${dotted}${origin.from === 'default' ? '' : ` in ${fileName ?? ''}`}`;
}

const kinds: Readonly<Record<string, string>> = {
  array: 'a list, for example [one, two]',
  integer: 'a whole number',
  string: 'a text',
};
