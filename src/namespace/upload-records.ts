import { RecordReader, RecordWriter } from '../codec.ts';
import type { Time } from '../environment.ts';
import { readEncryption, writeEncryption, type Encryption } from '../keyring/encryption.ts';
import { readChecksums, readFacet, writeChecksums, writeFacet } from './facet-record.ts';
import type { Checksum, Ino, ObjectFacet } from './namespace.ts';
import { decodeInode, encodeInode, type Inode } from './records.ts';
import { readLock, writeLock } from './version-record.ts';
import type { ObjectLock } from './version.ts';

export interface UploadRow {
  readonly uploadId: string;
  readonly initiatedAt: Time;
  readonly facet: ObjectFacet;
  readonly checksum: Pick<Checksum, 'algorithm' | 'type'> | undefined;
  /** Of all parts and of the object that they become. */
  readonly encryption: Encryption | undefined;
  readonly initiator?: string | undefined;
  /** Of the parts. */
  readonly owner: Pick<Inode, 'uid' | 'gid'>;
  readonly lock: ObjectLock | undefined;
  /** Set once completed: the inode that became the object, as it was then and without its extents. */
  readonly completed: Inode | undefined;
}

export function encodeUpload(row: UploadRow): Uint8Array {
  const writer = new RecordWriter().text(row.uploadId);
  writer.time(row.initiatedAt);
  writeFacet(writer, { ...row.facet, contentGeneration: 0 });
  const { checksum, lock, completed, initiator } = row;
  writer.list(checksum === undefined ? [] : [checksum], ({ algorithm, type }) =>
    writer.text(algorithm).text(type),
  );
  writer.list(lock === undefined ? [] : [lock], (it) => {
    writeLock(writer, it);
  });
  writer.list(completed === undefined ? [] : [completed], (inode) => {
    writer.number(inode.ino).bytes(encodeInode(inode));
  });
  writer.list(initiator === undefined ? [] : [initiator], (account) => writer.text(account));
  writer.list(row.encryption === undefined ? [] : [row.encryption], (it) => {
    writeEncryption(writer, it);
  });
  return writer.number(row.owner.uid).number(row.owner.gid).finish();
}

export function decodeUpload(bytes: Uint8Array): UploadRow {
  const reader = new RecordReader(bytes);
  const row = {
    uploadId: reader.text(),
    initiatedAt: reader.time(),
    facet: readFacet(reader),
    checksum: reader.list(() => ({
      algorithm: reader.text() as Checksum['algorithm'],
      type: reader.text() as Checksum['type'],
    }))[0],
    lock: reader.list(() => readLock(reader))[0],
    completed: reader.list(() => decodeInode(reader.number() as Ino, reader.bytes()))[0],
  };
  const [initiator] = reader.list(() => reader.text());
  const [encryption] = reader.list(() => readEncryption(reader));
  // Parts of uploads that are older than quotas belong to nobody in particular.
  const owner = reader.hasMore() ? { uid: reader.number(), gid: reader.number() } : { uid: 0, gid: 0 };
  reader.end();
  const whole = { ...row, encryption, owner };
  return initiator === undefined ? whole : { ...whole, initiator };
}

export interface PartRow {
  readonly ino: Ino;
  readonly etag: string;
  readonly size: number;
  readonly modifiedAt: Time;
  readonly checksums: readonly Checksum[];
}

export function encodePart(row: PartRow): Uint8Array {
  const writer = new RecordWriter().number(row.ino).text(row.etag).number(row.size);
  writer.time(row.modifiedAt);
  writeChecksums(writer, row.checksums);
  return writer.finish();
}

export function decodePart(bytes: Uint8Array): PartRow {
  const reader = new RecordReader(bytes);
  return {
    ino: reader.number() as Ino,
    etag: reader.text(),
    size: reader.number(),
    modifiedAt: reader.time(),
    checksums: readChecksums(reader),
  };
}

/** An upload that needs no answer any more but perhaps to a second Complete: where its row is, and since when. */
export interface FinishedRow {
  readonly uploadKey: Uint8Array;
  readonly at: Time;
}

export function encodeFinished({ uploadKey, at }: FinishedRow): Uint8Array {
  const writer = new RecordWriter().bytes(uploadKey);
  writer.time(at);
  return writer.finish();
}

export function decodeFinished(bytes: Uint8Array): FinishedRow {
  const reader = new RecordReader(bytes);
  return { uploadKey: reader.bytes(), at: reader.time() };
}
