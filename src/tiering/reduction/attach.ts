import assert from 'node:assert/strict';
import { Fault } from '../../fault.ts';
import type { KvTransaction } from '../../kv/kv.ts';
import type { BlobId } from '../blobs.ts';
import { encodeCounts } from '../counts.ts';
import type { SegmentId } from '../segment-store.ts';
import { isSound, readChunkRows, readWithBases, type ChunkRows } from './chunk-rows.ts';
import type { ChunkParts } from './parts.ts';
import {
  decodeRecipe,
  decodeSegment,
  encodeChunk,
  encodeRecipe,
  encodeSegment,
  heldBy,
  type ChunkPlace,
  type ChunkRow,
  type Recipe,
} from './records.ts';
import { changeReference } from './references.ts';
import { noteSimilar } from './similar.ts';
import type { NewPlace, Staged } from './store-blobs.ts';
import type { FingerprintText } from './tables.ts';
import type { UsageChange } from './usage.ts';

/**
 * Writes recipe, references and the rows of chunks that are new. Chunk rows are read and counts are merged, so that those
 * who share a chunk do not conflict, while a chunk that is swept or moved meanwhile runs the transaction again.
 * Over a recipe that is there already it is a repair: chunks that were lost get the place of the new copy.
 */
export async function attachRecipe(
  parts: ChunkParts,
  tx: KvTransaction,
  { id, staged }: { readonly id: BlobId; readonly staged: Staged },
): Promise<void> {
  const { tables, usage } = parts;
  const { recipe } = staged;
  const fingerprints = [...heldBy(recipe)];
  const before = await tx.get(tables.recipe(id));
  const placing = await Placing.over(parts, tx, { fingerprints, places: staged.places });
  for (const fingerprint of fingerprints) placing.require(fingerprint);
  await placing.finish();
  const old = before === undefined ? undefined : decodeRecipe(before);
  changeReferences(parts, tx, { from: old, to: recipe });
  tx.put(tables.recipe(id), encodeRecipe(recipe));
  usage.change(tx, {
    blobs: old === undefined ? 1 : 0,
    bytesLogical: recipe.length - (old?.length ?? 0),
  });
  tx.whenCommitted(() => parts.recipes.forget(id));
}

/** Takes the recipe of a blob away; false when it has none. */
export async function releaseRecipe(parts: ChunkParts, tx: KvTransaction, id: BlobId): Promise<boolean> {
  const key = parts.tables.recipe(id);
  const row = await tx.get(key);
  if (row === undefined) return false;
  const recipe = decodeRecipe(row);
  tx.delete(key);
  changeReferences(parts, tx, { from: recipe, to: undefined });
  parts.usage.change(tx, { blobs: -1, bytesLogical: -recipe.length });
  tx.whenCommitted(() => parts.recipes.forget(id));
  return true;
}

interface RecipeChange {
  readonly from: Recipe | undefined;
  readonly to: Recipe | undefined;
}

function changeReferences(parts: ChunkParts, tx: KvTransaction, { from, to }: RecipeChange): void {
  const [old, next] = [from, to].map((it) => (it === undefined ? new Set<FingerprintText>() : heldBy(it)));
  assert(old !== undefined && next !== undefined);
  for (const fingerprint of next) {
    if (!old.has(fingerprint)) changeReference(parts, tx, { fingerprint, by: 1 });
  }
  for (const fingerprint of old) {
    if (!next.has(fingerprint)) changeReference(parts, tx, { fingerprint, by: -1 });
  }
}

type Places = ReadonlyMap<FingerprintText, NewPlace>;

const gone = (): Fault =>
  new Fault('conflict', 'blob', 'a chunk that was there has gone: store the blob again');

