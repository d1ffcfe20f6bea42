import { makeWay, requireExpected } from './attach.ts';
import { resolve, type Resolved } from './resolve.ts';
import { loadInode, requireBucket, withDirty } from './attributes.ts';
import { bucketName } from './audit.ts';
import { transactCopying } from './copying.ts';
import { editOf } from './create.ts';
import { writeOutCurrent } from './head.ts';
import { heldStill } from './held-still.ts';
import { requireErasable } from './lock.ts';
import type { ByActor, Expectation } from './namespace.ts';
import type { Parts } from './parts.ts';
import { putInode } from './put-inode.ts';
import { countingOf } from './quota/counting.ts';
import type { Inode } from './records.ts';
import { emptiedImplicit } from './remove.ts';
import type { TreeEdit } from './tree-edit.ts';
import { unlink } from './unlink.ts';
import { newestRow, rowOf } from './version-rows.ts';
import { dropVersion, markDeleted, retire, takeNewest, type KeyChange } from './versions.ts';
import type { Removal, VersionAt, VersionId } from './version.ts';

interface KeyRemoval extends VersionAt, ByActor {
  readonly expect: Expectation;
  readonly bypassesGovernance?: boolean;
}

interface Current {
  readonly resolved: Resolved;
  readonly inode: Inode;
}

/** See ObjectStore.removeKey. */
export async function removeKey(parts: Parts, at: KeyRemoval): Promise<Removal> {
  if (at.bypassesGovernance !== true) return removeUnder(parts, at, undefined);
  return parts.trail.changing((order) => removeUnder(parts, at, order));
}

/** `order`: of the row in the audit trail, if it comes to a bypass. */
async function removeUnder(parts: Parts, at: KeyRemoval, order: number | undefined): Promise<Removal> {
  if (at.versionId === undefined) await writeOutCurrent(parts, at);
  return heldStill(parts, { bucket: at.bucket, conditions: [at] }, (held) =>
    transactCopying(parts, async (tx, copy) => {
      countingOf(tx).admit();
      const edit = editOf(parts, tx);
      const { rules } = await requireBucket(tx, at.bucket);
      const change: KeyChange = { parts, edit, copy, rules, door: 's3' };
      const resolved = await resolve(tx, at.bucket, at.key);
      const current = resolved && { resolved, inode: await loadInode(tx, resolved.dentry.ino) };
      held(current?.inode, at.expect);
      const removal =
        at.versionId === undefined
          ? await removeCurrent(change, at, current)
          : await removeVersion(change, { ...at, versionId: at.versionId, order }, current);
      edit.finish();
      return removal;
    }),
  );
}

async function removeCurrent(
  change: KeyChange,
  at: KeyRemoval,
  current: Current | undefined,
): Promise<Removal> {
  const { parts, edit } = change;
  const inode = current && withDirty(current.inode, parts.files.get(current.inode.ino)?.attributes);
  requireExpected(inode, at.expect, at.key);
  if (current !== undefined) {
    const { parent, name, dentry } = current.resolved;
    await edit.remove(parent, name, dentry);
    await retire(change, { ...at, entry: { parent, name } }, current.inode);
    await pruneImplicit(edit, current.resolved);
  }
  const versionId = await markDeleted(change, at);
  return { versionId, isDeleteMarker: versionId !== undefined };
}

interface VersionRemoval extends KeyRemoval {
  readonly versionId: VersionId;
  readonly order: number | undefined;
}

async function removeVersion(
  change: KeyChange,
  at: VersionRemoval,
  current: Current | undefined,
): Promise<Removal> {
  const { parts, edit } = change;
  const { tx } = edit;
  const { versionId } = at;
  const hasVersions = change.rules.versioning !== 'off';
  const answer = { versionId: hasVersions ? versionId : undefined, isDeleteMarker: false };
  if (current?.inode.version.id === versionId) {
    const { parent, name, dentry } = current.resolved;
    requireExpected(
      withDirty(current.inode, parts.files.get(current.inode.ino)?.attributes),
      at.expect,
      at.key,
    );
    await requireUnlockedOrBypass(change, at, current.inode);
    await edit.remove(parent, name, dentry);
    await unlink(parts, edit, current.inode, { parent, name });
    if (!(await promote(change, at))) await pruneImplicit(edit, current.resolved);
    return answer;
  }
  const placed = await rowOf(tx, at, versionId);
  const inode = placed?.row.ino === undefined ? undefined : await loadInode(tx, placed.row.ino);
  requireExpected(inode, at.expect, at.key);
  if (placed === undefined) return answer;
  if (inode !== undefined) await requireUnlockedOrBypass(change, at, inode);
  const isDeleteMarker = inode === undefined;
  const wasLatest = current === undefined && (await newestRow(tx, at))?.order === placed.order;
  await dropVersion(parts, tx, at, placed);
  if (isDeleteMarker && wasLatest) await promote(change, at);
  return { ...answer, isDeleteMarker };
}

/** A bypass that was needed leaves a row with the removal. */
async function requireUnlockedOrBypass(
  { parts, edit: { tx, now } }: KeyChange,
  { bucket, key, by, order }: VersionRemoval,
  inode: Inode,
): Promise<void> {
  if (!requireErasable(inode, now, order !== undefined) || order === undefined) return;
  parts.trail.put(tx, order, {
    ...{ kind: 'bypassed', actor: by, bucket: await bucketName(tx, bucket), key },
    ...{ versionId: inode.version.id, lock: inode.lock },
    detail: 'GOVERNANCE was bypassed to remove the version',
  });
}

/** The version below the one that is gone becomes what the key leads to; false when there is none, or a delete marker. */
async function promote({ parts, edit }: KeyChange, at: VersionAt): Promise<boolean> {
  const inode = await takeNewest(edit.tx, at);
  if (inode === undefined) return false;
  const { parent, name, beside } = await makeWay(parts, edit, { ...at, owner: inode });
  const { ino, kind } = inode;
  edit.add(parent, name, { ino, kind, beside });
  await putInode(edit.tx, { ...inode, linkCount: 1, names: [{ parent, name }] });
  return true;
}

/** Implicit directories on the way that hold nothing any more vanish. */
export async function pruneImplicit(edit: TreeEdit, { path }: Resolved): Promise<void> {
  for (const { parent, name, dentry } of [...path].reverse()) {
    if ((await emptiedImplicit(edit, dentry.ino)) === undefined) break;
    edit.unmake(dentry.ino);
    await edit.remove(parent, name, dentry);
  }
}
