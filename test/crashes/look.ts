import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import type { Entryplus3 } from 'nfs-server-ts/nfs3';
import { WrongAnswer, type NfsDoor, type S3Door } from './doors.ts';
import type { Found, FoundEntry } from './tree.ts';

export interface Doors {
  readonly nfs: NfsDoor;
  readonly s3: S3Door;
}

const readBytesMax = 1 << 20;
const kinds: Readonly<Record<string, FoundEntry['kind']>> = {
  NF3REG: 'file',
  NF3DIR: 'directory',
  NF3LNK: 'symlink',
};

/** All that is below a directory, and whether both doors show the same names. */
export async function look(
  doors: Doors,
  {
    bucket,
    prefix,
    handle,
  }: { readonly bucket: string; readonly prefix: string; readonly handle: Uint8Array },
): Promise<Found> {
  const objects = await listed(doors.s3, bucket, `${prefix}/`);
  const found = new Map<string, FoundEntry>();
  for await (const [path, entry] of below(doors.nfs, handle, '')) {
    const attributes = entry.name_attributes;
    if (attributes === undefined) throw new WrongAnswer(`READDIRPLUS of ${prefix}/${path}: no attributes`);
    const kind = kinds[attributes.type] ?? 'file';
    const key = kind === 'directory' ? `${path}/` : path;
    if (!objects.delete(key)) throw new WrongAnswer(`${prefix}/${key} shows over NFS and not over S3`);
    const { fileid, nlink: links, mode, size } = attributes;
    const entryHandle = handleOf(entry);
    const isDirectory = kind === 'directory';
    const content = isDirectory ? new Uint8Array(0) : await read(doors.nfs, entryHandle, kind === 'symlink');
    const { body, etag } = await doors.s3.get({ Bucket: bucket, Key: `${prefix}/${key}` });
    found.set(path, { kind, fileid, links, mode, size, content, object: body, etag });
  }
  const [stray] = objects;
  if (stray !== undefined && stray !== '')
    throw new WrongAnswer(`${prefix}/${stray} shows over S3 and not over NFS`);
  return found;
}

/** Content of a file as NFS reads it, or the target of a symlink. */
export async function read(nfs: NfsDoor, handle: Uint8Array, isSymlink = false): Promise<Uint8Array> {
  if (isSymlink) return Uint8Array.from((await nfs.ok('READLINK', { symlink: handle })).data);
  const parts: Uint8Array[] = [];
  for (let offset = 0; ;) {
    const { count, eof, data } = await nfs.ok('READ', { file: handle, offset, count: readBytesMax });
    parts.push(...data.map((part) => Uint8Array.from(part)));
    offset += count;
    if (eof) return Buffer.concat(parts);
    if (count === 0) throw new WrongAnswer('READ: no bytes before the end');
  }
}

export function handleOf({ name_handle: handle }: Pick<Entryplus3, 'name_handle'>): Uint8Array {
  if (handle === undefined) throw new WrongAnswer('READDIRPLUS: no handle');
  return Uint8Array.from(handle);
}

async function listed(s3: S3Door, bucket: string, prefix: string): Promise<Set<string>> {
  const page = await s3.ok((client) =>
    client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix })),
  );
  if (page.IsTruncated === true) throw new WrongAnswer('more keys below an actor than it makes');
  return new Set((page.Contents ?? []).map(({ Key = '' }) => Key.slice(prefix.length)));
}

async function* below(
  nfs: NfsDoor,
  dir: Uint8Array,
  path: string,
): AsyncGenerator<readonly [string, Entryplus3]> {
  const limits = { dircount: 8192, maxcount: 65_536 };
  const { reply } = await nfs.ok('READDIRPLUS', { dir, cookie: 0, cookieverf: new Uint8Array(8), ...limits });
  if (!reply.eof) throw new WrongAnswer('more names below an actor than it makes');
  for (const entry of reply.entries) {
    const name = Buffer.from(entry.name).toString();
    if (name === '.' || name === '..') continue;
    yield [path + name, entry];
    if (entry.name_attributes?.type === 'NF3DIR') yield* below(nfs, handleOf(entry), `${path}${name}/`);
  }
}
