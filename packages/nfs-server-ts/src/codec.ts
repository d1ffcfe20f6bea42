import assert from 'node:assert/strict';
import { XdrError, type XdrReader, type XdrWriter } from './xdr.ts';

/** What a codec reads and writes, as plain data: fuzzers and property tests make values from it. */
export type Shape =
  | { readonly kind: 'void' | 'bool' | 'u32' | 'u64' | 'pieces' }
  | { readonly kind: 'opaque' | 'fixed'; readonly length: number }
  | { readonly kind: 'enumeration'; readonly names: readonly string[] }
  | { readonly kind: 'optional' | 'list'; readonly of: Shape }
  | { readonly kind: 'struct'; readonly members: Readonly<Record<string, Shape>> }
  | { readonly kind: 'union'; readonly tag: string; readonly arms: Readonly<Record<string, Shape>> };

/** One XDR type (RFC 4506): how to read it and how to write it. */
export interface Codec<T> {
  readonly shape: Shape;
  read(reader: XdrReader): T;
  write(writer: XdrWriter, value: T): void;
}
export type Decoded<C> = C extends Codec<infer T> ? T : never;

/** No bytes at all. */
export const nothing: Codec<Record<never, never>> = {
  shape: { kind: 'void' },
  read: () => ({}),
  write: () => undefined,
};

export const u32: Codec<number> = {
  shape: { kind: 'u32' },
  read: (reader) => reader.u32(),
  write(writer, value) {
    assert(value >>> 0 === value, 'not an unsigned 32-bit integer');
    writer.u32(value);
  },
};

/** Numbers up to 2^53-1; what is larger is read as 2^53-1 and noted in `XdrReader.clamped`. */
export const u64: Codec<number> = {
  shape: { kind: 'u64' },
  read: (reader) => reader.u64(),
  write(writer, value) {
    assert(Number.isSafeInteger(value) && value >= 0, 'not a safe integer >= 0');
    writer.u64(value);
  },
};

export const bool: Codec<boolean> = {
  shape: { kind: 'bool' },
  read(reader) {
    const value = reader.u32();
    if (value > 1) throw new XdrError(`bool of ${value}`);
    return value === 1;
  },
  write: (writer, value) => writer.u32(value ? 1 : 0),
};

/** opaque<lengthMax> and string<lengthMax>. Reading gives a view: valid as long as the request's bytes are. */
export const opaque = (lengthMax: number): Codec<Uint8Array> => ({
  shape: { kind: 'opaque', length: lengthMax },
  read: (reader) => reader.opaque(lengthMax),
  write(writer, value) {
    assert(value.length <= lengthMax, 'opaque data too long');
    writer.opaque(value);
  },
});

/** opaque[length]. */
export const fixed = (length: number): Codec<Uint8Array> => ({
  shape: { kind: 'fixed', length },
  read: (reader) => reader.fixed(length),
  write(writer, value) {
    assert(value.length === length, 'opaque data of the wrong length');
    writer.fixed(value);
  },
});

/** opaque<> of file content in pieces, which are sent where they lie. Reading gives one piece. */
export const pieces: Codec<readonly Uint8Array[]> = {
  shape: { kind: 'pieces' },
  read: (reader) => [reader.opaque(0xffff_ffff)],
  write: (writer, value) => writer.opaqueParts(value),
};

/** Names verbatim from the specification, with their numbers. */
export function enumeration<Name extends string>(numbers: Readonly<Record<Name, number>>): Codec<Name> {
  const names = Object.keys(numbers) as Name[];
  const byNumber = new Map(names.map((name) => [numbers[name], name]));
  return {
    shape: { kind: 'enumeration', names },
    read(reader) {
      const number = reader.u32();
      const name = byNumber.get(number);
      if (name === undefined) throw new XdrError(`no such enumerator: ${number}`);
      return name;
    },
    write(writer, value) {
      const number = numbers[value];
      assert(number !== undefined, 'no such enumerator');
      writer.u32(number);
    },
  };
}

export const optional = <T>(codec: Codec<T>): Codec<T | undefined> => ({
  shape: { kind: 'optional', of: codec.shape },
  read: (reader) => (bool.read(reader) ? codec.read(reader) : undefined),
  write(writer, value) {
    if (value === undefined) writer.u32(0);
    else {
      writer.u32(1);
      codec.write(writer, value);
    }
  },
});

/** A linked list (RFC 4506 §4.19), each element behind a word that says that it follows. Bounded by the message's length. */
export const list = <T>(codec: Codec<T>): Codec<readonly T[]> => ({
  shape: { kind: 'list', of: codec.shape },
  read(reader) {
    const elements: T[] = [];
    while (bool.read(reader)) elements.push(codec.read(reader));
    return elements;
  },
  write(writer, value) {
    for (const element of value) {
      writer.u32(1);
      codec.write(writer, element);
    }
    writer.u32(0);
  },
});

/** `T<>` with a count in front. Bounded by the message's length, since no element is empty. */
export const array = <T>(codec: Codec<T>, countMax: number): Codec<readonly T[]> => ({
  shape: { kind: 'list', of: codec.shape },
  read(reader) {
    const count = reader.u32();
    if (count > countMax) throw new XdrError(`array<${countMax}> of ${count}`);
    const elements: T[] = [];
    for (let index = 0; index < count; index++) elements.push(codec.read(reader));
    return elements;
  },
  write(writer, value) {
    assert(value.length <= countMax, 'array too long');
    writer.u32(value.length);
    for (const element of value) codec.write(writer, element);
  },
});

/** Members travel in the order in which they are written down. */
export function struct<T extends object>(members: {
  readonly [Member in keyof T]: Codec<T[Member]>;
}): Codec<T> {
  const entries = Object.entries(members) as unknown as readonly [string, Codec<unknown>][];
  return {
    shape: {
      kind: 'struct',
      members: Object.fromEntries(entries.map(([name, codec]) => [name, codec.shape])),
    },
    read(reader) {
      const value: Record<string, unknown> = {};
      for (const [name, codec] of entries) value[name] = codec.read(reader);
      return value as T;
    },
    write(writer, value) {
      for (const [name, codec] of entries) codec.write(writer, (value as Record<string, unknown>)[name]);
    },
  };
}

type UnionOf<Tag extends string, A> = {
  [Name in keyof A & string]: { readonly [T in Tag]: Name } & Decoded<A[Name]>;
}[keyof A & string];

/** A discriminated union: `tag` names the member that holds the discriminant, each arm is a struct beside it. */
export function union<Tag extends string, Name extends string, A extends { readonly [N in Name]: unknown }>(
  tag: Tag,
  discriminant: Codec<Name>,
  armsTyped: A,
): Codec<UnionOf<Tag, A>> {
  const arms = armsTyped as unknown as Readonly<Record<Name, Codec<object>>>;
  const names = Object.keys(arms) as Name[];
  return {
    shape: {
      kind: 'union',
      tag,
      arms: Object.fromEntries(names.map((name) => [name, arms[name].shape])),
    },
    read(reader) {
      const name = discriminant.read(reader);
      return { [tag]: name, ...arms[name].read(reader) } as UnionOf<Tag, A>;
    },
    write(writer, value) {
      const name = (value as Record<string, unknown>)[tag] as Name;
      discriminant.write(writer, name);
      arms[name].write(writer, value);
    },
  };
}
