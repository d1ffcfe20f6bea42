import { Fault } from '../fault.ts';
import { componentsOf, implicitPath, removeEmptied, requireExpected, resolve } from './attach.ts';
import { foundOf, loadInode, nextCtime, requireBucket, withDirty } from './attributes.ts';
import { editOf } from './create.ts';
import { pairOf, printable } from './find.ts';
import { inodeKey } from './keys.ts';
import type { Caller, Expectation, Found, Ino, ObjectKey } from './namespace.ts';
import { withName, withoutName } from './names.ts';
import type { Parts } from './parts.ts';
import { encodeInode, type Inode } from './records.ts';
import { removeFile, type NamedInode } from './remove.ts';
import type { TreeEdit } from './tree-edit.ts';

interface KeyRename {
  readonly bucket: Ino;
  readonly from: { readonly key: ObjectKey; readonly expect: Expectation };
  readonly to: { readonly key: ObjectKey; readonly expect: Expectation };
  readonly token?: string | undefined;
}

/** As the inode keeps it: longer than any verifier of RFC 1813, which has 8 bytes. */
const verifierOf = (token: string | undefined): Uint8Array =>
  token === undefined ? new Uint8Array(0) : Buffer.from(`rename by ${token}`);

/** See ObjectStore.renameKey. */
export async function renameKey(parts: Parts, caller: Caller, request: KeyRename): Promise<Found> {
  const { bucket, from, to } = request;
  const verifier = verifierOf(request.token);
  const current = (inode: Inode): Inode => withDirty(inode, parts.files.get(inode.ino)?.attributes);
  const inode = await parts.kv.transact('durable', async (tx) => {
    const edit = editOf(parts, tx);
    await requireBucket(tx, bucket);
    const source = await resolve(tx, bucket, from.key);
    const target = await resolve(tx, bucket, to.key);
    const replaced = target && { ...target, inode: await loadInode(tx, target.dentry.ino) };
    if (source === undefined && replaced !== undefined && isMadeBy(verifier, replaced.inode))
      return replaced.inode;
    if (source === undefined) throw new Fault('not-found', 'object', printable(from.key));
    const moving = await loadInode(tx, source.dentry.ino);
    requireExpected(current(moving), from.expect, from.key);
    if (replaced === undefined && to.expect.ifMatch !== undefined)
      throw new Fault('precondition-failed', 'object', 'If-Match');
    requireExpected(replaced && current(replaced.inode), to.expect, to.key);
    if (Buffer.compare(from.key, to.key) === 0) return moving;
    const named = { ...source, inode: moving };
    const moved =
      replaced?.inode.ino === moving.ino
        ? await dropName(parts, edit, named)
        : await move(parts, edit, { caller, bucket, named, replaced, key: to.key, verifier });
    await removeEmptied(edit, source.path);
    edit.finish();
    return moved;
  });
  return foundOf(current(inode));
}

const isMadeBy = (verifier: Uint8Array, { createVerifier }: Inode): boolean =>
  verifier.length > 0 && Buffer.compare(verifier, createVerifier) === 0;

/** Both keys were names of one file already (a hard link): one of them goes. */
async function dropName(parts: Parts, edit: TreeEdit, named: NamedInode): Promise<Inode> {
  await removeFile(parts, edit, named);
  return loadInode(edit.tx, named.inode.ino);
}

async function move(
  parts: Parts,
  edit: TreeEdit,
  request: {
    readonly caller: Caller;
    readonly bucket: Ino;
    readonly named: NamedInode;
    readonly replaced: NamedInode | undefined;
    readonly key: ObjectKey;
    readonly verifier: Uint8Array;
  },
): Promise<Inode> {
  const { caller, bucket, named, replaced, key, verifier: createVerifier } = request;
  const { inode } = named;
  // The directories on the way are made first: one that is left empty by the removal may be one of them.
  const { directories, name } = componentsOf(key);
  const parent = await implicitPath(parts, edit, { caller, bucket, directories });
  if (replaced !== undefined) await removeFile(parts, edit, replaced);
  await edit.remove(named.parent, named.name, named.dentry);
  edit.add(parent, name, { ino: inode.ino, kind: inode.kind, beside: await pairOf(edit.tx, parent, name) });
  const left = { ...inode, names: withoutName(inode, named) };
  const names = withName(left, { parent, name });
  const moved = { ...left, names, createVerifier, ctime: nextCtime(parts, inode, edit.now) };
  edit.tx.put(inodeKey(inode.ino), encodeInode(moved));
  return moved;
}
