import { Fault } from '../../fault.ts';
import { READ_GAP_BYTES_MAX, READ_RUN_BYTES_MAX, READ_RUNS_MAX } from '../../limits/tiering.ts';
import { atMost } from '../at-most.ts';
import type { SegmentId } from '../segment-store.ts';
import type { ChunkRows } from './chunk-rows.ts';
import type { ChunkParts } from './parts.ts';
import type { ChunkRow } from './records.ts';
import { fingerprintOf, type FingerprintText } from './tables.ts';

export type PlacedChunk = readonly [FingerprintText, ChunkRow];

const none = new Uint8Array();

/** Frames of one segment that one read brings. */
interface Run {
  readonly segment: SegmentId;
  readonly start: number;
  readonly end: number;
  readonly chunks: readonly PlacedChunk[];
}

export interface Opened {
  readonly plains: ReadonlyMap<FingerprintText, Uint8Array>;
  /** Those that are not where their rows say, or not what they were. A delta whose base is one is neither here nor there. */
  readonly broken: ChunkRows;
}

/**
 * The content of chunks, opened and compared with their fingerprints. Among `rows` are those of bases (`withBases`), so that a
 * delta costs two frames. Faults of the segment store but 'not-found' and 'corrupt'.
 */
export async function openChunks(parts: ChunkParts, rows: ChunkRows): Promise<Opened> {
  const plains = new Map<FingerprintText, Uint8Array>();
  const broken = new Map<FingerprintText, ChunkRow>();
  const deltas: {
    readonly chunk: PlacedChunk;
    readonly frame: Uint8Array;
    readonly base: FingerprintText;
  }[] = [];
  const open = async (chunk: PlacedChunk, frame: Uint8Array | undefined, base: Uint8Array): Promise<void> => {
    const plain = frame === undefined ? undefined : await openFrame(parts, { chunk, frame, base });
    if (plain === undefined) broken.set(...chunk);
    else plains.set(chunk[0], plain);
  };
  await atMost(READ_RUNS_MAX, runsOf(rows), async (run) => {
    const frames = await readRun(parts, run);
    const each = async (chunk: PlacedChunk, frame: Uint8Array | undefined): Promise<void> => {
      const { base } = chunk[1];
      if (base === undefined || frame === undefined) await open(chunk, frame, none);
      // Copied: else each would keep all that was read with it.
      else deltas.push({ chunk, frame: Uint8Array.from(frame), base });
    };
    await Promise.all(run.chunks.map((chunk, index) => each(chunk, frames?.[index])));
  });
  await atMost(READ_RUNS_MAX, deltas, async ({ chunk, frame, base }) => {
    const plain = plains.get(base);
    if (plain !== undefined) await open(chunk, frame, plain);
    else if (!broken.has(base)) broken.set(...chunk);
  });
  return { plains, broken };
}

/** Whole frames as they are, from as few reads as bring them; `undefined` for those that are not there. */
export async function readFrames(
  parts: ChunkParts,
  rows: ChunkRows,
): Promise<ReadonlyMap<FingerprintText, Uint8Array>> {
  const found = new Map<FingerprintText, Uint8Array>();
  await atMost(READ_RUNS_MAX, runsOf(rows), async (run) => {
    const frames = await readRun(parts, run);
    for (const [index, [fingerprint]] of run.chunks.entries()) {
      const frame = frames?.[index];
      if (frame !== undefined) found.set(fingerprint, frame);
    }
  });
  return found;
}

function runsOf(rows: ChunkRows): readonly Run[] {
  const runs: Run[] = [];
  let run: { segment: SegmentId; start: number; end: number; chunks: PlacedChunk[] } | undefined;
  for (const [fingerprint, row] of [...rows].sort(([, one], [, other]) => inPlaceOrder(one, other))) {
    const end = row.start + row.length;
    const joins =
      run?.segment === row.segment &&
      row.start - run.end <= READ_GAP_BYTES_MAX &&
      end - run.start <= READ_RUN_BYTES_MAX;
    if (joins && run !== undefined) {
      run.end = Math.max(run.end, end);
      run.chunks.push([fingerprint, row]);
    } else {
      run = { segment: row.segment, start: row.start, end, chunks: [[fingerprint, row]] };
      runs.push(run);
    }
  }
  return runs;
}

const inPlaceOrder = (one: ChunkRow, other: ChunkRow): number =>
  one.segment === other.segment ? one.start - other.start : one.segment < other.segment ? -1 : 1;

async function readRun({ segments }: ChunkParts, run: Run): Promise<readonly Uint8Array[] | undefined> {
  try {
    const bytes = await segments.read(run.segment, run.start, run.end - run.start);
    return run.chunks.map(([, { start, length }]) =>
      bytes.subarray(start - run.start, start - run.start + length),
    );
  } catch (failure) {
    if (isGone(failure)) return undefined;
    throw failure;
  }
}

/** What the store says of bytes that it will not have later either. */
export const isGone = (failure: unknown): boolean =>
  failure instanceof Fault && (failure.code === 'not-found' || failure.code === 'corrupt');

/** What the store says of bytes that it cannot ask for now and may have later. */
export const isAway = (failure: unknown): failure is Fault =>
  failure instanceof Fault && failure.code === 'unavailable';

/** Undefined for anything but the content that the fingerprint stands for. `base` is what a delta needs. */
export async function openFrame(
  { reduction, dataKeys, chunking }: ChunkParts,
  given: { readonly chunk: PlacedChunk; readonly frame: Uint8Array; readonly base: Uint8Array },
): Promise<Uint8Array | undefined> {
  const { frame, base } = given;
  const [fingerprint, row] = given.chunk;
  const secret = row.keyId === undefined ? none : dataKeys.secretOf(row.keyId);
  const plain = await reduction.open({ secret, base }, frame);
  if (plain?.length !== row.plainBytes) return undefined;
  // Also a frame that opens may be another one, where who keeps it can forge: without a cipher, or with one left out.
  const found = reduction.fingerprint(chunking.fingerprintKey, plain);
  return Buffer.compare(found, fingerprintOf(fingerprint)) === 0 ? plain : undefined;
}

/** Readers of one damaged segment share what mends it. */
export async function scrubOnce({ segments, scrubs }: ChunkParts, id: SegmentId): Promise<void> {
  let scrub = scrubs.get(id);
  if (scrub === undefined) {
    scrub = segments.scrub(id).finally(() => scrubs.delete(id));
    scrubs.set(id, scrub);
  }
  try {
    await scrub;
  } catch (failure) {
    if (!isGone(failure)) throw failure;
  }
}
