import { Fault } from '../../fault.ts';
import type { KvTransaction } from '../../kv/kv.ts';
import { FRAME_SALT_BYTES, isIntactFrame, readFrameHead } from '../../workers/frame.ts';
import type { PackItem, Packing } from '../../workers/reduction.ts';
import { footerBytes, readFooter, TRAILER_BYTES } from '../../workers/segment.ts';
import type { SegmentId } from '../segment-store.ts';
import { changeLive, sealSegments } from './attach.ts';
import { markLost, readChunkRows, withBases, type ChunkRows } from './chunk-rows.ts';
import {
  isAway,
  isGone,
  openChunks,
  openFrame,
  readFrames,
  scrubOnce,
  type PlacedChunk,
} from './open-chunks.ts';
import type { ChunkParts } from './parts.ts';
import { encodeChunk, isSamePlace, type ChunkPlace, type ChunkRow } from './records.ts';
import { segmentStates } from './sweep.ts';
import { fingerprintOf, fingerprintText, type FingerprintText } from './tables.ts';
import { packSegment, putSegment, type PackedSegment, type SegmentPacking } from './write-segment.ts';

/** What a chunk moves from and to. */
interface Move {
  readonly fingerprint: FingerprintText;
  readonly from: ChunkRow;
  readonly to: ChunkPlace;
}

/** A chunk that will move, as it goes into the new segment. */
interface Moving {
  readonly fingerprint: FingerprintText;
  readonly row: ChunkRow;
  readonly item: PackItem;
}

/** Frames that are taken over stay as they are, whatever is said. */
const taken: Packing['compression'] = { codec: 'plain', level: 1 };

export interface Compaction {
  /** How many chunks. */
  readonly moved: number;
  /** Segments whose index cannot be read: what is in them is known by the rows of all chunks only. */
  readonly blind: readonly SegmentId[];
}

/**
 * Moves what is live in some segments into one new segment, as much as it has room for. The sources are not deleted here:
 * they become empty.
 */
export async function compactSegments(parts: ChunkParts, sources: readonly SegmentId[]): Promise<Compaction> {
  const { rows, blind } = await liveChunks(parts, sources, parts.segments.traits.imageBytesMax);
  return { moved: await moveFrames(parts, rows), blind };
}

/** Moves as many of these chunks as one new segment has room for. Frames are taken over as they are. Answers how many. */
export async function moveFrames(parts: ChunkParts, rows: ChunkRows): Promise<number> {
  const sources = new Set([...rows.values()].map(({ segment }) => segment));
  const states = await segmentStates(parts, [...sources]);
  const packing = { compression: taken, isDense: [...states.values()].every(({ isDense }) => isDense) };
  const frames = await readFrames(parts, rows);
  const moving = [...rows].flatMap(([fingerprint, row]): Moving[] => {
    const bytes = frames.get(fingerprint);
    return bytes === undefined || !isFrameOf([fingerprint, row], bytes)
      ? []
      : [{ fingerprint, row, item: { kind: 'frame', bytes } }];
  });
  await mend(parts, rows, moving);
  try {
    return await moveAll(parts, moving, packing);
  } catch (failure) {
    if (!(failure instanceof Fault && failure.code === 'corrupt')) throw failure;
    // Only now is it worth to look at each: the native code has compared all of them already.
    const sound = moving.filter(({ item }) => item.kind === 'frame' && isIntactFrame(item.bytes));
    await mend(parts, rows, sound);
    return moveAll(parts, sound, packing);
  }
}

/** Whether a frame says that it is of this chunk, and of this base: one of another would move with its checksum right. */
function isFrameOf([fingerprint, { base }]: PlacedChunk, frame: Uint8Array): boolean {
  const head = readFrameHead(frame);
  if (head === undefined || fingerprintText(head.fingerprint) !== fingerprint) return false;
  return (head.base === undefined ? undefined : fingerprintText(head.base)) === base;
}

/** Compresses what is live in a segment again, with Zstandard, into a new one. Deltas, which are that already, move as they are. */
export async function recompressSegment(
  parts: ChunkParts,
  source: SegmentId,
  level: number,
): Promise<Compaction> {
  const { rows, blind } = await liveChunks(parts, [source], Infinity);
  const frames = await readFrames(parts, rows);
  const moving: Moving[] = [];
  for (const [fingerprint, row] of rows) {
    const frame = frames.get(fingerprint);
    const item = frame === undefined ? undefined : await denseItem(parts, [fingerprint, row], frame);
    if (item !== undefined) moving.push({ fingerprint, row, item });
  }
  await mend(parts, rows, moving);
  const packing = { compression: { codec: 'zstd', level }, isDense: true } as const;
  return { moved: await moveAll(parts, moving, packing), blind };
}

/** Undefined for a frame that is not what it was. */
async function denseItem(
  parts: ChunkParts,
  chunk: PlacedChunk,
  frame: Uint8Array,
): Promise<PackItem | undefined> {
  const [fingerprint, row] = chunk;
  if (row.base !== undefined) {
    return isFrameOf(chunk, frame) && isIntactFrame(frame) ? { kind: 'frame', bytes: frame } : undefined;
  }
  const plain = await openFrame(parts, { chunk, frame, base: new Uint8Array() });
  const label = labelOf(parts, row, frame);
  if (plain === undefined || label === undefined) return undefined;
  const salts = parts.environment.random.bytes(2 * FRAME_SALT_BYTES);
  return { kind: 'chunk', plain, fingerprint: fingerprintOf(fingerprint), salts, label };
}

async function moveAll(
  parts: ChunkParts,
  moving: readonly Moving[],
  packing: SegmentPacking,
): Promise<number> {
  if (moving.length === 0) return 0;
  const items = moving.map(({ item }) => item);
  const segment = await packSegment(parts, items, packing);
  return moveInto(parts, segment, movesInto(segment, moving));
}

