import { RecordReader, RecordWriter } from '../codec.ts';
import { facetOf, opaqueEtag } from './attributes.ts';
import type { Listed } from './namespace.ts';
import { checksumCode, checksumOfCode, STANDARD } from './facet-record.ts';
import { readDentry, writeDentry, type Dentry, type Inode } from './records.ts';

/** A file's entry: what it leads to and, where it is the inode's first name, what listings show of that. */
export interface ListedDentry {
  readonly dentry: Dentry;
  /** `undefined`: only the inode says it. */
  readonly listed: Listed | undefined;
}

export function listedOf(inode: Inode): Listed {
  const { etag, checksums, storageClass, acl } = facetOf(inode);
  const { size, mtime } = inode;
  const [first] = checksums;
  const checksum = first && { algorithm: first.algorithm, type: first.type };
  return { size, modifiedAt: mtime.seconds, etag, checksum, storageClass, owner: acl?.owner };
}

/** How the ETag is written. An MD5 and what S3 makes of the MD5s of parts take half the room that their text takes. */
const MD5 = 0;
const MD5_OF_PARTS = 1;
/** Made of the inode and its content generation, which stands for it. */
const OPAQUE = 2;
const TEXT = 3;
const ETAG_FORMS = 4;
const HAS_CHECKSUM = 4;
const HAS_STORAGE_CLASS = 8;
const HAS_OWNER = 16;

const hexEtag = /^([0-9a-f]{32})(?:-([1-9][0-9]{0,8}))?$/;

/** The entry of an inode's first name. */
export function encodeListedDentry(dentry: Dentry, inode: Inode): Uint8Array {
  const { size, modifiedAt, etag, checksum, storageClass, owner } = listedOf(inode);
  const hex = hexEtag.exec(etag);
  // No MD5 of parts ends in -0.
  const other = hex === null && etag === opaqueEtag(inode) ? OPAQUE : TEXT;
  const form = hex === null ? other : hex[2] === undefined ? MD5 : MD5_OF_PARTS;
  const flags =
    form |
    (checksum === undefined ? 0 : HAS_CHECKSUM) |
    (storageClass === STANDARD ? 0 : HAS_STORAGE_CLASS) |
    (owner === undefined ? 0 : HAS_OWNER);
  const writer = writeDentry(new RecordWriter(), dentry).number(flags).number(size).signed(modifiedAt);
  if (form === OPAQUE) writer.number(inode.contentGeneration);
  else if (form === TEXT) writer.text(etag);
  else writer.bytes(Buffer.from(etag.slice(0, 32), 'hex'));
  if (form === MD5_OF_PARTS) writer.number(Number(hex?.[2]));
  if (checksum !== undefined) writer.number(checksumCode(checksum));
  if (storageClass !== STANDARD) writer.text(storageClass);
  if (owner !== undefined) writer.text(owner);
  return writer.finish();
}

export function decodeListedDentry(row: Uint8Array): ListedDentry {
  const reader = new RecordReader(row);
  const dentry = readDentry(reader);
  return { dentry, listed: reader.hasMore() ? readListed(reader, dentry) : undefined };
}

function readListed(reader: RecordReader, { ino }: Dentry): Listed {
  const flags = reader.number();
  const size = reader.number();
  const modifiedAt = reader.signed();
  const form = flags % ETAG_FORMS;
  let etag: string;
  if (form === OPAQUE) etag = opaqueEtag({ ino, contentGeneration: reader.number() });
  else if (form === TEXT) etag = reader.text();
  else etag = reader.hex();
  if (form === MD5_OF_PARTS) etag += `-${reader.number()}`;
  const checksum = (flags & HAS_CHECKSUM) === 0 ? undefined : checksumOfCode(reader.number());
  const storageClass = (flags & HAS_STORAGE_CLASS) === 0 ? STANDARD : reader.text();
  const owner = (flags & HAS_OWNER) === 0 ? undefined : reader.text();
  reader.end();
  return { size, modifiedAt, etag, checksum, storageClass, owner };
}
