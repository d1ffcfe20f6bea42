import assert from 'node:assert/strict';
import type { Time } from '../environment.ts';
import { Fault } from '../fault.ts';
import type { KvReader } from '../kv/kv.ts';
import { decodeDirectory, type DirectoryRow } from './directory-row.ts';
import { directoryKey, inodeKey } from './keys.ts';
import type { Attributes, Found, Ino, Kind, ObjectFacet } from './namespace.ts';
import type { DirtyAttributes, OpenFile } from './open-files.ts';
import type { Parts } from './parts.ts';
import { decodeInode, type Inode } from './records.ts';
import { advance, laterOf } from './time.ts';

const DIRECTORY_BYTES = 4096;
const SECTOR_BYTES = 512;

export const staleHandle = (ino: Ino): Fault => new Fault('stale-handle', 'inode', String(ino));

export const noSuchBucket = (name: string): Fault => new Fault('not-found', 'bucket', name);

/** The bucket's own inode must still be there when something is put into it. */
export async function requireBucket(reader: KvReader, ino: Ino): Promise<Inode> {
  const bytes = await reader.get(inodeKey(ino));
  if (bytes === undefined) throw noSuchBucket(String(ino));
  return decodeInode(ino, bytes);
}

export function ifStale(fault: unknown): undefined {
  if (fault instanceof Fault && fault.code === 'stale-handle') return undefined;
  throw fault;
}

export async function loadInode(reader: KvReader, ino: Ino): Promise<Inode> {
  const bytes = await reader.get(inodeKey(ino));
  if (bytes === undefined) throw staleHandle(ino);
  return decodeInode(ino, bytes);
}

/** One that a name leads to: handles of old versions and of what was removed are stale for whoever wants to change it. */
export async function loadNamed(reader: KvReader, ino: Ino): Promise<Inode> {
  const inode = await loadInode(reader, ino);
  if (inode.linkCount === 0) throw staleHandle(ino);
  return inode;
}

export async function loadDirectory(reader: KvReader, ino: Ino): Promise<Inode> {
  const inode = await loadInode(reader, ino);
  if (inode.kind !== 'directory') throw new Fault('not-directory', 'inode', String(ino));
  return inode;
}

/** A directory's inode with its row, in one read. */
export async function loadWholeDirectory(
  reader: KvReader,
  ino: Ino,
): Promise<{ inode: Inode; row: DirectoryRow }> {
  const [inodeBytes, rowBytes] = await reader.getMany([inodeKey(ino), directoryKey(ino)]);
  if (inodeBytes === undefined) throw staleHandle(ino);
  const inode = decodeInode(ino, inodeBytes);
  if (inode.kind !== 'directory') throw new Fault('not-directory', 'inode', String(ino));
  assert(rowBytes !== undefined, 'a directory has a row');
  return { inode, row: decodeDirectory(rowBytes) };
}

/** The later of what is committed and what is only written, judged by the content generation. */
export function withDirty(inode: Inode, dirty: DirtyAttributes | undefined): Inode {
  if (dirty === undefined || dirty.contentGeneration <= inode.contentGeneration) return inode;
  const { size, mtime, contentGeneration } = dirty;
  return { ...inode, size, mtime, contentGeneration, ctime: laterOf(inode.ctime, dirty.ctime) };
}

/** The ctime after a change at `now`: later than any that was shown, also for a file with dirty data. */
export const nextCtime = ({ files }: Pick<Parts, 'files'>, inode: Inode, now: Time): Time =>
  advance(withDirty(inode, files.get(inode.ino)?.attributes).ctime, now);

export function attributesOf(inode: Inode): Attributes {
  return {
    ino: inode.ino,
    bucket: inode.bucket,
    kind: inode.kind,
    mode: inode.mode,
    uid: inode.uid,
    gid: inode.gid,
    linkCount: inode.linkCount,
    size: inode.size,
    allocatedBytes: Math.ceil(inode.size / SECTOR_BYTES) * SECTOR_BYTES,
    device: inode.device,
    atime: inode.atime,
    mtime: inode.mtime,
    ctime: inode.ctime,
    contentGeneration: inode.contentGeneration,
  };
}

export function directoryAttributes(inode: Inode, row: DirectoryRow): Attributes {
  return {
    ...attributesOf(inode),
    linkCount: 2 + row.subdirectories,
    size: DIRECTORY_BYTES,
    allocatedBytes: DIRECTORY_BYTES,
    mtime: row.mtime,
    ctime: laterOf(inode.ctime, row.ctime),
    contentGeneration: Math.max(inode.contentGeneration, row.contentGeneration),
  };
}

