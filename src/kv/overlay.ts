import { compareTexts, type KeyText } from './key-text.ts';
import type { Entry, Key, Value } from './kv.ts';

/** Rows that hide those below them; an `undefined` value hides a row by a deletion. */
export type Overlay = Map<KeyText, { readonly key: Key; readonly value: Value | undefined }>;

/** `below`, which is in the order of the scan, with `overlay` laid over it. */
export function overlaid(below: readonly Entry[], overlay: Overlay, reverse: boolean): readonly Entry[] {
  if (overlay.size === 0) return below;
  const sign = reverse ? -1 : 1;
  const above = [...overlay].sort((left, right) => sign * compareTexts(left[0], right[0]));
  const merged: Entry[] = [];
  let index = 0;
  const takeAboveUntil = (key: Key | undefined): boolean => {
    for (let next = above[index]; next !== undefined; next = above[++index]) {
      const [, { key: nextKey, value }] = next;
      const order = key === undefined ? -1 : sign * Buffer.compare(nextKey, key);
      if (order > 0) return false;
      if (value !== undefined) merged.push({ key: nextKey, value });
      if (order === 0) {
        index += 1;
        return true;
      }
    }
    return false;
  };
  for (const entry of below) {
    if (!takeAboveUntil(entry.key)) merged.push(entry);
  }
  takeAboveUntil(undefined);
  return merged;
}
