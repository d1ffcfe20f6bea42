import { Fault } from '../fault.ts';
import type { KvTransaction } from '../kv/kv.ts';
import type { BlobContent } from '../tiering/sealed-blobs.ts';
import { staleHandle } from './attributes.ts';
import { plan, readPieces } from './content.ts';
import { contentOf } from './content-key.ts';
import { DirtyRanges, runsOf } from './dirty.ts';
import { inOpenVersion } from './fork.ts';
import { extentsAround, overlapping, replaceRanges, type Range } from './extents.ts';
import { gathered, mayGather, withNeighbours } from './gather.ts';
import { putHolders } from './holders.ts';
import { inodeKey } from './keys.ts';
import type { Ino } from './namespace.ts';
import type { DirtyAttributes, OpenFile } from './open-files.ts';
import type { Parts } from './parts.ts';
import { putInode } from './put-inode.ts';
import { countingOf } from './quota/counting.ts';
import { decodeInode, type Extent } from './records.ts';
import { keptOpen, needsFork } from './seal.ts';
import { SharedRuns } from './shared-runs.ts';
import { stageRun, type Staged, type Staging } from './stage.ts';
import { laterOf } from './time.ts';
import { rulesOf } from './versions.ts';

/**
 * Everything written to `ino` before the call is durable when it resolves; writes that come meanwhile share the next
 * write-out. Fault('stale-handle') when the file was removed. After another fault the data is still held as dirty.
 */
export async function writeOut(parts: Parts, ino: Ino): Promise<void> {
  const file = parts.files.get(ino);
  if (file === undefined) return;
  file.writing ??= new SharedRuns(() => run(parts, file));
  return file.writing.run();
}

async function run(parts: Parts, file: OpenFile): Promise<void> {
  const { files } = parts;
  const taken = await files.exclusive(file.ino, async () => {
    // Forgotten while it waited: all its data is durable or gone, and its attributes are history.
    if (files.get(file.ino) !== file) return undefined;
    file.flushing = file.dirty;
    file.dirty = new DirtyRanges();
    return { ranges: file.flushing, attributes: file.attributes };
  });
  if (taken !== undefined) await writeTaken(parts, file, taken);
}

/** What a write-out writes, as it was when it began. */
interface Taken {
  readonly ranges: DirtyRanges;
  readonly attributes: DirtyAttributes;
}

async function writeTaken(parts: Parts, file: OpenFile, { ranges, attributes }: Taken): Promise<void> {
  const { files, kv } = parts;
  const guard = parts.blobs.guard();
  let staged: readonly (Staged & Range)[] = [];
  try {
    staged = await stageRuns(parts, file.ino, ranges, attributes.size);
    await parts.blobs.flush(staged.flatMap(({ blobs }) => blobs));
    await files.exclusive(file.ino, async () => {
      await inOpenVersion(parts, file.ino, () =>
        kv.transact('durable', async (tx) => {
          // Its version has become an old one, and may be what the name leads to again.
          if (file.flushing !== ranges) throw staleHandle(file.ino);
          return commitRuns(parts, tx, { ino: file.ino, attributes, staged });
        }),
      );
      // Unless the file was removed in the same breath, and forgotten with these ranges.
      if (file.flushing === ranges) files.account(file, -ranges.weight());
      file.flushing = undefined;
      file.writeOuts += 1;
      noteRanges(parts, file.ino, staged);
      if (file.dirty.bytes() === 0 && file.attributes === attributes) files.forget(file);
    });
  } catch (fault) {
    for (const { blobs } of staged) for (const blob of blobs) parts.blobs.discard(blob);
    // Of a file that no name leads to any more nothing can ever be written out.
    const isGone = fault instanceof Fault && fault.code === 'stale-handle';
    if (!isGone) takeBack(parts, file, ranges);
    else if (parts.files.get(file.ino) === file) parts.files.forget(file);
    throw fault;
  } finally {
    guard.release();
  }
}

function noteRanges({ shortExtents, environment }: Parts, ino: Ino, written: readonly Range[]): void {
  const [first, last] = [written[0], written.at(-1)];
  if (first === undefined || last === undefined) return;
  shortExtents.note(ino, { start: first.start, end: last.end }, environment.clock.monotonic());
}

