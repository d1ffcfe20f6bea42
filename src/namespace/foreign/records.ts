import assert from 'node:assert/strict';
import { RecordReader, RecordWriter } from '../../codec.ts';
import type { BindingId } from '../../tiering/foreign/foreign-records.ts';
import type { Ino } from '../namespace.ts';

const VERSION = 1;

/** How far the folder that a directory stands for has been listed. */
export interface Unlisted {
  readonly binding: BindingId;
  /** Of the keys there; empty or with a slash at its end. It stays when the directory moves. */
  readonly prefix: string;
  /** Everything up to here has been brought; empty: nothing yet. */
  readonly after: string;
}

export const encodeUnlisted = ({ binding, prefix, after }: Unlisted): Uint8Array =>
  new RecordWriter().number(VERSION).number(binding).text(prefix).text(after).finish();

export function decodeUnlisted(bytes: Uint8Array): Unlisted {
  const reader = new RecordReader(bytes);
  assert.equal(reader.number(), VERSION, 'row of an unlisted directory of an unknown version');
  const binding = reader.number() as BindingId;
  const row = { binding, prefix: reader.text(), after: reader.text() };
  reader.end();
  return row;
}

/** What a key of an attached bucket was when it was brought: a refresh tells by it what has changed there, and what here. */
export interface Brought {
  /** As the store wrote it, quotes included. */
  readonly etag: string;
  /** What was made of it; 0: nothing, since the name was taken. */
  readonly ino: Ino | 0;
  /** Of that inode when it was made. */
  readonly contentGeneration: number;
}

export const encodeBrought = ({ etag, ino, contentGeneration }: Brought): Uint8Array =>
  new RecordWriter().number(VERSION).text(etag).number(ino).number(contentGeneration).finish();

export function decodeBrought(bytes: Uint8Array): Brought {
  const reader = new RecordReader(bytes);
  assert.equal(reader.number(), VERSION, 'row of a brought key of an unknown version');
  const row = { etag: reader.text(), ino: reader.number() as Ino | 0, contentGeneration: reader.number() };
  reader.end();
  return row;
}
