import { Type, type StaticDecode, type TSchema, type TString, type TTransform } from '@sinclair/typebox';
import { SLEEP_MS_MAX } from '../limits.ts';
import { parseAddress, type Address } from './address.ts';
import { formatErasureCode, parseErasureCode, type ErasureCode } from './erasure-code.ts';
import { formatQuantity, parseDuration, parseQuantity } from './quantity.ts';
import { UsageError } from './usage-error.ts';

/** What a setting says of itself beside its JSON schema. */
export interface LeafOptions {
  readonly description: string;
  /** As it is written in the config file. */
  readonly default?: unknown;
  /** What stands for the value in help, e.g. `HOST:PORT`. */
  readonly placeholder?: string;
  /** Name of the flag without dashes where it is not the path; `false`: no flag, because `ps` shows flags. */
  readonly flag?: string | false;
  /** The value is never shown nor logged. */
  readonly secret?: true;
  /** What stands for the default in help when it depends on another setting. */
  readonly defaultText?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly pattern?: string;
  /** What to write, for a value that does not match the pattern. */
  readonly example?: string;
}

/** A setting written as text and read by `parse`, which throws UsageError with a sentence of its own. */
const parsed = <Value>(options: LeafOptions, parse: (text: string) => Value): TTransform<TString, Value> =>
  Type.Transform(Type.String(options))
    .Decode(parse)
    .Encode((value) => String(value));

export const text = (options: LeafOptions): TString => Type.String(options);

export const address = (options: LeafOptions): TTransform<TString, Address> =>
  parsed({ placeholder: 'HOST:PORT', ...options }, parseAddress);

/** Decodes to milliseconds, as many as a timer takes: 0 would be no bound at all. */
export const duration = (options: LeafOptions): TTransform<TString, number> =>
  parsed({ placeholder: 'DURATION', ...options }, (written) => {
    const ms = parseDuration(written);
    if (ms < 1 || ms > SLEEP_MS_MAX) throw new UsageError(`"${written}" is out of range: write 1ms to 24d`);
    return ms;
  });

/** Decodes to a whole number of seconds. */
export const seconds = (options: LeafOptions): TTransform<TString, number> =>
  parsed({ placeholder: 'SECONDS', ...options }, (written) => {
    const count = /^\d{1,9}$/.test(written) ? Number(written) : 0;
    if (count < 1 || count > SLEEP_MS_MAX / 1000)
      throw new UsageError(
        `"${written}" is no number of seconds: write 1 to ${Math.floor(SLEEP_MS_MAX / 1000)}`,
      );
    return count;
  });

/** Decodes to a whole number of things. */
export const count = (options: LeafOptions): TTransform<TString, number> =>
  parsed({ placeholder: 'COUNT', ...options }, (written) => {
    const number = /^\d{1,7}$/.test(written) ? Number(written) : 0;
    if (number < 1) throw new UsageError(`"${written}" is no count: write 1 to 9999999`);
    return number;
  });

/** Decodes to bytes. */
export const bytes = (options: LeafOptions): TTransform<TString, number> =>
  parsed({ placeholder: 'BYTES', ...options }, parseQuantity);

/** Decodes to `bytesMin` or more; `reason`: what has no room in less. */
export const bytesFrom = (
  bytesMin: number,
  reason: string,
  options: LeafOptions,
): TTransform<TString, number> =>
  parsed({ placeholder: 'BYTES', ...options }, (written) => {
    const given = parseQuantity(written);
    if (given >= bytesMin) return given;
    throw new UsageError(
      `"${written}" is too little for ${reason}: write ${formatQuantity(bytesMin)} or more`,
    );
  });

/** Decodes to bytes, or stays `auto`. */
export const bytesOrAuto = (options: LeafOptions): TTransform<TString, number | 'auto'> =>
  parsed({ placeholder: 'BYTES', ...options }, (written) =>
    written === 'auto' ? written : parseQuantity(written),
  );

/** Decodes to the numbers of shards. */
export const erasureCode = (options: LeafOptions): TTransform<TString, ErasureCode> =>
  Type.Transform(Type.String({ placeholder: 'K+M', ...options }))
    .Decode(parseErasureCode)
    .Encode(formatErasureCode);

/** The same, or `none`: one shard with data and no other. */
export const erasureCodeOrNone = (options: LeafOptions): TTransform<TString, ErasureCode> =>
  Type.Transform(Type.String({ placeholder: 'K+M', ...options }))
    .Decode((written) => (written === 'none' ? { data: 1, parity: 0 } : parseErasureCode(written)))
    .Encode(formatErasureCode);

/** Decodes to a boolean. */
export const trueOrFalse = (options: LeafOptions): TTransform<TString, boolean> =>
  Type.Transform(Type.String({ ...options, enum: ['true', 'false'], placeholder: 'true|false' }))
    .Decode((written) => written === 'true')
    .Encode((value) => String(value));

/** One of a few words. */
export const choice = <const Words extends readonly string[]>(
  words: Words,
  options: LeafOptions,
): ReturnType<typeof Type.Unsafe<Words[number]>> =>
  Type.Unsafe<Words[number]>({ ...options, type: 'string', enum: words, placeholder: words.join('|') });

/** A group of settings; unknown members are mistakes. */
export const group = <Members extends Record<string, TSchema>>(
  members: Members,
): ReturnType<typeof Type.Object<Members>> => Type.Object(members, { additionalProperties: false });

export type Decoded<Schema extends TSchema> = StaticDecode<Schema>;