/** Puts what could not be written below what was written since; pictures taken meanwhile keep the old ranges. */
function takeBack({ files }: Parts, file: OpenFile, taken: DirtyRanges): void {
  if (files.get(file.ino) !== file) return;
  const whole = taken.copy();
  for (const { offset, bytes } of file.dirty.all()) whole.write(offset, bytes);
  files.account(file, whole.weight() - file.weight());
  file.dirty = whole;
  file.flushing = undefined;
}

async function stageRuns(
  parts: Parts,
  ino: Ino,
  taken: DirtyRanges,
  size: number,
): Promise<readonly (Staged & Range)[]> {
  const { kv, blobs, files, shortExtents } = parts;
  const bytes = await kv.get(inodeKey(ino));
  const file = files.get(ino);
  if (bytes === undefined) {
    if (file !== undefined) files.forget(file);
    throw staleHandle(ino);
  }
  const inode = decodeInode(ino, bytes);
  const content = contentOf(parts, inode.encryption);
  const runs = runsOf(taken.all());
  const gathers = mayGather(runs, { size, sizeBefore: inode.size, goesOnAt: shortExtents.endOf(ino) });
  // In one moment: extents that are merged meanwhile would show twice, as what they were and as what they are now.
  const around =
    inode.extents ??
    (gathers
      ? await kv.transact('buffered', (tx) => extentsAround(tx, inode, runs.map(withNeighbours)))
      : []);
  // Clients rewrite such files in place, and what is small is gathered later.
  const staging = { blobs, content, lifetime: 'short' } as const;
  const staged = (some: readonly Range[]) => stageSome(staging, { runs: some, around, taken });
  if (!gathers) return staged(runs);
  return staged(gathered(runs, around, size)).catch((fault: unknown) => {
    // What lies beside may be out of reach, or damaged: what was written is none the worse for that.
    if (!(fault instanceof Fault)) throw fault;
    return staged(runs);
  });
}

async function stageSome(
  staging: Staging & { readonly content: Pick<BlobContent, 'stage' | 'read'> },
  {
    runs,
    around,
    taken,
  }: { readonly runs: readonly Range[]; readonly around: readonly Extent[]; readonly taken: DirtyRanges },
): Promise<readonly (Staged & Range)[]> {
  const staged: (Staged & Range)[] = [];
  try {
    for (const run of runs) {
      const whole = await readPieces(staging.content, plan(overlapping(around, run), [taken], run));
      staged.push({ ...run, ...(await stageRun(staging, run.start, whole)) });
    }
  } catch (fault) {
    for (const { blobs } of staged) for (const blob of blobs) staging.blobs.discard(blob);
    throw fault;
  }
  return staged;
}

/** `undefined`: the version was sealed since the data was taken, and another one must be begun first. */
async function commitRuns(
  { blobs, sequence, environment, files }: Parts,
  tx: KvTransaction,
  { ino, attributes, staged }: { ino: Ino; attributes: DirtyAttributes; staged: readonly (Staged & Range)[] },
): Promise<true | undefined> {
  const bytes = await tx.get(inodeKey(ino));
  if (bytes === undefined) throw staleHandle(ino);
  const inode = decodeInode(ino, bytes);
  if (inode.linkCount === 0) throw staleHandle(ino);
  const rules = await rulesOf(tx, inode.bucket);
  const now = environment.clock.wall();
  if (needsFork(inode, rules, now)) return undefined;
  for (const { blobs: fresh } of staged) for (const blob of fresh) blobs.attach(tx, blob);
  for (const { extents } of staged) putHolders(tx, ino, extents);
  const replacements = staged.map(({ start, end, extents }) => ({ start, end, fresh: extents }));
  const place = await replaceRanges({ tx, blobs, nextId: () => sequence.next() }, inode, replacements);
  const { size, mtime, contentGeneration } = attributes;
  const ctime = laterOf(inode.ctime, attributes.ctime);
  const versioned = inode.version.openUntil === 0 ? undefined : keptOpen(inode.version, rules, now);
  const written = { size, mtime, ctime, contentGeneration };
  const changed = Object.assign({ ...inode }, versioned, place, written);
  await putInode(tx, changed);
  countingOf(tx).admit();
  tx.whenCommitted(() => files.get(ino)?.reservation.shrink(size - inode.size));
  return true;
}
