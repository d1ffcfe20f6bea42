import { Fault } from '../../fault.ts';
import type { Kv } from '../../kv/kv.ts';
import { NATIVE_SCRUB_BLOBS } from '../../limits/tiering.ts';
import type { BlobId } from '../blobs.ts';
import type { ForeignCopies } from '../foreign/foreign-copies.ts';
import { NATIVE_BINDING } from './native-records.ts';

/** What a unit of scrubbing has found of copies in objects under their own keys. */
export interface ScrubbedNatives {
  readonly checked: number;
  /** Damaged, or not there. */
  readonly damaged: readonly BlobId[];
  readonly unknown: number;
  readonly bytes: number;
  /** Pass it on to go on; `undefined`: those were the last. */
  readonly next: BlobId | undefined;
}

/** Reads some copies and compares their checksums. What the store does not answer for is unknown. */
export async function scrubNatives(
  { kv, foreign }: { readonly kv: Kv; readonly foreign: ForeignCopies },
  after: BlobId | 0,
): Promise<ScrubbedNatives> {
  const { ids, next } = await foreign.pageOf(NATIVE_BINDING, after, NATIVE_SCRUB_BLOBS);
  const lengths = await foreign.lengthsOf(kv, ids);
  const damaged: BlobId[] = [];
  let [checked, unknown, bytes] = [0, 0, 0];
  for (const [index, id] of ids.entries()) {
    const length = lengths[index];
    if (length === undefined) continue;
    try {
      await foreign.read(id, 0, length);
      checked += 1;
      bytes += length;
    } catch (cause) {
      if (!(cause instanceof Fault)) throw cause;
      // 'not-found': it has moved since its row was read.
      if (cause.code === 'not-found') continue;
      if (cause.code === 'corrupt') damaged.push(id);
      else unknown += 1;
    }
  }
  return { checked: checked + damaged.length, damaged, unknown, bytes, next };
}
