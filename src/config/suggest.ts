/** The known word that `word` was probably meant to be, or `undefined` when none is near. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((it) => ({ it, distance: distance(word.toLowerCase(), it.toLowerCase()) }))
    .sort((one, other) => one.distance - other.distance);
  const best = ranked[0];
  return best !== undefined && best.distance <= Math.max(1, Math.floor(word.length / 3))
    ? best.it
    : undefined;
}

/** `; did you mean "x"?` or nothing. */
export function didYouMean(word: string, known: readonly string[]): string {
  const found = nearest(word, known);
  return found === undefined ? '' : `; did you mean "${found}"?`;
}

/** Levenshtein distance: how many characters to insert, delete or replace. */
function distance(one: string, other: string): number {
  let previous = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [row, character] of [...one].entries()) {
    const current = [row + 1];
    for (let column = 0; column < other.length; column++) {
      const replaced = (previous[column] ?? 0) + (character === other[column] ? 0 : 1);
      current.push(Math.min((current[column] ?? 0) + 1, (previous[column + 1] ?? 0) + 1, replaced));
    }
    previous = current;
  }
  return previous.at(-1) ?? 0;
}
