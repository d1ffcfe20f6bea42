import assert from 'node:assert/strict';
import { Fault } from '../../fault.ts';
import type { Kv, Value } from '../../kv/kv.ts';
import { COLLECT_ROWS, READ_RUNS_MAX } from '../../limits/tiering.ts';
import { atMost } from '../at-most.ts';
import type { BlobId } from '../blobs.ts';
import { decodeDescription, labelIn, type Description } from './description.ts';
import type { RecoveryParts } from './recovery-parts.ts';
import { RecoveryFrames } from './recovery-frames.ts';
import {
  decodeFound,
  encodeFound,
  placeOfDescriptionKey,
  recoveryTables,
  type FramePlace,
  type RecoveryTables,
} from './recovery-tables.ts';
import { indexSegments } from './recovery-index.ts';

/** A blob of which a segment says what it is made of. */
export interface RecoveredBlob {
  readonly id: BlobId;
  readonly length: number;
  /** What the namespace has said of it when it moved; empty: nothing. */
  readonly label: Uint8Array;
  /** All of it, opened and compared. Fault('corrupt', 'blob') when a chunk is nowhere; faults of the store. */
  readonly content: () => Promise<Uint8Array>;
}

/**
 * The blobs that the segments of a store describe, each as it was described last: with nothing but the segments and what opens the
 * envelopes of data keys. Also blobs that have ended since, as long as no compaction has taken their descriptions away. Damaged
 * segments are scrubbed, then read as far as they can be; the log says which were not.
 */
export class RecoveredBlobs {
  readonly #scratch: Kv;
  readonly #tables: RecoveryTables;
  readonly #frames: RecoveryFrames;

  private constructor(scratch: Kv, tables: RecoveryTables, frames: RecoveryFrames) {
    this.#scratch = scratch;
    this.#tables = tables;
    this.#frames = frames;
  }

  /** Reads the ends of all segments, and what describes blobs. Faults of the store, when it does not answer. */
  static async open(parts: RecoveryParts): Promise<RecoveredBlobs> {
    const { scratch } = parts;
    const tables = recoveryTables(parts.segments.traits.tier);
    const frames = new RecoveryFrames(parts, tables, await indexSegments(parts, tables));
    for await (const page of scratch.scan(tables.descriptions, { pageEntries: COLLECT_ROWS })) {
      await atMost(READ_RUNS_MAX, page, ({ key, value }) =>
        describe(parts, { tables, frames, place: placeOfDescriptionKey(key, value) }),
      );
    }
    return new RecoveredBlobs(scratch, tables, frames);
  }

  /** Ascending by id. */
  async *all(): AsyncGenerator<RecoveredBlob, void> {
    for await (const page of this.#scratch.scan(this.#tables.blobs, { pageEntries: COLLECT_ROWS })) {
      for (const { value } of page) yield this.#recovered(value);
    }
  }

  async find(id: BlobId): Promise<RecoveredBlob | undefined> {
    const row = await this.#scratch.get(this.#tables.blob(id));
    return row && this.#recovered(row);
  }

  #recovered(row: Value): RecoveredBlob {
    const { description, label } = decodeFound(row);
    const known = decodeDescription(description);
    assert(known !== undefined, 'a row of a recovery is what was written');
    return recovered(this.#frames, known, label);
  }
}

const recovered = (
  frames: RecoveryFrames,
  { id, recipe }: Description,
  label: Uint8Array,
): RecoveredBlob => ({
  id,
  length: recipe.length,
  label,
  content: async () => {
    const chunks: Uint8Array[] = [];
    for (const { fingerprint, length } of recipe.chunks) {
      const plain = await frames.chunk(fingerprint);
      if (plain?.length !== length) {
        throw new Fault('corrupt', 'blob', `a chunk of blob ${id} is in no segment that can be read`);
      }
      chunks.push(plain);
    }
    return Buffer.concat(chunks, recipe.length);
  },
});

/** Writes down what a frame says of a blob, unless a later one says it too. */
async function describe(
  { scratch }: RecoveryParts,
  {
    tables,
    frames,
    place,
  }: { readonly tables: RecoveryTables; readonly frames: RecoveryFrames; readonly place: FramePlace },
): Promise<void> {
  const opened = await frames.open(place);
  const label = opened && labelIn(opened.label);
  const description = opened && decodeDescription(opened.plain);
  if (opened === undefined || label === undefined || description === undefined) return;
  const { id, making } = description;
  await scratch.transact('buffered', async (tx) => {
    const row = await tx.get(tables.blob(id));
    const before = row && decodeDescription(decodeFound(row).description);
    if (before === undefined || before.making < making)
      tx.put(tables.blob(id), encodeFound(opened.plain, label));
  });
}
