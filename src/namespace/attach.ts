import { Fault } from '../fault.ts';
import type { KvTransaction } from '../kv/kv.ts';
import { facetOf, foundOf, loadInode, nextCtime, requireBucket, withDirty } from './attributes.ts';
import { settled } from './content-key.ts';
import { transactCopying, type CopyContent } from './copying.ts';
import { editOf } from './create.ts';
import type { FileDraft } from './draft.ts';
import { pairOf, printable, type Pair } from './find.ts';
import { writeOutCurrent } from './head.ts';
import { heldStill, type Held } from './held-still.ts';
import type {
  Caller,
  Expectation,
  FacetChange,
  Found,
  Ino,
  ObjectFacet,
  ObjectKey,
  ObjectAt,
} from './namespace.ts';
import { DIRECTORY_MODE, newInode, OBJECT_MODE } from './new-inode.ts';
import type { Parts } from './parts.ts';
import { putInode } from './put-inode.ts';
import type { EntryName, Inode } from './records.ts';
import { componentsOf, resolve } from './resolve.ts';
import { sealedVersion } from './seal.ts';
import type { Entered, TreeEdit } from './tree-edit.ts';
import { compareTimes } from './time.ts';
import { dropNullVersion, retire, type KeyChange } from './versions.ts';
import type { ObjectLock } from './version.ts';

/** RFC 9110 §13.1; API_PutObject, If-Match and If-None-Match. */
export function requireExpected(inode: Inode | undefined, expect: Expectation, key: ObjectKey): void {
  const { ifMatch, ifNoneMatch, ifUnchanged } = expect;
  requireState(inode, expect);
  const matches = (etags: readonly string[]): boolean =>
    inode !== undefined && etags.some((etag) => etag === '*' || etag === facetOf(inode).etag);
  if (ifMatch !== undefined && inode === undefined) throw new Fault('not-found', 'object', printable(key));
  if (ifMatch !== undefined && !matches(ifMatch))
    throw new Fault('precondition-failed', 'object', 'If-Match');
  if (ifNoneMatch !== undefined && matches(ifNoneMatch)) {
    throw new Fault('precondition-failed', 'object', 'If-None-Match');
  }
  if (ifUnchanged !== undefined && !isUnchanged(inode, ifUnchanged))
    throw new Fault('precondition-failed', 'object', 'changed meanwhile');
}

/** Content has its generation; old versions have no name; everything else that changes advances the ctime. */
const isUnchanged = (
  inode: Inode | undefined,
  { ino, linkCount, contentGeneration, ctime }: NonNullable<Expectation['ifUnchanged']>,
): boolean =>
  inode?.ino === ino &&
  inode.linkCount === linkCount &&
  inode.contentGeneration === contentGeneration &&
  compareTimes(inode.ctime, ctime) === 0;

/** API_DeleteObject, x-amz-if-match-*; API_RenameObject, x-amz-rename-source-* and If-*-Since. */
function requireState(
  inode: Inode | undefined,
  { ifModifiedAt, ifUnmodifiedSince, ifSize, ifModifiedSince }: Expectation,
): void {
  const failed = (condition: string): Fault => new Fault('precondition-failed', 'object', condition);
  if (inode === undefined) {
    if (ifModifiedSince !== undefined) throw failed('If-Modified-Since');
    return;
  }
  const { size, mtime } = inode;
  if (ifModifiedAt !== undefined && mtime.seconds !== ifModifiedAt)
    throw failed('x-amz-if-match-last-modified-time');
  if (ifSize !== undefined && size !== ifSize) throw failed('x-amz-if-match-size');
  if (ifUnmodifiedSince !== undefined && mtime.seconds > ifUnmodifiedSince)
    throw failed('If-Unmodified-Since');
  if (ifModifiedSince !== undefined && mtime.seconds <= ifModifiedSince) throw failed('If-Modified-Since');
}

export interface Attachment extends ObjectAt {
  readonly facet: ObjectFacet;
  readonly expect: Expectation;
  readonly lock?: ObjectLock | undefined;
}

/** See ObjectStore.attach. `also` joins the transaction that publishes the object. */
export async function attach(
  parts: Parts,
  caller: Caller,
  draft: FileDraft,
  attachment: Attachment,
  also: (tx: KvTransaction, inode: Inode) => Promise<void> = async () => undefined,
): Promise<Found> {
  await draft.finish();
  await writeOutCurrent(parts, attachment);
  const { bucket } = attachment;
  const inode = await heldStill(parts, { bucket, conditions: [attachment] }, (held) =>
    transactCopying(parts, async (tx, copy) => {
      const published = await publish(parts, caller, { tx, copy, draft, attachment, held });
      await also(tx, published);
      return published;
    }),
  );
  draft.attached();
  return foundOf(inode);
}

