import { Fault } from '../fault.ts';
import { makeWay, requireExpected } from './attach.ts';
import { resolve } from './resolve.ts';
import { foundOf, loadInode, nextCtime, requireBucket, withDirty } from './attributes.ts';
import { transactCopying } from './copying.ts';
import { editOf } from './create.ts';
import { pairOf, printable } from './find.ts';
import { writeOutCurrent } from './head.ts';
import { heldStill } from './held-still.ts';
import type { Caller, Expectation, Found, Ino, ObjectKey } from './namespace.ts';
import { withName, withoutName } from './names.ts';
import type { Parts } from './parts.ts';
import { putInode } from './put-inode.ts';
import type { EntryName, Inode } from './records.ts';
import type { NamedInode } from './remove.ts';
import { pruneImplicit } from './remove-key.ts';
import { sealedVersion } from './seal.ts';
import { dropNullVersion, isKept, keepUnder, markDeleted, retire, type KeyChange } from './versions.ts';

interface KeyRename {
  readonly bucket: Ino;
  readonly from: { readonly key: ObjectKey; readonly expect: Expectation };
  readonly to: { readonly key: ObjectKey; readonly expect: Expectation };
  readonly token?: string | undefined;
}

/** As the inode keeps it: longer than any verifier of RFC 1813, which has 8 bytes. */
const verifierOf = ({ token }: KeyRename): Uint8Array =>
  token === undefined ? new Uint8Array(0) : Buffer.from(`rename by ${token}`);

/** See ObjectStore.renameKey. */
export async function renameKey(parts: Parts, caller: Caller, request: KeyRename): Promise<Found> {
  const { bucket, from, to } = request;
  const current = (inode: Inode): Inode => withDirty(inode, parts.files.get(inode.ino)?.attributes);
  for (const { key } of [from, to]) await writeOutCurrent(parts, { bucket, key });
  const inode = await heldStill(parts, { bucket, conditions: [from, to] }, (held) =>
    transactCopying(parts, async (tx, copy) => {
      const edit = editOf(parts, tx);
      const { rules } = await requireBucket(tx, bucket);
      const change: KeyChange = { parts, edit, copy, rules, door: 's3' };
      const source = await resolve(tx, bucket, from.key);
      const target = await resolve(tx, bucket, to.key);
      const replaced = target && { ...target, inode: await loadInode(tx, target.dentry.ino) };
      if (source === undefined && replaced !== undefined && isMadeBy(request, replaced.inode))
        return replaced.inode;
      if (source === undefined) throw new Fault('not-found', 'object', printable(from.key));
      const moving = await loadInode(tx, source.dentry.ino);
      held(moving, from.expect);
      requireExpected(current(moving), from.expect, from.key);
      if (replaced === undefined && to.expect.ifMatch !== undefined)
        throw new Fault('precondition-failed', 'object', 'If-Match');
      held(replaced?.inode, to.expect);
      requireExpected(replaced && current(replaced.inode), to.expect, to.key);
      if (Buffer.compare(from.key, to.key) === 0) return moving;
      const moved = await move(change, request, { caller, named: { ...source, inode: moving }, replaced });
      await pruneImplicit(edit, source);
      edit.finish();
      return moved;
    }),
  );
  return foundOf(current(inode));
}

/** The same rename, sent again: its first answer may have been lost. */
function isMadeBy(request: KeyRename, { createVerifier }: Inode): boolean {
  const verifier = verifierOf(request);
  return verifier.length > 0 && Buffer.compare(verifier, createVerifier) === 0;
}

interface Move {
  readonly caller: Caller;
  readonly named: NamedInode;
  readonly replaced: NamedInode | undefined;
}

async function move(
  change: KeyChange,
  request: KeyRename,
  { caller, named, replaced }: Move,
): Promise<Inode> {
  const { parts, edit } = change;
  const { bucket } = request;
  const { inode, parent, name, dentry } = named;
  const source = { bucket, key: request.from.key, entry: { parent, name } };
  // The directories on the way are made first: one that is left empty by the removal may be one of them.
  const way = await makeWay(parts, edit, { bucket, key: request.to.key, owner: caller });
  const target = { bucket, key: request.to.key, entry: { parent: way.parent, name: way.name } };
  await edit.remove(parent, name, dentry);
  if (replaced?.inode.ino === inode.ino) {
    // Both keys were names of one file already (a hard link): one of them goes.
    await retire(change, source, inode);
    await markDeleted(change, source);
    return loadInode(edit.tx, inode.ino);
  }
  if (replaced !== undefined) {
    await edit.remove(replaced.parent, replaced.name, replaced.dentry);
    await retire(change, target, replaced.inode);
  }
  if (isKept(change, name, inode))
    await keepUnder(change, inode, [source.entry, ...withoutName(inode, source.entry)]);
  await markDeleted(change, source);
  await dropNullVersion(change, target);
  const { ordinal } = replaced?.dentry ?? {};
  return enter(change, { ...named, createVerifier: verifierOf(request), ordinal }, target.entry);
}

async function enter(
  change: KeyChange,
  named: NamedInode & Pick<Inode, 'createVerifier'> & { readonly ordinal: number | undefined },
  entry: EntryName,
): Promise<Inode> {
  const { parts, edit, rules } = change;
  const { inode, createVerifier, ordinal } = named;
  const beside = await pairOf(edit.tx, entry.parent, entry.name);
  edit.add(entry.parent, entry.name, { ino: inode.ino, kind: inode.kind, beside, ordinal });
  const left = { ...inode, names: withoutName(inode, named) };
  const versioned =
    rules.versioning === 'off' ? {} : sealedVersion(parts, rules, { now: edit.now, lock: undefined });
  const ctime = nextCtime(parts, inode, edit.now);
  const moved = { ...left, ...versioned, names: withName(left, entry), createVerifier, ctime };
  await putInode(edit.tx, moved);
  return moved;
}
