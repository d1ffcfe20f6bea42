import { compareTexts, type KeyText, type TextRange } from './key-text.ts';

/** Up to here one insertion or removal at a time is cheaper than a pass over the whole array. */
const FEW = 64;

/** A set of keys in order: an array, because the sets it is used for are small and mostly scanned. */
export class SortedTexts {
  #texts: KeyText[] = [];

  /** `added` must not be in the set yet; it is sorted in place. */
  insert(added: KeyText[]): void {
    if (added.length <= FEW) {
      for (const text of added) this.#texts.splice(this.#position(text), 0, text);
      return;
    }
    added.sort(compareTexts);
    const old = this.#texts;
    const merged: KeyText[] = [];
    let index = 0;
    for (const text of added) {
      for (let next = old[index]; next !== undefined && next < text; next = old[++index]) merged.push(next);
      merged.push(text);
    }
    for (; index < old.length; index++) merged.push(old[index] as KeyText);
    this.#texts = merged;
  }

  /** Every one of `removed` must be in the set. */
  remove(removed: readonly KeyText[]): void {
    if (removed.length <= FEW) {
      for (const text of removed) this.#texts.splice(this.#position(text), 1);
      return;
    }
    const gone = new Set(removed);
    this.#texts = this.#texts.filter((text) => !gone.has(text));
  }

  /** Ascending. */
  within(range: TextRange): readonly KeyText[] {
    const from = this.#position(range.start);
    const to = this.#position(range.end);
    return from < to ? this.#texts.slice(from, to) : [];
  }

  /** At most `countMax` from the beginning of `range`, ascending, or with `reverse` from its end, descending. */
  some(range: TextRange, countMax: number, reverse: boolean): readonly KeyText[] {
    const from = this.#position(range.start);
    const to = this.#position(range.end);
    if (from >= to) return [];
    if (!reverse) return this.#texts.slice(from, Math.min(to, from + countMax));
    return this.#texts.slice(Math.max(from, to - countMax), to).reverse();
  }

  /** The index of the first member that is not below `text`. */
  #position(text: KeyText): number {
    let low = 0;
    let high = this.#texts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#texts[middle] as KeyText) < text) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
