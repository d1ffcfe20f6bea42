import { NATIVE_PART_BYTES } from '../../limits/tiering.ts';
import type { KvTransaction } from '../../kv/kv.ts';
import type { BlobId } from '../blobs.ts';
import type { BlobCopies } from '../copies.ts';
import { readAll } from '../moving.ts';
import { attachCopy, type NativePlace } from './attach-copy.ts';
import type { NativeParts } from './native-parts.ts';

/** A blob of the object that has a packed copy. */
interface PackedBlob extends BlobCopies {
  /** In the object. */
  readonly offset: number;
}

/**
 * Gives blobs of an object that has just been uploaded their copy there in the place of a packed one: those that were moved
 * aside for it, and those that were packed before objects were to lie under their own keys.
 */
export async function adoptPacked(parts: NativeParts, place: Omit<NativePlace, 'offset'>): Promise<void> {
  const { object } = place;
  for (let start = 0; start < object.length; start += NATIVE_PART_BYTES) {
    const end = Math.min(object.length, start + NATIVE_PART_BYTES);
    const packed = await packedWithin(parts, place, { start, end });
    for (const blob of packed) await adopt(parts, place, blob);
  }
}

/** Those that begin in the range and that the object shows in one piece. */
async function packedWithin(
  { wholes, copies, foreign }: NativeParts,
  { object }: Pick<NativePlace, 'object'>,
  range: { readonly start: number; readonly end: number },
): Promise<readonly PackedBlob[]> {
  const runs = (await wholes.runs(object, range)) ?? [];
  const begun = runs.filter(({ offset, blobOffset }) => offset >= range.start && blobOffset === 0);
  const ids = [...new Set(begun.map(({ blob }) => blob))];
  const [found, ranges] = await Promise.all([copies.of(copies.kv, ids), foreign.rangesOf(copies.kv, ids)]);
  return found.flatMap((blob, index) => {
    const run = blob && begun.find((it) => it.blob === blob.id && it.length === blob.length);
    const isPacked = blob?.lower.includes('cold') === true && ranges[index] === undefined;
    return isPacked && run !== undefined ? [{ ...blob, offset: run.offset }] : [];
  });
}

async function adopt(
  parts: NativeParts,
  place: Omit<NativePlace, 'offset'>,
  { offset, ...blob }: PackedBlob,
): Promise<void> {
  const { copies, kv } = parts;
  const unkeep = copies.hot.keep(blob.id);
  try {
    // One that has ended since, or that nobody can read, is none to adopt.
    const [found] = (await readAll(copies, [blob])).read;
    if (found === undefined) return;
    const { bytes } = found;
    await kv.transact('durable', async (tx) => {
      if (!(await isStillPacked(parts, tx, blob.id))) return;
      if (!(await attachCopy(parts, tx, { ...place, offset }, { id: blob.id, bytes }))) return;
      await copies.lower.of('cold')?.release(tx, blob.id);
    });
  } finally {
    unkeep();
  }
}

async function isStillPacked(
  { copies, foreign }: NativeParts,
  tx: KvTransaction,
  id: BlobId,
): Promise<boolean> {
  const [length] = (await copies.lower.of('cold')?.lengthsOf(tx, [id])) ?? [];
  return length !== undefined && (await foreign.rangeOf(tx, id)) === undefined;
}