/** Chunk rows of one transaction and what follows from them: live bytes, usage, segments that are sealed. */
class Placing {
  readonly #parts: ChunkParts;
  readonly #tx: KvTransaction;
  /** Those that are there, with the bases that they or the new places name; as this transaction has left them. */
  readonly #rows: Map<FingerprintText, ChunkRow>;
  readonly #places: Places;
  readonly #live = new Map<SegmentId, number>();
  /** Where chunks were placed. */
  readonly #entered = new Set<SegmentId>();
  #change: Required<Pick<UsageChange, 'chunks' | 'deltas' | 'bytesUnique' | 'bytesLive'>> = {
    chunks: 0,
    deltas: 0,
    bytesUnique: 0,
    bytesLive: 0,
  };

  private constructor(parts: ChunkParts, tx: KvTransaction, rows: ChunkRows, places: Places) {
    this.#parts = parts;
    this.#tx = tx;
    this.#rows = new Map(rows);
    this.#places = places;
  }

  static async over(
    parts: ChunkParts,
    tx: KvTransaction,
    { fingerprints, places }: { readonly fingerprints: readonly FingerprintText[]; readonly places: Places },
  ): Promise<Placing> {
    const bases = [...places.values()].flatMap(({ base }) => (base === undefined ? [] : [base]));
    const reader = { kv: tx, tables: parts.tables };
    const rows = await readChunkRows(reader, [...new Set([...fingerprints, ...bases])]);
    return new Placing(parts, tx, await readWithBases(reader, rows), places);
  }

  /** Sees to it that the chunk can be read. Fault('conflict', 'blob') where the new places do not help. */
  require(fingerprint: FingerprintText): void {
    const row = this.#rows.get(fingerprint);
    if (row !== undefined && isSound(this.#rows, row)) return;
    const place = this.#places.get(fingerprint);
    if (place === undefined) throw gone();
    if (place.base !== undefined) {
      // What heals a lost chunk is no delta, since others may be deltas of it; and no base is one.
      if (row !== undefined) throw gone();
      this.require(place.base);
      if (this.#rows.get(place.base)?.base !== undefined) throw gone();
    }
    this.#put(fingerprint, row, place);
  }

  #put(fingerprint: FingerprintText, row: ChunkRow | undefined, { superFeatures, ...place }: NewPlace): void {
    const next = { ...place, isLost: false };
    this.#rows.set(fingerprint, next);
    this.#tx.put(this.#parts.tables.chunk(fingerprint), encodeChunk(next));
    this.#tx.whenCommitted(() => this.#parts.chunks.forget(fingerprint));
    this.#entered.add(place.segment);
    for (const [base, by] of [[row?.base, -1] as const, [place.base, 1] as const]) {
      if (base !== undefined) changeReference(this.#parts, this.#tx, { fingerprint: base, by });
    }
    noteSimilar(this.#parts, this.#tx, { superFeatures, base: place.base ?? fingerprint });
    this.#count(row, place);
  }

  #count(row: ChunkRow | undefined, place: ChunkPlace): void {
    const { chunks, deltas, bytesUnique, bytesLive } = this.#change;
    this.#change = {
      chunks: chunks + (row === undefined ? 1 : 0),
      deltas: deltas + (place.base === undefined ? 0 : 1) - (row?.base === undefined ? 0 : 1),
      bytesUnique: bytesUnique + place.plainBytes - (row?.plainBytes ?? 0),
      bytesLive: bytesLive + place.length - (row?.length ?? 0),
    };
    this.#live.set(place.segment, (this.#live.get(place.segment) ?? 0) + place.length);
    if (row === undefined) return;
    this.#live.set(row.segment, (this.#live.get(row.segment) ?? 0) - row.length);
    this.#tx.whenCommitted(() => this.#parts.leads.segment(row.segment));
  }

  async finish(): Promise<void> {
    await sealSegments(this.#parts, this.#tx, [...this.#entered]);
    for (const [id, bytes] of this.#live) changeLive(this.#parts, this.#tx, { id, bytes });
    this.#parts.usage.change(this.#tx, this.#change);
  }
}

/** Chunks are in these from now on. Fault('conflict', 'blob') when one was given up meanwhile. */
export async function sealSegments(
  { tables }: ChunkParts,
  tx: KvTransaction,
  ids: readonly SegmentId[],
): Promise<void> {
  const rows = await tx.getMany(ids.map(tables.segment));
  for (const [index, id] of ids.entries()) {
    const value = rows[index];
    const row = value === undefined ? undefined : decodeSegment(value);
    if (row === undefined || row.state === 'dropped') {
      throw new Fault('conflict', 'blob', `segment ${id} was given up: store the blob again`);
    }
    // Only the first one writes it, so that the others do not conflict.
    if (row.state === 'writing') tx.put(tables.segment(id), encodeSegment({ ...row, state: 'sealed' }));
  }
}

export function changeLive(
  { tables }: ChunkParts,
  tx: KvTransaction,
  { id, bytes }: { readonly id: SegmentId; readonly bytes: number },
): void {
  if (bytes !== 0) tx.merge(tables.live(id), encodeCounts([bytes]));
}
