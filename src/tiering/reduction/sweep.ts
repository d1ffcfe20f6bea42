import { decodeCounts } from '../counts.ts';
import type { SegmentId } from '../segment-store.ts';
import { changeLive } from './attach.ts';
import { readChunkRows } from './chunk-rows.ts';
import type { ChunkParts } from './parts.ts';
import { decodeSegment, encodeSegment, type SegmentRow } from './records.ts';
import type { FingerprintText } from './tables.ts';

/**
 * Deletes the rows of those of these chunks that no recipe names. Whoever adds a reference meanwhile reads the row, and
 * whoever sweeps reads the count: one of the two runs again.
 */
export async function sweepChunks(
  parts: ChunkParts,
  fingerprints: readonly FingerprintText[],
): Promise<number> {
  const { kv, tables, usage, chunks, leads } = parts;
  return kv.transact('buffered', async (tx) => {
    const counts = await tx.getMany(fingerprints.map(tables.references));
    const dead = fingerprints.filter((_, index) => counts[index] === undefined);
    const rows = await readChunkRows({ kv: tx, tables }, dead);
    const live = new Map<SegmentId, number>();
    for (const [fingerprint, row] of rows) {
      tx.delete(tables.chunk(fingerprint));
      tx.whenCommitted(() => {
        chunks.forget(fingerprint);
        leads.segment(row.segment);
      });
      live.set(row.segment, (live.get(row.segment) ?? 0) - row.length);
      usage.change(tx, { chunks: -1, bytesUnique: -row.plainBytes, bytesLive: -row.length });
    }
    for (const [id, bytes] of live) changeLive(parts, tx, { id, bytes });
    return rows.size;
  });
}

export interface SegmentState extends SegmentRow {
  readonly bytesLive: number;
}

/** Of those that have a row. */
export async function segmentStates(
  { kv, tables }: ChunkParts,
  ids: readonly SegmentId[],
): Promise<ReadonlyMap<SegmentId, SegmentState>> {
  const rows = await kv.getMany(ids.flatMap((id) => [tables.segment(id), tables.live(id)]));
  const states = new Map<SegmentId, SegmentState>();
  for (const [index, id] of ids.entries()) {
    const [row, live] = rows.slice(2 * index);
    if (row !== undefined)
      states.set(id, { ...decodeSegment(row), bytesLive: decodeCounts(live, 1)[0] ?? 0 });
  }
  return states;
}

/**
 * Gives a segment up in which nothing is, and deletes it. Order: the row says so durably, everybody who still read by older
 * rows has gone, the store has deleted it, then the row goes. False when it is not empty.
 */
export async function dropSegment(parts: ChunkParts, id: SegmentId): Promise<boolean> {
  const { kv, tables, usage, segments, readers, open } = parts;
  const row = await kv.transact('durable', async (tx) => {
    const [value, live] = await tx.getMany([tables.segment(id), tables.live(id)]);
    if (value === undefined || live !== undefined || open.has(id)) return undefined;
    const found = decodeSegment(value);
    if (found.state !== 'dropped') tx.put(tables.segment(id), encodeSegment({ ...found, state: 'dropped' }));
    return found;
  });
  if (row === undefined) return false;
  await readers.settled();
  await segments.delete(id);
  await kv.transact('buffered', async (tx) => {
    if ((await tx.get(tables.segment(id))) === undefined) return;
    tx.delete(tables.segment(id));
    usage.change(tx, { segments: -1, bytesStored: -row.imageBytes });
  });
  return true;
}
