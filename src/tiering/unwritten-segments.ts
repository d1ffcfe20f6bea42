import { Fault } from '../fault.ts';
import { RECOVERY_LOST_SHOWN_MAX } from '../limits/tiering.ts';
import { isGone } from './reduction/open-chunks.ts';
import type { SegmentId, SegmentStore } from './segment-store.ts';

/** A store of segments for who must not change anything there, whatever is found. */
export interface UnwrittenSegments extends SegmentStore {
  /** Of which some bytes that somebody wanted are gone for good; at most `RECOVERY_LOST_SHOWN_MAX`. */
  readonly lost: ReadonlySet<SegmentId>;
}

/** What cannot be read is noted and not mended. */
export function unwritten(inner: SegmentStore): UnwrittenSegments {
  const lost = new Set<SegmentId>();
  const refuse = (): never => {
    throw new Fault('read-only', 'store', 'this store is only read');
  };
  const noting = async <Result>(id: SegmentId, call: () => Promise<Result>): Promise<Result> => {
    try {
      return await call();
    } catch (failure) {
      if (isGone(failure) && lost.size < RECOVERY_LOST_SHOWN_MAX) lost.add(id);
      throw failure;
    }
  };
  return {
    lost,
    traits: inner.traits,
    put: async () => refuse(),
    delete: async () => refuse(),
    read: (id, offset, length) => noting(id, () => inner.read(id, offset, length)),
    imageBytes: (id) => noting(id, () => inner.imageBytes(id)),
    list: (after) => inner.list(after),
    scrub: async () => ({ checked: 0, corrupt: 0, healed: 0, isWhole: true }),
    recall: (id, wish) => inner.recall(id, wish),
    usage: () => inner.usage(),
    close: () => inner.close(),
  };
}
