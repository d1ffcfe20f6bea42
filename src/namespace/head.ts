import type { KvReader } from '../kv/kv.ts';
import { currentInode, foundOf, ifStale, loadInode } from './attributes.ts';
import { resolve } from './resolve.ts';
import { attempting } from './attempts.ts';
import type { Found, Ino, ObjectAt, OpenObject } from './namespace.ts';
import type { Parts } from './parts.ts';
import type { Inode } from './records.ts';
import { openSnapshot } from './snapshot.ts';
import { newestRow, rowOf } from './version-rows.ts';
import { rulesOf } from './versions.ts';
import type { DeleteMarker, VersionAt } from './version.ts';
import { writeOut } from './write-out.ts';

/** The inode that a key, or a version of it, leads to; `undefined` for none and for a delete marker. */
export async function inodeAt(reader: KvReader, at: VersionAt): Promise<Inode | undefined> {
  const resolved = await resolve(reader, at.bucket, at.key);
  const current = resolved === undefined ? undefined : await loadInode(reader, resolved.dentry.ino);
  if (at.versionId === undefined || current?.version.id === at.versionId) return current;
  const ino = (await rowOf(reader, at, at.versionId))?.row.ino;
  return ino === undefined ? undefined : loadInode(reader, ino);
}

async function latest<Result>(
  { kv }: Parts,
  at: VersionAt,
  look: (ino: Ino) => Promise<Result>,
): Promise<Result | undefined> {
  const found = await attempting('object', async () => {
    const ino = await inoAt(kv, at).catch(ifStale);
    if (ino === 'none') return { result: undefined };
    const result = ino === undefined ? undefined : await look(ino).catch(ifStale);
    // Replaced or removed between the reads: the name leads elsewhere now.
    return result && { result };
  });
  return found.result;
}

async function inoAt(reader: KvReader, at: VersionAt): Promise<Ino | 'none'> {
  if (at.versionId !== undefined) return (await inodeAt(reader, at))?.ino ?? 'none';
  return (await resolve(reader, at.bucket, at.key))?.dentry.ino ?? 'none';
}

/** See ObjectStore.head. */
export const head = (parts: Parts, at: VersionAt): Promise<Found | undefined> =>
  latest(parts, at, async (ino) => foundOf(await currentInode(parts, ino)));

/** See ObjectStore.open. */
export const open = (
  parts: Parts,
  at: VersionAt,
  customerKey?: Uint8Array,
): Promise<OpenObject | undefined> => latest(parts, at, (ino) => openSnapshot(parts, ino, customerKey));

/** See ObjectStore.deleteMarker. */
export async function deleteMarker({ kv }: Parts, at: VersionAt): Promise<DeleteMarker | undefined> {
  const placed = at.versionId === undefined ? await newestRow(kv, at) : await rowOf(kv, at, at.versionId);
  if (placed === undefined || placed.row.ino !== undefined) return undefined;
  return { versionId: placed.row.versionId, modifiedAt: placed.row.at };
}

/** What NFS has written to the object belongs to the version that is about to become an old one. */
export async function writeOutCurrent(parts: Parts, at: ObjectAt): Promise<void> {
  if (parts.files.weight === 0) return;
  const resolved = await resolve(parts.kv, at.bucket, at.key);
  if (resolved === undefined || parts.files.get(resolved.dentry.ino) === undefined) return;
  const { versioning } = await rulesOf(parts.kv, at.bucket);
  if (versioning !== 'off') await writeOut(parts, resolved.dentry.ino).catch(ifStale);
}
