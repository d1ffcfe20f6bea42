import assert from 'node:assert/strict';
import type { Time } from './environment.ts';

const SEVEN_BITS = 0x80;

/** Where a record is written before its length is known; the next writer takes it again. */
const SCRATCH_BYTES = 4096;

/** Node's own, which work on any `Uint8Array` without a Buffer around it. */
const { hexSlice, utf8Slice, utf8Write } = Buffer.prototype as unknown as {
  readonly hexSlice: (this: Uint8Array, start: number, end: number) => string;
  readonly utf8Slice: (this: Uint8Array, start: number, end: number) => string;
  /** How many bytes it wrote. */
  readonly utf8Write: (this: Uint8Array, text: string, offset: number, length: number) => number;
};
let idle: Uint8Array | undefined;

/** Writes a record: numbers as LEB128 (below 2^53), byte strings with their length before them. Grows as needed. */
export class RecordWriter {
  #bytes: Uint8Array;
  #length = 0;

  constructor() {
    this.#bytes = idle ?? new Uint8Array(SCRATCH_BYTES);
    idle = undefined;
  }

  #room(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + bytes));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }

  number(value: number): this {
    if (!Number.isSafeInteger(value) || value < 0) assert.fail('not a whole number below 2^53');
    this.#room(8);
    const bytes = this.#bytes;
    let rest = value;
    let at = this.#length;
    while (rest >= SEVEN_BITS) {
      bytes[at++] = (rest % SEVEN_BITS) | SEVEN_BITS;
      rest = Math.floor(rest / SEVEN_BITS);
    }
    bytes[at++] = rest;
    this.#length = at;
    return this;
  }

  /** A number of either sign (zigzag). Below 2^52 in size. */
  signed(value: number): this {
    return this.number(value < 0 ? -2 * value - 1 : 2 * value);
  }

  time({ seconds, nanoseconds }: Time): this {
    return this.signed(seconds).number(nanoseconds);
  }

  bytes(value: Uint8Array): this {
    this.number(value.length);
    this.#room(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  text(value: string): this {
    const length = Buffer.byteLength(value);
    this.number(length);
    this.#room(length);
    if (length > 0) this.#length += utf8Write.call(this.#bytes, value, this.#length, length);
    return this;
  }

  map(value: Readonly<Record<string, string>>): this {
    const names = Object.keys(value);
    this.number(names.length);
    for (const name of names) this.text(name).text(value[name] as string);
    return this;
  }

  list<T>(values: readonly T[], write: (value: T) => void): this {
    this.number(values.length);
    for (const value of values) write(value);
    return this;
  }

  /** The record, in memory of its own; the writer must not be used afterwards. */
  finish(): Uint8Array {
    const record = this.#bytes.slice(0, this.#length);
    if (this.#bytes.length === SCRATCH_BYTES) idle = this.#bytes;
    return record;
  }
}

/** Arrays up to this lie in V8's own heap, where a copy costs less than the memory that two views share. */
const COPIED_BYTES_MAX = 64;
const { slice } = Uint8Array.prototype as unknown as {
  readonly slice: (this: Uint8Array, start: number, end: number) => Uint8Array;
};
const NO_MEMBERS: Readonly<Record<string, string>> = Object.freeze({});

/** Reads what `RecordWriter` wrote; running over the end is an assertion: records are checked by the store below. */
export class RecordReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  number(): number {
    const bytes = this.#bytes;
    let at = this.#offset;
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = bytes[at++];
      if (byte === undefined) assert.fail('record ends within a number');
      if (byte < SEVEN_BITS) {
        value += byte * scale;
        break;
      }
      value += (byte - SEVEN_BITS) * scale;
      scale *= SEVEN_BITS;
    }
    if (!Number.isSafeInteger(value)) assert.fail('a number beyond 2^53');
    this.#offset = at;
    return value;
  }

  signed(): number {
    const value = this.number();
    return value % 2 === 1 ? -(value + 1) / 2 : value / 2;
  }

  time(): Time {
    return { seconds: this.signed(), nanoseconds: this.number() };
  }

  /** A view, or a copy where that costs less: valid as long as the record is. */
  bytes(): Uint8Array {
    const start = this.#string();
    const end = this.#offset;
    return end - start <= COPIED_BYTES_MAX
      ? slice.call(this.#bytes, start, end)
      : this.#bytes.subarray(start, end);
  }

  text(): string {
    const start = this.#string();
    return start === this.#offset ? '' : utf8Slice.call(this.#bytes, start, this.#offset);
  }

  /** A byte string as hexadecimal digits. */
  hex(): string {
    const start = this.#string();
    return hexSlice.call(this.#bytes, start, this.#offset);
  }

  /** Goes past a byte string, and says where it begins. */
  #string(): number {
    const length = this.number();
    const start = this.#offset;
    this.#offset = start + length;
    if (this.#offset > this.#bytes.length) assert.fail('record ends within a byte string');
    return start;
  }

  map(): Readonly<Record<string, string>> {
    if (this.#bytes[this.#offset] === 0) {
      this.#offset += 1;
      return NO_MEMBERS;
    }
    // Not by assignment: a member may be called `__proto__`.
    return Object.fromEntries(this.list(() => [this.text(), this.text()] as const));
  }

  list<T>(read: () => T): T[] {
    const values: T[] = [];
    for (let count = this.number(); count > 0; count -= 1) values.push(read());
    return values;
  }

  /** Whether there is another member: rows written before it was thought of end earlier. */
  hasMore(): boolean {
    return this.#offset < this.#bytes.length;
  }

  /** Call it last: a record with bytes behind its last member was written by something else. */
  end(): void {
    if (this.#offset !== this.#bytes.length) assert.fail('record has bytes behind its end');
  }
}

export interface TextRecord {
  readonly encode: (text: string) => Uint8Array;
  readonly decode: (bytes: Uint8Array) => string;
}

/** A record of one text behind a version: JSON, whose later members have their defaults in older rows. */
export const textRecord = (version: number, name: string): TextRecord => ({
  encode: (text) => new RecordWriter().number(version).text(text).finish(),
  decode(bytes) {
    const reader = new RecordReader(bytes);
    assert.equal(reader.number(), version, `${name} of an unknown version`);
    const text = reader.text();
    reader.end();
    return text;
  },
});

/** The text of all chunks, UTF-8; `undefined` when they have more than `bytesMax` bytes: then the rest is not read. */
export async function boundedText(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  bytesMax: number,
): Promise<string | undefined> {
  const read: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    length += chunk.length;
    if (length > bytesMax) return undefined;
    read.push(chunk);
  }
  return Buffer.concat(read, length).toString('utf8');
}