function labelOf(
  { reduction, dataKeys }: ChunkParts,
  { keyId }: ChunkRow,
  frame: Uint8Array,
): Uint8Array | undefined {
  return reduction.openLabel(keyId === undefined ? new Uint8Array() : dataKeys.secretOf(keyId), frame);
}

/** Rows of the chunks that are in these segments and not lost, up to so many bytes of frames, by the indexes of the segments. */
async function liveChunks(
  parts: ChunkParts,
  ids: readonly SegmentId[],
  bytesMax: number,
): Promise<{ readonly rows: ChunkRows; readonly blind: readonly SegmentId[] }> {
  const live = new Map<FingerprintText, ChunkRow>();
  const blind: SegmentId[] = [];
  let bytes = 0;
  for (const id of ids) {
    const fingerprints = await fingerprintsIn(parts, id).catch((failure: unknown) => {
      // The others move without one that cannot be asked for now.
      if (!isAway(failure) || ids.length === 1) throw failure;
      return [];
    });
    if (fingerprints === undefined) blind.push(id);
    const rows = await readChunkRows(parts, fingerprints ?? []);
    for (const [fingerprint, row] of rows) {
      if (row.segment !== id || row.isLost || bytes + row.length > bytesMax) continue;
      live.set(fingerprint, row);
      bytes += row.length;
    }
  }
  return { rows: live, blind };
}

/** What the index at the end of a segment names; `undefined` when it cannot be read, and a scrub does not help. */
async function fingerprintsIn(
  parts: ChunkParts,
  id: SegmentId,
): Promise<readonly FingerprintText[] | undefined> {
  const state = (await segmentStates(parts, [id])).get(id);
  if (state === undefined) return [];
  let footer = await readEnd(parts, id, state.imageBytes);
  if (footer === undefined) {
    await scrubOnce(parts, id);
    footer = await readEnd(parts, id, state.imageBytes);
  }
  return footer?.entries.map(({ head }) => fingerprintText(head.fingerprint));
}

export async function readEnd(
  { segments }: Pick<ChunkParts, 'segments'>,
  id: SegmentId,
  imageBytes: number,
): Promise<ReturnType<typeof readFooter>> {
  try {
    const trailer = await segments.read(id, imageBytes - TRAILER_BYTES, TRAILER_BYTES);
    const length = footerBytes(trailer);
    if (length === undefined || length > imageBytes) return undefined;
    return readFooter(await segments.read(id, imageBytes - length, length));
  } catch (failure) {
    if (isGone(failure)) return undefined;
    throw failure;
  }
}

/** Frames that were found broken do not move: their segments are scrubbed, and what stays broken is lost. */
async function mend(parts: ChunkParts, rows: ChunkRows, sound: readonly Moving[]): Promise<void> {
  const broken = new Map(rows);
  for (const { fingerprint } of sound) broken.delete(fingerprint);
  if (broken.size === 0) return;
  for (const id of new Set([...broken.values()].map(({ segment }) => segment))) await scrubOnce(parts, id);
  const opened = await openChunks(parts, await withBases(parts, broken));
  await markLost(parts, opened.broken, true);
}

function movesInto({ id, placed, seal }: PackedSegment, moving: readonly Moving[]): readonly Move[] {
  return placed.flatMap(({ start, length }, index) => {
    const moved = moving[index];
    if (moved === undefined) return [];
    const { fingerprint, row: from, item } = moved;
    const own = seal.cipher === 'none' ? undefined : seal.keyId;
    const { keyId, base } = item.kind === 'frame' ? from : { keyId: own, base: undefined };
    const to = { segment: id, start, length, plainBytes: from.plainBytes, keyId, base };
    return [{ fingerprint, from, to }];
  });
}

/** Makes the new segment durable, then switches the rows: one transaction for each segment that chunks come from. */
async function moveInto(parts: ChunkParts, segment: PackedSegment, moves: readonly Move[]): Promise<number> {
  const sources = new Set(moves.map(({ from }) => from.segment));
  let moved = 0;
  try {
    await putSegment(parts, segment);
    for (const source of sources) {
      const some = moves.filter(({ from }) => from.segment === source);
      moved += await parts.kv.transact('buffered', (tx) => switchRows(parts, tx, { segment, moves: some }));
      parts.leads.segment(source);
    }
  } finally {
    parts.open.unpin(segment.id);
  }
  return moved;
}

async function switchRows(
  parts: ChunkParts,
  tx: KvTransaction,
  { segment, moves }: { readonly segment: PackedSegment; readonly moves: readonly Move[] },
): Promise<number> {
  const { tables, usage, chunks } = parts;
  const latest = await readChunkRows(
    { kv: tx, tables },
    moves.map(({ fingerprint }) => fingerprint),
  );
  const live = new Map<SegmentId, number>();
  let moved = 0;
  for (const { fingerprint, from, to } of moves) {
    const row = latest.get(fingerprint);
    if (row === undefined || !isSamePlace(row, from)) continue;
    tx.put(tables.chunk(fingerprint), encodeChunk({ ...to, isLost: false }));
    tx.whenCommitted(() => chunks.forget(fingerprint));
    live.set(from.segment, (live.get(from.segment) ?? 0) - from.length);
    live.set(to.segment, (live.get(to.segment) ?? 0) + to.length);
    usage.change(tx, { bytesLive: to.length - from.length });
    moved += 1;
  }
  if (moved > 0) await sealSegments(parts, tx, [segment.id]);
  for (const [id, bytes] of live) changeLive(parts, tx, { id, bytes });
  return moved;
}