interface Publication {
  readonly tx: KvTransaction;
  readonly copy: CopyContent;
  readonly draft: FileDraft;
  readonly attachment: Attachment;
  readonly held: Held;
}

async function publish(
  parts: Parts,
  caller: Caller,
  { tx, copy, draft, attachment, held }: Publication,
): Promise<Inode> {
  const { bucket, key, facet, expect, lock } = attachment;
  const edit = editOf(parts, tx);
  const { rules } = await requireBucket(tx, bucket);
  const change: KeyChange = { parts, edit, copy, rules, door: 's3' };
  const { parent, name, beside } = await makeWay(parts, edit, { bucket, key, owner: caller });
  const old = beside.file === undefined ? undefined : await loadInode(tx, beside.file.ino);
  held(old, expect);
  requireExpected(old && withDirty(old, parts.files.get(old.ino)?.attributes), expect, key);
  const contentGeneration = parts.sequence.next();
  const ino = draft.ino();
  const { mode, uid, gid } =
    old?.kind === 'file' ? old : { mode: OBJECT_MODE, uid: caller.uid, gid: caller.gid };
  const birth = { ino, bucket, kind: 'file', mode, uid, gid, now: edit.now, contentGeneration } as const;
  let entered: Entered | undefined;
  if (old === undefined || beside.file === undefined)
    entered = edit.add(parent, name, { ino, kind: 'file', beside });
  else {
    entered = edit.replace(parent, name, { ino, kind: 'file', old: beside.file });
    await retire(change, { bucket, key, entry: { parent, name } }, old);
  }
  await dropNullVersion(change, attachment);
  const place = await draft.attachTo(tx);
  // Its number comes after that of a null version which has just become an old one.
  const versioned = sealedVersion(parts, rules, { now: edit.now, lock });
  const encryption = await settled(parts, tx, draft.encryption);
  const inode = Object.assign(newInode(birth), place, versioned, {
    size: draft.length(),
    names: [{ parent, name }],
    facet: { ...facet, contentGeneration },
    encryption,
  });
  await putInode(tx, inode, entered);
  edit.finish();
  return inode;
}

/** Where a key is entered, with the directories on the way made; and what is there. */
export async function makeWay(
  parts: Parts,
  edit: TreeEdit,
  { bucket, key, owner }: ObjectAt & { readonly owner: Owner },
): Promise<EntryName & { readonly beside: Pair }> {
  const { directories, name } = componentsOf(key);
  let parent = bucket;
  for (const directory of directories) {
    parent = await implicitDirectory(parts, edit, { owner, bucket, parent, name: directory });
  }
  return { parent, name, beside: await pairOf(edit.tx, parent, name) };
}

type Owner = Pick<Inode, 'uid' | 'gid'>;

/** The directory of that name; made without a marker when there is none, so that it goes with its last key. */
async function implicitDirectory(
  { sequence }: Parts,
  edit: TreeEdit,
  { owner, bucket, parent, name }: EntryName & { owner: Owner; bucket: Ino },
): Promise<Ino> {
  const beside = await pairOf(edit.tx, parent, name);
  if (beside.directory !== undefined) return beside.directory.ino;
  const ino = sequence.next() as Ino;
  const contentGeneration = sequence.next();
  const birth = { ino, bucket, kind: 'directory', mode: DIRECTORY_MODE, contentGeneration } as const;
  const inode = newInode({ ...birth, uid: owner.uid, gid: owner.gid, now: edit.now });
  edit.makeDirectory({ ...inode, names: [{ parent, name }] });
  edit.add(parent, name, { ino, kind: 'directory', beside });
  return ino;
}

/** See ObjectStore.changeFacet. */
export async function changeFacet(
  parts: Parts,
  { bucket, key, expect }: Omit<Attachment, 'facet'>,
  change: FacetChange,
): Promise<Found> {
  const inode = await heldStill(parts, { bucket, conditions: [{ key, expect }] }, (held) =>
    parts.kv.transact('durable', async (tx) => {
      const { rules } = await requireBucket(tx, bucket);
      if (rules.versioning !== 'off') throw new Fault('conflict', 'object', 'a version stays as it was made');
      const resolved = await resolve(tx, bucket, key);
      if (resolved === undefined) throw new Fault('not-found', 'object', printable(key));
      const stored = await loadInode(tx, resolved.dentry.ino);
      const dirty = parts.files.get(stored.ino)?.attributes;
      held(stored, expect);
      requireExpected(withDirty(stored, dirty), expect, key);
      const now = nextCtime(parts, stored, parts.environment.clock.wall());
      const facet = { ...facetOf(stored), ...change, contentGeneration: stored.contentGeneration };
      const changed = { ...stored, facet, ctime: now, mtime: now };
      await putInode(tx, changed);
      return changed;
    }),
  );
  return foundOf(withDirty(inode, parts.files.get(inode.ino)?.attributes));
}
