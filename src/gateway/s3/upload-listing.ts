import { LIST_ENTRIES_MAX } from '../../limits/s3.ts';
import { behindPrefix } from '../../namespace/behind-prefix.ts';
import type { Ino, ObjectStore } from '../../namespace/namespace.ts';
import type { UploadSummary } from '../../namespace/upload.ts';
import { afterMarker } from './listing.ts';
import { keyBytes, keyText } from './members.ts';

export interface UploadQuery {
  readonly prefix: string;
  readonly delimiter: string | undefined;
  /** Start after this key, or with `uploadIdMarker` after that upload of it. */
  readonly keyMarker: string;
  readonly uploadIdMarker: string;
  readonly entriesMax: number;
}

export interface UploadPage {
  readonly uploads: readonly UploadSummary[];
  /** Rolled up by the delimiter. */
  readonly prefixes: readonly string[];
  /** Markers of the next page; `undefined`: that was all. */
  readonly next: { readonly keyMarker: string; readonly uploadIdMarker: string } | undefined;
}

interface Cursor {
  readonly afterKey: Uint8Array;
  readonly afterUploadId: string;
}

type Entry =
  | { readonly kind: 'upload'; readonly upload: UploadSummary }
  | { readonly kind: 'prefix'; readonly prefix: string };

/** A page of open uploads. The namespace knows no delimiter here: what lies below a prefix is skipped in one step. */
export async function uploadPage(objects: ObjectStore, bucket: Ino, query: UploadQuery): Promise<UploadPage> {
  if (query.entriesMax === 0) return { uploads: [], prefixes: [], next: undefined };
  const entries: Entry[] = [];
  let cursor: Cursor | undefined = {
    afterKey: afterMarker(query.keyMarker, query),
    afterUploadId: query.uploadIdMarker,
  };
  while (cursor !== undefined && entries.length <= query.entriesMax)
    cursor = await take(objects, bucket, { query, cursor, entries });
  const shown = entries.slice(0, query.entriesMax);
  return {
    uploads: shown.flatMap((entry) => (entry.kind === 'upload' ? [entry.upload] : [])),
    prefixes: shown.flatMap((entry) => (entry.kind === 'prefix' ? [entry.prefix] : [])),
    next: entries.length > shown.length ? markersOf(shown.at(-1)) : undefined,
  };
}

/** One read of the namespace, up to the first rolled-up prefix in it; answers where to go on. */
async function take(
  objects: ObjectStore,
  bucket: Ino,
  { query, cursor, entries }: { query: UploadQuery; cursor: Cursor; entries: Entry[] },
): Promise<Cursor | undefined> {
  const { uploads, more } = await objects.uploads(bucket, {
    prefix: keyBytes(query.prefix),
    ...cursor,
    uploadsMax: Math.min(query.entriesMax + 1 - entries.length, LIST_ENTRIES_MAX + 1),
  });
  for (const upload of uploads) {
    const prefix = rolledUp(keyText(upload.key), query);
    if (prefix !== undefined) {
      entries.push({ kind: 'prefix', prefix });
      return { afterKey: behindPrefix(keyBytes(prefix)), afterUploadId: '' };
    }
    entries.push({ kind: 'upload', upload });
  }
  const last = uploads.at(-1);
  return more && last !== undefined ? { afterKey: last.key, afterUploadId: last.uploadId } : undefined;
}

function rolledUp(key: string, { prefix, delimiter }: UploadQuery): string | undefined {
  if (delimiter === undefined) return undefined;
  const found = key.indexOf(delimiter, prefix.length);
  return found < 0 ? undefined : key.slice(0, found + delimiter.length);
}

const markersOf = (entry: Entry | undefined): UploadPage['next'] => {
  if (entry === undefined) return undefined;
  if (entry.kind === 'prefix') return { keyMarker: entry.prefix, uploadIdMarker: '' };
  return { keyMarker: keyText(entry.upload.key), uploadIdMarker: entry.upload.uploadId };
};
