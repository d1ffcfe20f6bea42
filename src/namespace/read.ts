import { attributesOf, loadInode, withDirty } from './attributes.ts';
import { plan, readPieces } from './content.ts';
import { contentOf } from './content-key.ts';
import { extentsWithin } from './extents.ts';
import type { Attributes, Caller, Ino } from './namespace.ts';
import type { Parts } from './parts.ts';
import { READ, requireContentAccess } from './permissions.ts';
import type { Extent, Inode } from './records.ts';
import { requireFile } from './write.ts';

export interface ReadResult {
  readonly parts: readonly Uint8Array[];
  readonly length: number;
  readonly eof: boolean;
  readonly attributes: Attributes;
}

/** See FileTree.read. */
export async function read(
  parts: Parts,
  caller: Caller,
  ino: Ino,
  { offset, length }: { offset: number; length: number },
): Promise<ReadResult> {
  const guard = parts.blobs.guard();
  try {
    const { inode, pieces } = await currentPieces(parts, ino, { offset, length });
    requireFile(inode);
    requireContentAccess(caller, inode, READ);
    const end = Math.min(inode.size, offset + length);
    return {
      parts: await readPieces(contentOf(parts, inode.encryption), pieces),
      length: Math.max(0, end - offset),
      eof: end >= inode.size || offset >= inode.size,
      attributes: attributesOf(inode),
    };
  } finally {
    guard.release();
  }
}

async function currentPieces(
  parts: Parts,
  ino: Ino,
  { offset, length }: { offset: number; length: number },
): Promise<{ inode: Inode; pieces: ReturnType<typeof plan> }> {
  for (;;) {
    // A write-out that ends during the look at the rows has taken its data from the dirty layers: look again.
    const file = parts.files.get(ino);
    const writeOuts = file?.writeOuts;
    const { stored, extents } = await storedContent(parts, ino, { offset, length });
    const now = parts.files.get(ino);
    if (now !== file || now?.writeOuts !== writeOuts) continue;
    const inode = withDirty(stored, now?.attributes);
    const range = { start: offset, end: Math.max(offset, Math.min(inode.size, offset + length)) };
    return { inode, pieces: plan(extents, [now?.flushing, now?.dirty], range) };
  }
}

/** The record and the extents of one moment; one read where the extents are in the record. */
async function storedContent(
  { kv }: Parts,
  ino: Ino,
  { offset, length }: { offset: number; length: number },
): Promise<{ stored: Inode; extents: readonly Extent[] }> {
  const range = { start: offset, end: offset + length };
  const stored = await loadInode(kv, ino);
  if (stored.extents !== undefined) return { stored, extents: await extentsWithin(kv, stored, range) };
  return kv.transact('buffered', async (tx) => {
    const again = await loadInode(tx, ino);
    return { stored: again, extents: await extentsWithin(tx, again, range) };
  });
}
