import type { Lent } from '../tiering/content-cache.ts';
import { attributesOf, loadInode, withDirty } from './attributes.ts';
import { extentsOfRange, plan } from './content.ts';
import { framesOf } from './content-key.ts';
import { extentsWithin, type Range } from './extents.ts';
import { lendPieces } from './lend.ts';
import type { Attributes, Caller, Ino } from './namespace.ts';
import type { Parts } from './parts.ts';
import { READ, requireContentAccess } from './permissions.ts';
import type { Extent, Inode } from './records.ts';
import { requireFile } from './write.ts';

export interface ReadResult extends Lent {
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
    bringAhead(parts, inode, { start: offset, end });
    const lent = await lendPieces(parts, framesOf(parts, inode.encryption), pieces);
    return {
      ...lent,
      length: Math.max(0, end - offset),
      eof: end >= inode.size || offset >= inode.size,
      attributes: attributesOf(inode),
    };
  } finally {
    guard.release();
  }
}

/** Begins to bring what a reader that goes from front to back will ask for next. */
function bringAhead(parts: Parts, { ino, size }: Inode, read: Range): void {
  if (read.start >= read.end) return;
  const range = parts.readAhead.wanted(ino, read, size);
  if (range !== undefined) parts.readAhead.run(range, () => bring(parts, ino, range));
}

async function bring(parts: Parts, ino: Ino, range: Range): Promise<void> {
  const guard = parts.blobs.guard();
  try {
    const { stored, extents } = await storedContent(parts, ino, range);
    const source = framesOf(parts, stored.encryption);
    for (const piece of extentsOfRange(extents, range)) {
      await parts.cache.load(source, piece.blob, { offset: piece.blobOffset, length: piece.length });
    }
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
    const { stored, extents } = await storedContent(parts, ino, { start: offset, end: offset + length });
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
  range: Range,
): Promise<{ stored: Inode; extents: readonly Extent[] }> {
  const stored = await loadInode(kv, ino);
  if (stored.extents !== undefined) return { stored, extents: await extentsWithin(kv, stored, range) };
  return kv.transact('buffered', async (tx) => {
    const again = await loadInode(tx, ino);
    return { stored: again, extents: await extentsWithin(tx, again, range) };
  });
}
