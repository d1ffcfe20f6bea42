import { BLOB_INLINE_BYTES_MAX, GATHER_BELOW_BYTES, GATHER_BYTES_MAX } from '../limits.ts';
import { endOf, firstEndingFrom, type Range } from './extents.ts';
import type { Extent } from './records.ts';

/** A file that is about to be written out. */
interface Written {
  readonly size: number;
  /** As the last commit left it. */
  readonly sizeBefore: number;
  /** Where the last write-out ended, if that is known. */
  readonly goesOnAt: number | undefined;
}

/**
 * Whether runs may be widened over what lies beside them: those that make a file longer, that go on where the last ones ended, or are
 * shorter than a page. What changes whole pages here and there goes as it is: to read its neighbours and write them again costs
 * more than the write, and extents are merged when the file has been left alone. Pure.
 */
export function mayGather(runs: readonly Range[], { size, sizeBefore, goesOnAt }: Written): boolean {
  if (size <= BLOB_INLINE_BYTES_MAX) return true;
  return runs.some(({ start, end }) => {
    const length = end - start;
    const goesOn = end > sizeBefore || start === goesOnAt;
    return length < GATHER_BELOW_BYTES || (goesOn && length < GATHER_BYTES_MAX);
  });
}

/** As far as gathering may look. */
export const withNeighbours = ({ start, end }: Range): Range => ({
  start: Math.max(0, start - GATHER_BYTES_MAX),
  end: end + GATHER_BYTES_MAX,
});

/**
 * Widens short runs over the extents beside them, so that many small writes do not leave many small blobs: a file that
 * fits a row becomes one blob; elsewhere a neighbour is taken in while it is at most twice as long (so a byte is
 * rewritten a logarithmic number of times) and the whole stays below `GATHER_BYTES_MAX`. Pure.
 */
export function gathered(runs: readonly Range[], extents: readonly Extent[], size: number): readonly Range[] {
  if (runs.length === 0) return [];
  if (size <= BLOB_INLINE_BYTES_MAX) return [{ start: 0, end: size }];
  const wide: { start: number; end: number }[] = [];
  for (const run of runs) {
    const last = wide.at(-1);
    const widened = widen(run, extents);
    if (last !== undefined && widened.start <= last.end) last.end = Math.max(last.end, widened.end);
    else wide.push(widened);
  }
  return wide;
}

function widen(run: Range, extents: readonly Extent[]): { start: number; end: number } {
  const wide = { start: run.start, end: run.end };
  const mayTake = (extent: Extent): boolean => {
    const length = wide.end - wide.start;
    return extent.length <= 2 * length && length + extent.length <= GATHER_BYTES_MAX;
  };
  for (;;) {
    // At most one extent reaches over each end, or touches it.
    const left = extents[firstEndingFrom(extents, wide.start)];
    const takesLeft = left !== undefined && left.offset < wide.start && mayTake(left);
    if (takesLeft) wide.start = left.offset;
    const right = extents[firstEndingFrom(extents, wide.end + 1)];
    const takesRight = right !== undefined && right.offset <= wide.end && mayTake(right);
    if (takesRight) wide.end = endOf(right);
    if (!takesLeft && !takesRight) return wide;
  }
}
