import assert from 'node:assert/strict';
import { RecordReader, RecordWriter } from '../codec.ts';
import type { Time } from '../environment.ts';
import { readEncryption, writeEncryption, type Encryption } from '../keyring/encryption.ts';
import { BLOB_LABEL_BYTES_MAX } from '../limits/tiering.ts';
import type { Checksum, Ino, ObjectKey, Tag } from './namespace.ts';
import type { VersionId } from './version.ts';

/** A file that shows a blob, as it was when the blob moved. */
export interface LabelledFile {
  readonly bucket: string;
  /** In the bucket; of a file with hard links several, none where nobody knows. */
  readonly keys: readonly ObjectKey[];
  /** `part`: of an upload that was not completed, under the key that the upload was for. */
  readonly kind: 'current' | 'version' | 'part';
  /** Of parts; else 0. */
  readonly upload: number;
  readonly part: number;
  readonly ino: Ino;
  /** Grows with every change of content, over all files: of two files the younger content has the greater. */
  readonly contentGeneration: number;
  readonly versionId: VersionId;
  readonly size: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtime: Time;
  readonly ctime: Time;
  /** Where the blob is shown. */
  readonly pieces: readonly LabelledPiece[];
  readonly encryption: Encryption | undefined;
  readonly etag: string;
  readonly storageClass: string;
  readonly checksums: readonly Pick<Checksum, 'algorithm' | 'type' | 'value'>[];
  readonly headers: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tags: readonly Tag[];
}

/** `length` bytes at `offset` of the file are those at `blobOffset` of the blob. */
export interface LabelledPiece {
  readonly offset: number;
  readonly length: number;
  readonly blobOffset: number;
}

/** What the namespace says of a blob in segments (docs/formats.md). */
export interface BlobLabel {
  readonly files: readonly LabelledFile[];
  /** So many kinds of members had no room and were left out: see `reductions`. */
  readonly reduced: number;
}

const VERSION = 1;
const kinds: readonly LabelledFile['kind'][] = ['current', 'version', 'part'];

/** What is left out, one after the other, until a label is short enough. */
const reductions: readonly ((file: LabelledFile) => LabelledFile)[] = [
  (file) => ({ ...file, tags: [] }),
  (file) => ({ ...file, metadata: {} }),
  (file) => ({ ...file, headers: {}, checksums: [] }),
  (file) => ({ ...file, keys: file.keys.slice(0, 1), pieces: file.pieces.slice(0, 1) }),
  // How it is encrypted stays: without that, sealed bytes would pass for content.
  (file) => ({ ...file, keys: [] }),
];

const NOTHING = new Uint8Array(0);

/** At most `BLOB_LABEL_BYTES_MAX`; nothing at all for no file. */
export function encodeBlobLabel(files: readonly LabelledFile[]): Uint8Array {
  if (files.length === 0) return NOTHING;
  let left = files;
  let bytes = encoded({ files: left, reduced: 0 });
  for (const [index, reduce] of reductions.entries()) {
    if (bytes.length <= BLOB_LABEL_BYTES_MAX) return bytes;
    left = left.map(reduce);
    bytes = encoded({ files: left, reduced: index + 1 });
  }
  return bytes.length <= BLOB_LABEL_BYTES_MAX ? bytes : NOTHING;
}

/** `undefined` for anything else, whatever it is. */
export function decodeBlobLabel(bytes: Uint8Array): BlobLabel | undefined {
  try {
    return decoded(bytes);
  } catch (failure) {
    if (failure instanceof assert.AssertionError) return undefined;
    throw failure;
  }
}

function encoded({ files, reduced }: BlobLabel): Uint8Array {
  const writer = new RecordWriter().number(VERSION).number(reduced);
  return writer.list(files, (file) => writeFile(writer, file)).finish();
}

function decoded(bytes: Uint8Array): BlobLabel {
  const reader = new RecordReader(bytes);
  assert.equal(reader.number(), VERSION);
  const reduced = reader.number();
  const files = reader.list(() => readFile(reader));
  reader.end();
  return { files, reduced };
}

function writeFile(writer: RecordWriter, file: LabelledFile): void {
  writer.text(file.bucket).list(file.keys, (key) => writer.bytes(key));
  writer.number(kinds.indexOf(file.kind)).number(file.upload).number(file.part);
  writer.number(file.ino).number(file.contentGeneration).number(file.versionId);
  writer.number(file.size).number(file.mode).number(file.uid).number(file.gid);
  writer.time(file.mtime).time(file.ctime);
  writer.list(file.pieces, ({ offset, length, blobOffset }) =>
    writer.number(offset).number(length).number(blobOffset),
  );
  writer.list(file.encryption === undefined ? [] : [file.encryption], (it) => writeEncryption(writer, it));
  writer.text(file.etag).text(file.storageClass);
  writer.list(file.checksums, ({ algorithm, type, value }) => writer.text(algorithm).text(type).text(value));
  writer.map(file.headers).map(file.metadata);
  writer.list(file.tags, ({ key, value }) => writer.text(key).text(value));
}

function readFile(reader: RecordReader): LabelledFile {
  return {
    bucket: reader.text(),
    keys: reader.list(() => Uint8Array.from(reader.bytes())),
    kind: kindOf(reader.number()),
    upload: reader.number(),
    part: reader.number(),
    ino: reader.number() as Ino,
    contentGeneration: reader.number(),
    versionId: reader.number() as VersionId,
    size: reader.number(),
    mode: reader.number(),
    uid: reader.number(),
    gid: reader.number(),
    mtime: reader.time(),
    ctime: reader.time(),
    pieces: reader.list(() => ({
      offset: reader.number(),
      length: reader.number(),
      blobOffset: reader.number(),
    })),
    encryption: reader.list(() => readEncryption(reader))[0],
    etag: reader.text(),
    storageClass: reader.text(),
    checksums: reader.list(() => ({
      algorithm: reader.text() as Checksum['algorithm'],
      type: reader.text() as Checksum['type'],
      value: reader.text(),
    })),
    headers: reader.map(),
    metadata: reader.map(),
    tags: reader.list(() => ({ key: reader.text(), value: reader.text() })),
  };
}

function kindOf(code: number): LabelledFile['kind'] {
  const kind = kinds[code];
  assert(kind !== undefined, 'a file of an unknown kind');
  return kind;
}
