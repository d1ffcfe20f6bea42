import { hasOwnKey } from '../keyring/encryption.ts';
import { Fault } from '../fault.ts';
import type { Kv } from '../kv/kv.ts';
import type { Log } from '../environment.ts';
import { PAGE_ENTRIES_MAX } from '../limits.ts';
import type { RecoveredBlob, RecoveredBlobs } from '../tiering/reduction/recover-blobs.ts';
import { decodeBlobLabel, type LabelledFile, type LabelledPiece } from './blob-label.ts';
import type { Range } from './extents.ts';
import {
  decodeClaim,
  decodeShown,
  encodeClaim,
  encodeShown,
  recoveredRows,
  type Claim,
  type Shown,
} from './recovered-rows.ts';
import { compareTimes } from './time.ts';

export interface TreeRecoveryParts {
  /** Of the tiers that are there, warmest first: a blob is read from the first that gives it. */
  readonly tiers: readonly RecoveredBlobs[];
  /** The one that these were opened with, or another that is empty. */
  readonly scratch: Kv;
  readonly log: Log;
}

/** Bytes of a file. Of content that has a key of its own (`label.encryption`): a whole blob as that key has sealed it. */
export interface RecoveredPiece {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export interface RecoveredFile {
  /** What the youngest of its blobs says. */
  readonly label: Omit<LabelledFile, 'pieces'>;
  /** False: a younger content was found under its key, so it was replaced there, or removed, or has moved since. */
  readonly isNewest: boolean;
  /**
   * Blobs of its youngest generation are not all of it: the others are what the file had when it was changed in place, or what
   * it had before and has no more; nobody can tell which.
   */
  readonly isMixed: boolean;
  /** What no blob that was found shows: holes, and content that never left the hot tier. Ascending. */
  readonly missing: readonly Range[];
  /** In the order of writing: where two overlap the later one counts. Fault('corrupt', 'blob') where no tier can give one. */
  readonly content: () => AsyncIterable<RecoveredPiece>;
}

/**
 * The files that the labels of blobs speak of, by the number of their inodes: the tree as it was when its blobs moved. Needs no
 * metadata at all (ADR 40).
 */
export async function* recoverTree(parts: TreeRecoveryParts): AsyncGenerator<RecoveredFile, void> {
  await gather(parts);
  let file: GatheredFile | undefined;
  for await (const shown of allShown(parts.scratch)) {
    if (file !== undefined && file.label.ino !== shown.file.ino) {
      yield await recovered(parts, file);
      file = undefined;
    }
    file ??= { label: shown.file, covered: [], young: [], hasOlder: false };
    if (shown.file.contentGeneration > file.label.contentGeneration) {
      file.young = [];
      file.hasOlder = true;
    }
    if (isYounger(shown.file, file.label)) file.label = shown.file;
    for (const { offset, length } of shown.file.pieces)
      for (const ranges of [file.covered, file.young]) cover(ranges, offset, offset + length);
  }
  if (file !== undefined) yield await recovered(parts, file);
}

/** What is known of one file. */
interface GatheredFile {
  label: LabelledFile;
  /** Ascending, apart. */
  readonly covered: { start: number; end: number }[];
  /** By the youngest generation alone. */
  young: { start: number; end: number }[];
  /** Blobs of older generations were found. */
  hasOlder: boolean;
}

/** Writes down every file of every label, and who claims which key. */
async function gather({ tiers, scratch, log }: TreeRecoveryParts): Promise<void> {
  let unlabelled = 0;
  for (const [tier, blobs] of tiers.entries()) {
    for await (const { id, label } of blobs.all()) {
      const files = decodeBlobLabel(label)?.files ?? [];
      if (files.length === 0) unlabelled += 1;
      await scratch.transact('buffered', async (tx) => {
        for (const file of files) {
          tx.put(recoveredRows.shown({ blob: id, tier, file }), encodeShown(file));
          for (const key of file.keys) {
            const row = recoveredRows.claim(file, key);
            const claim = decodeClaim(await tx.get(row));
            if (claim === undefined || isGreater(file, claim)) tx.put(row, encodeClaim(file));
          }
        }
      });
    }
  }
  if (unlabelled > 0) log.warn('blobs were found of which nothing is said', { count: unlabelled });
}

const isGreater = (file: LabelledFile, claim: Claim): boolean =>
  file.contentGeneration > claim.contentGeneration;

function isYounger(one: LabelledFile, other: LabelledFile): boolean {
  const generations = one.contentGeneration - other.contentGeneration;
  return generations > 0 || (generations === 0 && compareTimes(one.ctime, other.ctime) > 0);
}

async function recovered(parts: TreeRecoveryParts, file: GatheredFile): Promise<RecoveredFile> {
  const { pieces: _pieces, ...label } = file.label;
  const { scratch } = parts;
  const claims = await scratch.getMany(label.keys.map((key) => recoveredRows.claim(label, key)));
  const isNewest = claims.every((row) => decodeClaim(row)?.ino === label.ino);
  const missing = gaps(file.covered, label.size);
  const isMixed = file.hasOlder && gaps(file.young, label.size).length > 0;
  return { label, isNewest, isMixed, missing, content: () => contentOf(parts, label) };
}

async function* contentOf(
  { tiers, scratch }: TreeRecoveryParts,
  label: RecoveredFile['label'],
): AsyncGenerator<RecoveredPiece, void> {
  const isSealed = label.encryption !== undefined && hasOwnKey(label.encryption);
  let last: Shown | undefined;
  for await (const shown of allShown(scratch, label.ino)) {
    // The same in a colder tier.
    if (last?.blob === shown.blob) continue;
    last = shown;
    const bytes = await contentIn(tiers, shown);
    for (const piece of shown.file.pieces)
      yield isSealed ? { offset: piece.offset, bytes } : cut(piece, bytes, label);
  }
}

/** The part of a piece that is within the file. */
function cut(
  { offset, length, blobOffset }: LabelledPiece,
  bytes: Uint8Array,
  { size }: Pick<LabelledFile, 'size'>,
): RecoveredPiece {
  const end = Math.max(0, Math.min(length, size - offset));
  return { offset, bytes: bytes.subarray(blobOffset, blobOffset + end) };
}

async function contentIn(tiers: readonly RecoveredBlobs[], { blob }: Shown): Promise<Uint8Array> {
  let failure: unknown;
  for (const blobs of tiers) {
    const found: RecoveredBlob | undefined = await blobs.find(blob);
    if (found === undefined) continue;
    try {
      return await found.content();
    } catch (cause) {
      if (!(cause instanceof Fault && cause.code === 'corrupt')) throw cause;
      failure ??= cause;
    }
  }
  throw failure;
}

/** By inode, the content that was young last; of one file or all. */
async function* allShown(scratch: Kv, ino?: LabelledFile['ino']): AsyncGenerator<Shown, void> {
  for await (const page of scratch.scan(recoveredRows.allShown(ino), { pageEntries: PAGE_ENTRIES_MAX })) {
    for (const { key, value } of page) yield decodeShown(key, value);
  }
}

/** Adds [start, end) to ranges that are ascending and apart. */
function cover(ranges: { start: number; end: number }[], start: number, end: number): void {
  let first = ranges.length;
  while (first > 0 && (ranges[first - 1]?.end ?? 0) >= start) first -= 1;
  let behind = first;
  const joined = { start, end };
  for (let range = ranges[behind]; range !== undefined && range.start <= end; range = ranges[behind]) {
    joined.start = Math.min(joined.start, range.start);
    joined.end = Math.max(joined.end, range.end);
    behind += 1;
  }
  ranges.splice(first, behind - first, joined);
}

function gaps(covered: readonly Range[], size: number): readonly Range[] {
  const missing: Range[] = [];
  let at = 0;
  for (const { start, end } of covered) {
    if (start > at && at < size) missing.push({ start: at, end: Math.min(start, size) });
    at = Math.max(at, end);
  }
  if (at < size) missing.push({ start: at, end: size });
  return missing;
}
