import assert from 'node:assert/strict';
import type { Time } from './environment.ts';

const SEVEN_BITS = 0x80;

/** Writes a record: numbers as LEB128 (below 2^53), byte strings with their length before them. Grows as needed. */
export class RecordWriter {
  #bytes = Buffer.allocUnsafe(256);
  #length = 0;

  #room(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + bytes));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }

  number(value: number): this {
    assert(Number.isSafeInteger(value) && value >= 0);
    this.#room(8);
    let rest = value;
    while (rest >= SEVEN_BITS) {
      this.#bytes[this.#length++] = (rest % SEVEN_BITS) | SEVEN_BITS;
      rest = Math.floor(rest / SEVEN_BITS);
    }
    this.#bytes[this.#length++] = rest;
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
    return this.bytes(Buffer.from(value, 'utf8'));
  }

  map(value: Readonly<Record<string, string>>): this {
    const entries = Object.entries(value);
    this.number(entries.length);
    for (const [name, text] of entries) this.text(name).text(text);
    return this;
  }

  list<T>(values: readonly T[], write: (value: T) => void): this {
    this.number(values.length);
    for (const value of values) write(value);
    return this;
  }

  /** The record; the writer must not be used afterwards. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
}

/** Reads what `RecordWriter` wrote; running over the end is an assertion: records are checked by the store below. */
export class RecordReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  number(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.#bytes[this.#offset++];
      assert(byte !== undefined, 'record ends within a number');
      value += (byte % SEVEN_BITS) * scale;
      if (byte < SEVEN_BITS) break;
      scale *= SEVEN_BITS;
    }
    assert(Number.isSafeInteger(value));
    return value;
  }

  signed(): number {
    const value = this.number();
    return value % 2 === 1 ? -(value + 1) / 2 : value / 2;
  }

  time(): Time {
    return { seconds: this.signed(), nanoseconds: this.number() };
  }

  /** A view: valid as long as the record is. */
  bytes(): Uint8Array {
    const length = this.number();
    const end = this.#offset + length;
    assert(end <= this.#bytes.length, 'record ends within a byte string');
    const view = this.#bytes.subarray(this.#offset, end);
    this.#offset = end;
    return view;
  }

  text(): string {
    const bytes = this.bytes();
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
  }

  /** A byte string as hexadecimal digits. */
  hex(): string {
    const bytes = this.bytes();
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
  }

  map(): Record<string, string> {
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
    assert.equal(this.#offset, this.#bytes.length, 'record has bytes behind its end');
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