/** The inodes as both doors see them now: committed state under what is written and not yet committed. */
export async function currentInodes(
  { kv, files }: Pick<Parts, 'files'> & { readonly kv: KvReader },
  inos: readonly Ino[],
): Promise<readonly (Inode | undefined)[]> {
  // Looked up before the read as well: a write-out that ends in between takes its file off the list.
  const before = inos.map((ino) => files.get(ino));
  const rows = await kv.getMany(inos.map(inodeKey));
  return rows.map((bytes, index) => {
    const ino = inos[index];
    if (bytes === undefined || ino === undefined) return undefined;
    return withDirty(decodeInode(ino, bytes), latestOf(before[index], files.get(ino)));
  });
}

export async function currentInode({ kv, files }: Pick<Parts, 'kv' | 'files'>, ino: Ino): Promise<Inode> {
  const before = files.get(ino);
  const bytes = await kv.get(inodeKey(ino));
  if (bytes === undefined) throw staleHandle(ino);
  return withDirty(decodeInode(ino, bytes), latestOf(before, files.get(ino)));
}

const latestOf = (before: OpenFile | undefined, after: OpenFile | undefined): DirtyAttributes | undefined =>
  (after ?? before)?.attributes;

/** Attributes of any kind of inode, in the order of `inos`; `undefined` for those that are gone. */
export async function currentAttributes(
  parts: Pick<Parts, 'kv' | 'files'>,
  inos: readonly Ino[],
): Promise<readonly (Attributes | undefined)[]> {
  const inodes = await currentInodes(parts, inos);
  const directories = inodes.filter((inode) => inode?.kind === 'directory').map((inode) => inode as Inode);
  const rows = await parts.kv.getMany(directories.map(({ ino }) => directoryKey(ino)));
  const rowOf = new Map(directories.map(({ ino }, index) => [ino, rows[index]]));
  return inodes.map((inode) => {
    if (inode === undefined) return undefined;
    if (inode.kind !== 'directory') return attributesOf(inode);
    const bytes = rowOf.get(inode.ino);
    return bytes === undefined ? undefined : directoryAttributes(inode, decodeDirectory(bytes));
  });
}

export async function attributes(parts: Pick<Parts, 'kv' | 'files'>, ino: Ino): Promise<Attributes> {
  const [found] = await currentAttributes(parts, [ino]);
  if (found === undefined) throw staleHandle(ino);
  return found;
}

/** Media types of kinds that S3 does not know, as freedesktop.org's shared MIME-info names them. */
const contentTypeOfKind: Readonly<Record<Kind, string>> = {
  file: 'binary/octet-stream',
  directory: 'application/x-directory',
  symlink: 'inode/symlink',
  fifo: 'inode/fifo',
  socket: 'inode/socket',
  block: 'inode/blockdevice',
  character: 'inode/chardevice',
};

/**
 * Content that S3 did not write has an ETag made of the inode and its content generation. The dash tells clients that
 * it is no MD5, as for multipart uploads (API_Object, ETag).
 */
export const opaqueEtag = (inode: Pick<Inode, 'ino' | 'contentGeneration'>): string =>
  `${inode.ino.toString(16).padStart(16, '0')}${inode.contentGeneration.toString(16).padStart(16, '0')}-0`;

export function facetOf(inode: Inode): ObjectFacet {
  const { facet } = inode;
  if (facet !== undefined && facet.contentGeneration === inode.contentGeneration) {
    const { etag, headers, metadata, checksums, parts, storageClass, tags, acl } = facet;
    if (acl === undefined) return { etag, headers, metadata, checksums, parts, storageClass, tags };
    return { etag, headers, metadata, checksums, parts, storageClass, tags, acl };
  }
  const headers = facet?.headers ?? { 'content-type': contentTypeOfKind[inode.kind] };
  return {
    etag: opaqueEtag(inode),
    headers,
    metadata: facet?.metadata ?? {},
    checksums: [],
    parts: [],
    tags: facet?.tags ?? [],
    ...(facet?.acl === undefined ? {} : { acl: facet.acl }),
    storageClass: facet?.storageClass ?? 'STANDARD',
  };
}

export const foundOf = (inode: Inode): Found => ({
  attributes: attributesOf(inode),
  versionId: inode.version.id,
  lock: inode.lock,
  facet: facetOf(inode),
  encryption: inode.encryption,
});
