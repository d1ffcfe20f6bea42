import type { KvTransaction } from '../../kv/kv.ts';
import { decodeCounts } from '../counts.ts';
import type { SegmentId } from '../segment-store.ts';
import { changeLive } from './attach.ts';
import { changeReference } from './references.ts';
import { readChunkRows } from './chunk-rows.ts';
import type { ChunkParts } from './parts.ts';
import { decodeSegment, encodeSegment, type ChunkRow, type SegmentRow } from './records.ts';
import type { FingerprintText } from './tables.ts';

/**
 * Deletes the rows of those of these chunks that no recipe and no delta names. Whoever adds a reference meanwhile reads the row,
 * and whoever sweeps reads the count: one of the two runs again.
 */
export async function sweepChunks(
  parts: ChunkParts,
  fingerprints: readonly FingerprintText[],
): Promise<number> {
  const { swept, left } = await parts.kv.transact('buffered', (tx) => sweepIn(parts, tx, fingerprints));
  // Deltas alone: no base is among them.
  return left.length === 0 ? swept : swept + (await sweepChunks(parts, left));
}

/** `left`: dead deltas of bases that were looked at as well; a count that a transaction has read is not changed by it. */
async function sweepIn(
  parts: ChunkParts,
  tx: KvTransaction,
  fingerprints: readonly FingerprintText[],
): Promise<{ readonly swept: number; readonly left: readonly FingerprintText[] }> {
  const { tables } = parts;
  const counts = await tx.getMany(fingerprints.map(tables.references));
  const dead = fingerprints.filter((_, index) => counts[index] === undefined);
  const rows = await readChunkRows({ kv: tx, tables }, dead);
  const looked = new Set(fingerprints);
  const left: FingerprintText[] = [];
  const live = new Map<SegmentId, number>();
  for (const [fingerprint, row] of rows) {
    if (row.base !== undefined && looked.has(row.base)) {
      left.push(fingerprint);
      continue;
    }
    deleteRow(parts, tx, [fingerprint, row]);
    live.set(row.segment, (live.get(row.segment) ?? 0) - row.length);
  }
  for (const [id, bytes] of live) changeLive(parts, tx, { id, bytes });
  return { swept: rows.size - left.length, left };
}

function deleteRow(
  parts: ChunkParts,
  tx: KvTransaction,
  [fingerprint, row]: readonly [FingerprintText, ChunkRow],
): void {
  const { tables, usage, chunks, leads } = parts;
  tx.delete(tables.chunk(fingerprint));
  tx.whenCommitted(() => {
    chunks.forget(fingerprint);
    leads.segment(row.segment);
  });
  usage.change(tx, { chunks: -1, bytesUnique: -row.plainBytes, bytesLive: -row.length });
  if (row.base === undefined) return;
  changeReference(parts, tx, { fingerprint: row.base, by: -1 });
  usage.change(tx, { deltas: -1 });
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
