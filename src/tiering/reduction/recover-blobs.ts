import type { Log } from '../../environment.ts';
import { Fault } from '../../fault.ts';
import type { Kv } from '../../kv/kv.ts';
import { COLLECT_ROWS, READ_RUNS_MAX } from '../../limits/tiering.ts';
import type { Reduction } from '../../workers/reduction.ts';
import { atMost } from '../at-most.ts';
import type { BlobId } from '../blobs.ts';
import type { RecoveryKeys } from '../data-keys.ts';
import type { SegmentStore } from '../segment-store.ts';
import { decodeDescription, labelIn, type Description } from './description.ts';
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

export interface RecoveryParts {
  readonly segments: SegmentStore;
  readonly reduction: Reduction;
  readonly keys: RecoveryKeys;
  /** Empty, or of a recovery of another tier: rows of what is found are kept here, since there may be more than memory holds. */
  readonly scratch: Kv;
  readonly log: Log;
}

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
 * Every blob that the segments of a store describe, ascending by id, each once, as it was described last: with nothing but the
 * segments and what opens the envelopes of data keys. Also blobs that have ended since, as long as no compaction has taken their
 * descriptions away. Damaged segments are scrubbed, then read as far as they can be; the log says which were not.
 */
export async function* recoverBlobs(parts: RecoveryParts): AsyncGenerator<RecoveredBlob, void> {
  const tables = recoveryTables(parts.segments.traits.tier);
  const found = await indexSegments(parts, tables);
  const frames = new RecoveryFrames(parts, tables, found);
  const { scratch } = parts;
  for await (const page of scratch.scan(tables.descriptions, { pageEntries: COLLECT_ROWS })) {
    await atMost(READ_RUNS_MAX, page, ({ key, value }) =>
      describe(parts, { tables, frames, place: placeOfDescriptionKey(key, value) }),
    );
  }
  for await (const page of scratch.scan(tables.blobs, { pageEntries: COLLECT_ROWS })) {
    for (const { value } of page) {
      const { description, label } = decodeFound(value);
      const known = decodeDescription(description);
      if (known !== undefined) yield recovered(frames, known, label);
    }
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
