import assert from 'node:assert/strict';
import { RecordReader, RecordWriter } from '../../codec.ts';
import type { Value } from '../../kv/kv.ts';
import type { SegmentId } from '../segment-store.ts';
import {
  fingerprintOf,
  fingerprintText,
  segmentBytesOf,
  segmentIdOf,
  type FingerprintText,
} from './tables.ts';

const VERSION = 1;
/** Of rows of deltas, which have a base: the others are as they always were. */
const VERSION_DELTA = 2;
/** Of recipes that name a description. */
const DESCRIBED_VERSION = 2;

/** A piece of a blob, in the order of the blob. */
export interface RecipeChunk {
  readonly fingerprint: FingerprintText;
  readonly length: number;
}

/** What a blob is made of. */
export interface Recipe {
  readonly length: number;
  readonly chunks: readonly RecipeChunk[];
  /** The frame that says the same in a segment (description.ts); earlier builds wrote none. */
  readonly description: FingerprintText | undefined;
}

/** Where the frame of a chunk is. */
export interface ChunkPlace {
  readonly segment: SegmentId;
  /** In bytes of the image. */
  readonly start: number;
  /** Of the frame. */
  readonly length: number;
  /** Of the chunk as it is read. */
  readonly plainBytes: number;
  /** Of the secret that its frame is sealed with; `undefined` for a frame without a cipher. */
  readonly keyId: number | undefined;
  /** The chunk that its frame is a delta of, which is none itself, and which the row holds a reference to. */
  readonly base: FingerprintText | undefined;
}

export interface ChunkRow extends ChunkPlace {
  /** Its frame could not be read: nothing is deduplicated against it, and who stores the same content heals it. */
  readonly isLost: boolean;
}

/**
 * `writing`: perhaps not in the store yet, and nothing names it. `sealed`: chunks may be in it. `dropped`: nothing names it
 * any more; it is deleted from the store, then its row.
 */
const segmentStates = ['writing', 'sealed', 'dropped'] as const;

export interface SegmentRow {
  readonly state: (typeof segmentStates)[number];
  readonly imageBytes: number;
  /** Of all frames that were packed: as much is live at the most. */
  readonly frameBytes: number;
  /** Seconds since 1970: only for choosing what is worth another compression. */
  readonly madeAt: number;
  /** Its frames were compressed in the background, as well as they ever will be. */
  readonly isDense: boolean;
}

export function encodeRecipe({ length, chunks, description }: Recipe): Value {
  assert.equal(
    chunks.reduce((sum, chunk) => sum + chunk.length, 0),
    length,
  );
  const writer = new RecordWriter().number(description === undefined ? VERSION : DESCRIBED_VERSION);
  writer.number(length);
  writer.list(chunks, (chunk) => writer.number(chunk.length).bytes(fingerprintOf(chunk.fingerprint)));
  if (description !== undefined) writer.bytes(fingerprintOf(description));
  return writer.finish();
}

export function decodeRecipe(row: Value): Recipe {
  const { reader, isDescribed } = recipeReader(row);
  const length = reader.number();
  const chunks = reader.list(() => ({
    length: reader.number(),
    fingerprint: fingerprintText(reader.bytes()),
  }));
  const description = isDescribed ? fingerprintText(reader.bytes()) : undefined;
  reader.end();
  assert.equal(
    chunks.reduce((sum, chunk) => sum + chunk.length, 0),
    length,
    'a recipe of another length',
  );
  return { length, chunks, description };
}

/** Without looking at the chunks. */
export const lengthOfRecipe = (row: Value): number => recipeReader(row).reader.number();

function recipeReader(row: Value): { readonly reader: RecordReader; readonly isDescribed: boolean } {
  const reader = new RecordReader(row);
  const version = reader.number();
  assert(version === VERSION || version === DESCRIBED_VERSION, 'a recipe of another version');
  return { reader, isDescribed: version === DESCRIBED_VERSION };
}

export function encodeChunk(row: ChunkRow): Value {
  assert(row.length > 0 && row.plainBytes > 0);
  const version = row.base === undefined ? VERSION : VERSION_DELTA;
  const writer = new RecordWriter().number(version).number(row.isLost ? 1 : 0);
  writer.bytes(segmentBytesOf(row.segment)).number(row.start).number(row.length).number(row.plainBytes);
  // Ids of secrets may begin with 0.
  writer.number(row.keyId === undefined ? 0 : row.keyId + 1);
  if (row.base !== undefined) writer.bytes(fingerprintOf(row.base));
  return writer.finish();
}

export function decodeChunk(row: Value): ChunkRow {
  const reader = new RecordReader(row);
  const version = reader.number();
  assert(version === VERSION || version === VERSION_DELTA, 'a row of another version');
  const isLost = reader.number() === 1;
  const segment = segmentIdOf(reader.bytes());
  const [start, length, plainBytes] = [reader.number(), reader.number(), reader.number()];
  const key = reader.number();
  const base = version === VERSION_DELTA ? fingerprintText(reader.bytes()) : undefined;
  reader.end();
  return { segment, start, length, plainBytes, keyId: key === 0 ? undefined : key - 1, base, isLost };
}

export function encodeSegment({ state, imageBytes, frameBytes, madeAt, isDense }: SegmentRow): Value {
  const writer = new RecordWriter().number(VERSION).number(segmentStates.indexOf(state));
  return writer
    .number(imageBytes)
    .number(frameBytes)
    .number(madeAt)
    .number(isDense ? 1 : 0)
    .finish();
}

export function decodeSegment(row: Value): SegmentRow {
  const reader = versioned(row);
  const state = segmentStates[reader.number()];
  assert(state !== undefined, 'a segment in no state');
  const [imageBytes, frameBytes, madeAt] = [reader.number(), reader.number(), reader.number()];
  const isDense = reader.number() === 1;
  reader.end();
  return { state, imageBytes, frameBytes, madeAt, isDense };
}

export const isSamePlace = (one: ChunkPlace, other: ChunkPlace): boolean =>
  one.segment === other.segment && one.start === other.start;

/** What a recipe keeps: its chunks, each once, and its description. */
export const heldBy = (recipe: Recipe): ReadonlySet<FingerprintText> =>
  recipe.description === undefined
    ? distinctOf(recipe)
    : new Set([...distinctOf(recipe), recipe.description]);

/** Each fingerprint of the content of a recipe once. */
export const distinctOf = ({ chunks }: Recipe): ReadonlySet<FingerprintText> =>
  new Set(chunks.map(({ fingerprint }) => fingerprint));

function versioned(row: Value): RecordReader {
  const reader = new RecordReader(row);
  assert.equal(reader.number(), VERSION, 'a row of another version');
  return reader;
}
