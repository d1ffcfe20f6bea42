import assert from 'node:assert/strict';
import { RecordReader, RecordWriter } from '../../codec.ts';
import type { Time } from '../../environment.ts';
import type { BindingId } from '../../tiering/foreign/foreign-records.ts';
import type { Ino } from '../namespace.ts';

const VERSION = 1;

function reading<Row>(bytes: Uint8Array, what: string, read: (reader: RecordReader) => Row): Row {
  const reader = new RecordReader(bytes);
  assert.equal(reader.number(), VERSION, `row of ${what} of an unknown version`);
  const row = read(reader);
  reader.end();
  return row;
}

/** What may be done in an attached bucket; changes are of ours alone. */
const accesses = ['local', 'read-only'] as const;
export type AttachedAccess = (typeof accesses)[number];
const states = ['attached', 'detaching'] as const;

/** That a bucket of ours shows what lies in one of others. */
export interface Binding {
  readonly id: BindingId;
  readonly bucket: Ino;
  /** Of our bucket. */
  readonly name: string;
  /** Of the keys there; empty or with a slash at its end. */
  readonly prefix: string;
  /** Where it is, in words of whoever opens stores; without secrets. */
  readonly place: string;
  readonly access: AttachedAccess;
  readonly state: (typeof states)[number];
  readonly attachedAt: Time;
  /** When the last refresh that was ordered had looked at everything; `undefined`: there was none. */
  readonly refreshedAt: Time | undefined;
}

export function encodeBinding(binding: Binding): Uint8Array {
  const { id, name, prefix, place, access, state, attachedAt, refreshedAt } = binding;
  const writer = new RecordWriter().number(VERSION).number(id).text(name).text(prefix).text(place);
  writer.number(accesses.indexOf(access)).number(states.indexOf(state)).time(attachedAt);
  writer.list(refreshedAt === undefined ? [] : [refreshedAt], (time) => writer.time(time));
  return writer.finish();
}

export const decodeBinding = (bucket: Ino, bytes: Uint8Array): Binding =>
  reading(bytes, 'an attached bucket', (reader) => {
    const id = reader.number() as BindingId;
    const named = { name: reader.text(), prefix: reader.text(), place: reader.text() };
    const [access, state] = [accesses[reader.number()], states[reader.number()]];
    assert(access !== undefined && state !== undefined, 'row of an attached bucket with an unknown code');
    const attachedAt = reader.time();
    const [refreshedAt] = reader.list(() => reader.time());
    return { id, bucket, ...named, access, state, attachedAt, refreshedAt };
  });

/** The folder of an attached bucket that a directory stands for, wherever that has been moved. */
export interface Folder {
  readonly binding: BindingId;
  /** Of the keys there; empty or with a slash at its end. */
  readonly prefix: string;
  /** Everything up to here has been brought; empty: nothing yet. */
  readonly after: string;
  /** It has been listed to its end. */
  readonly isWhole: boolean;
}

export const encodeFolder = ({ binding, prefix, after, isWhole }: Folder): Uint8Array =>
  new RecordWriter()
    .number(VERSION)
    .number(binding)
    .text(prefix)
    .text(after)
    .number(isWhole ? 1 : 0)
    .finish();

export const decodeFolder = (bytes: Uint8Array): Folder =>
  reading(bytes, 'a folder', (reader) => ({
    binding: reader.number() as BindingId,
    prefix: reader.text(),
    after: reader.text(),
    isWhole: reader.number() === 1,
  }));

/**
 * What a key of an attached bucket was when it was brought: a refresh tells by it what has changed there, and what here. It
 * stays when the object is removed here, and keeps it from coming back.
 */
export interface Brought {
  /** As the store wrote it, quotes included; empty of a folder. */
  readonly etag: string;
  /** What was made of it; 0: nothing, since the name was taken. */
  readonly ino: Ino | 0;
  /** Of that inode when it was made; 0 of a folder. */
  readonly contentGeneration: number;
}

export const encodeBrought = ({ etag, ino, contentGeneration }: Brought): Uint8Array =>
  new RecordWriter().number(VERSION).text(etag).number(ino).number(contentGeneration).finish();

export const decodeBrought = (bytes: Uint8Array): Brought =>
  reading(bytes, 'a brought key', (reader) => ({
    etag: reader.text(),
    ino: reader.number() as Ino | 0,
    contentGeneration: reader.number(),
  }));

const agains = ['listing', 'names', 'probe'] as const;

/** How far a folder has been looked at again, by the keys there. */
export interface Again {
  /**
   * `listing`: what was listed is listed again. `names`: what was brought by name behind that is asked for one by one. `probe`: the
   * directory was removed here; what has come there since is looked for.
   */
  readonly by: (typeof agains)[number];
  readonly prefix: string;
  /** Everything up to here is done. */
  readonly after: string;
}

export const encodeAgain = ({ by, prefix, after }: Again): Uint8Array =>
  new RecordWriter().number(VERSION).number(agains.indexOf(by)).text(prefix).text(after).finish();

export const decodeAgain = (bytes: Uint8Array): Again =>
  reading(bytes, 'a folder that is looked at again', (reader) => {
    const by = agains[reader.number()];
    assert(by !== undefined, 'row of a folder that is looked at again in an unknown way');
    return { by, prefix: reader.text(), after: reader.text() };
  });
