import type { TSchema } from '@sinclair/typebox';
import { configSchema } from '../config.ts';
import type { LeafOptions } from './leaf.ts';

/** One row of the schema: everything that help, documents and the readers of flags and variables need of it. */
export interface Setting {
  /** As in the config file, joined by dots: `hot.size`. */
  readonly path: string;
  /** With its dashes; absent when flags cannot hold it or must not. */
  readonly flag: string | undefined;
  /** Environment variable; absent for lists of groups. */
  readonly variable: string | undefined;
  readonly description: string;
  readonly placeholder: string;
  readonly secret: boolean;
  readonly default: unknown;
  readonly defaultText: string;
  /** Flags and variables hold its members separated by commas. */
  readonly isList: boolean;
  readonly schema: TSchema;
}

/** Where the value of one setting came from: `default`, `file …`, `environment …` or `flag …`. */
export interface Origin {
  readonly setting: Setting;
  /** As it was written. */
  readonly value: unknown;
  readonly from: string;
}

const kebab = (path: string): string =>
  path.replace(/\./g, '-').replace(/[A-Z]/g, (it) => `-${it.toLowerCase()}`);

const isGroup = (schema: TSchema): boolean => schema['type'] === 'object';

/** Members of a group, in the order of the schema. */
export const membersOf = (schema: TSchema): readonly (readonly [string, TSchema])[] =>
  Object.entries((schema['properties'] ?? {}) as Readonly<Record<string, TSchema>>);

function settingOf(path: string, schema: TSchema): Setting {
  const options = schema as Partial<LeafOptions>;
  const items = schema['items'] as TSchema | undefined;
  const isListOfGroups = items !== undefined && isGroup(items);
  const name = typeof options.flag === 'string' ? options.flag : kebab(path);
  return {
    path,
    flag: options.flag === false || isListOfGroups ? undefined : `--${name}`,
    variable: isListOfGroups ? undefined : `TERRACE_${name.replace(/-/g, '_').toUpperCase()}`,
    description: options.description ?? '',
    placeholder: options.placeholder ?? 'TEXT',
    secret: options.secret ?? false,
    default: options.default,
    defaultText: options.defaultText ?? show(options.default),
    isList: items !== undefined,
    schema,
  };
}

function* settingsOf(schema: TSchema, prefix: string): Generator<Setting> {
  for (const [name, member] of membersOf(schema)) {
    if (isGroup(member)) yield* settingsOf(member, `${prefix}${name}.`);
    else yield settingOf(`${prefix}${name}`, member);
  }
}

/** A value as it would stand in a flag: lists with commas, lists of groups as JSON. */
export function show(value: unknown): string {
  if (value === undefined) return '';
  if (typeof value === 'string') return value;
  const isPlainList = Array.isArray(value) && value.every((it) => typeof it === 'string');
  return isPlainList ? value.join(',') : JSON.stringify(value);
}

/** Every setting there is, in the order of the schema. */
export const settings: readonly Setting[] = [...settingsOf(configSchema, '')];
