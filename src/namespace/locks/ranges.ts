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

/** Two owners may share what both only read. Numbers first, texts last: a file may have thousands. */
export const conflicts = (a: OwnedRange, b: OwnedRange): boolean =>
  overlaps(a, b) && (a.isExclusive || b.isExclusive) && a.owner !== b.owner;

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
  const touches = (range: R): boolean =>
    range.start <= taken.end && taken.start <= range.end && range.owner === taken.owner;
  const touched = ranges.filter(touches);
  if (touched.length === 0) return [...ranges, taken];
  const alike = touched.filter(({ isExclusive }) => isExclusive === taken.isExclusive);
  const pieces = touched
    .filter(({ isExclusive }) => isExclusive !== taken.isExclusive)
    .flatMap((range) => without(range, taken));
  const start = Math.min(taken.start, ...alike.map((range) => range.start));
  const end = Math.max(taken.end, ...alike.map((range) => range.end));
  return [...ranges.filter((range) => !touches(range)), ...pieces, { ...taken, start, end }];
}

/** The ranges of a file when its owner gives `cut` back. */
export const withoutRange = <R extends OwnedRange>(
  ranges: readonly R[],
  owner: string,
  cut: ByteRange,
): R[] =>
  ranges.some((range) => overlaps(range, cut) && range.owner === owner)
    ? ranges.flatMap((range) =>
        overlaps(range, cut) && range.owner === owner ? without(range, cut) : [range],
      )
    : [...ranges];
