import { Fault } from '../fault.ts';
import { XATTR_BYTES_MAX, XATTR_NAME_BYTES_MAX, XATTR_VALUE_BYTES_MAX } from '../limits.ts';
import { currentInode, loadNamed, nextCtime } from './attributes.ts';
import type { Caller, Ino } from './namespace.ts';
import type { Parts } from './parts.ts';
import { putInode } from './put-inode.ts';
import { isOwner, READ, requireBits, WRITE } from './permissions.ts';

/** See FileTree.extendedAttributes. */
export async function extendedAttributes(
  parts: Parts,
  caller: Caller,
  ino: Ino,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const inode = await currentInode(parts, ino);
  requireBits(caller, inode, READ);
  return inode.xattrs;
}

/** See FileTree.setExtendedAttribute. */
export async function setExtendedAttribute(
  { kv, environment, files }: Parts,
  caller: Caller,
  ino: Ino,
  { name, value }: { name: string; value: Uint8Array | undefined },
): Promise<void> {
  requireFits(name, value);
  await kv.transact('durable', async (tx) => {
    const inode = await loadNamed(tx, ino);
    if (!isOwner(caller, inode)) requireBits(caller, inode, WRITE);
    const xattrs = new Map(inode.xattrs);
    if (value === undefined && !xattrs.delete(name))
      throw new Fault('not-found', 'inode', `attribute ${name}`);
    if (value !== undefined) xattrs.set(name, Buffer.from(value));
    if (bytesOf(xattrs) > XATTR_BYTES_MAX) throw new Fault('no-space', 'inode', `attributes of inode ${ino}`);
    const ctime = nextCtime({ files }, inode, environment.clock.wall());
    await putInode(tx, { ...inode, xattrs, ctime });
  });
}

function requireFits(name: string, value: Uint8Array | undefined): void {
  const nameBytes = Buffer.byteLength(name);
  if (nameBytes === 0 || nameBytes > XATTR_NAME_BYTES_MAX) {
    throw new Fault('invalid-argument', 'inode', `an attribute's name of ${nameBytes} bytes`);
  }
  if ((value?.length ?? 0) > XATTR_VALUE_BYTES_MAX) {
    throw new Fault('too-large', 'inode', `an attribute of ${value?.length} bytes`);
  }
}

function bytesOf(xattrs: ReadonlyMap<string, Uint8Array>): number {
  let bytes = 0;
  for (const [name, value] of xattrs) bytes += Buffer.byteLength(name) + value.length;
  return bytes;
}
