import type { KvReader } from '../../kv/kv.ts';
import { PAGE_ENTRIES_MAX } from '../../limits.ts';
import { broughtRange, keyOfBroughtKey, type BroughtKind } from '../keys.ts';
import type { Ino } from '../namespace.ts';

/** In the order of UTF-8, which is that of listings. */
export const compareKeys = (one: string, other: string): number =>
  Buffer.compare(Buffer.from(one), Buffer.from(other));

/** No byte of UTF-8. */
const BEHIND_ALL = Uint8Array.of(0xff);

export interface KeysWithin {
  /** Empty or with a slash at its end. */
  readonly prefix: string;
  /** Behind it; empty: from the first. */
  readonly after: string;
  /** Up to it; `undefined`: to the last. */
  readonly upTo?: string | undefined;
}

/** Keys directly in a folder that were brought, in their order; what lies in folders below it is passed over. */
export async function* broughtIn(
  reader: KvReader,
  { bucket, kind }: { readonly bucket: Ino; readonly kind: BroughtKind },
  { prefix, after, upTo }: KeysWithin,
): AsyncGenerator<string, void> {
  let behind: string | Uint8Array | undefined = after;
  while (behind !== undefined) {
    const range = broughtRange(bucket, kind, { prefix, after: behind });
    behind = undefined;
    search: for await (const page of reader.scan(range, { pageEntries: PAGE_ENTRIES_MAX })) {
      for (const { key: row } of page) {
        const key = keyOfBroughtKey(row);
        if (upTo !== undefined && compareKeys(key, upTo) > 0) return;
        const slash = key.indexOf('/', prefix.length);
        if (slash >= 0 && (kind === 'object' || slash < key.length - 1)) {
          behind = Buffer.concat([Buffer.from(key.slice(0, slash + 1)), BEHIND_ALL]);
          break search;
        }
        yield key;
      }
    }
  }
}
