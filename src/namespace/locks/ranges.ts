/** Bytes of a file, from `start` up to but without `end`; `Infinity`: wherever the file will end. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** A range that one owner has, alone or beside other readers. */
export interface OwnedRange extends ByteRange {
  readonly owner: string;
  readonly isExclusive: boolean;
}

export const overlaps = (a: ByteRange, b: ByteRange): boolean => a.start < b.end && b.start < a.end;

/** Two owners may share what both only read. */
export const conflicts = (a: OwnedRange, b: OwnedRange): boolean =>
  a.owner !== b.owner && (a.isExclusive || b.isExclusive) && overlaps(a, b);

/** What is left of `from` outside of `cut`: nothing, one piece or two. */
function without<R extends ByteRange>(from: R, cut: ByteRange): R[] {
  const left = { ...from, end: Math.min(from.end, cut.start) };
  const right = { ...from, start: Math.max(from.start, cut.end) };
  return [left, right].filter(({ start, end }) => start < end);
}

/**
 * The ranges of a file when `taken` is added: what its owner had there before, of either kind, gives way to it, and it grows
 * together with the owner's ranges of its own kind that it touches (POSIX, fcntl: F_SETLK). Whether it conflicts is for the
 * caller to know.
 */
export function withRange<R extends OwnedRange>(ranges: readonly R[], taken: R): R[] {
  let grown = taken;
  const rest: R[] = [];
  for (const range of ranges) {
    const touches = range.start <= taken.end && taken.start <= range.end;
    if (range.owner !== taken.owner || !touches) rest.push(range);
    else if (range.isExclusive === taken.isExclusive) {
      grown = {
        ...grown,
        start: Math.min(grown.start, range.start),
        end: Math.max(grown.end, range.end),
      };
    } else rest.push(...without(range, taken));
  }
  rest.push(grown);
  return rest;
}

/** The ranges of a file when its owner gives `cut` back. */
export const withoutRange = <R extends OwnedRange>(
  ranges: readonly R[],
  owner: string,
  cut: ByteRange,
): R[] =>
  ranges.flatMap((range) => (range.owner === owner && overlaps(range, cut) ? without(range, cut) : [range]));
