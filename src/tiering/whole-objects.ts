import type { KvReader } from '../kv/kv.ts';
import type { BlobId } from './blobs.ts';

/** One state of an object that somebody can read as a whole, by name. All lengths in bytes. */
export interface WholeObject {
  readonly bucket: string;
  readonly key: string;
  /** Both together name the content: no other content ever has the same two. `state` is never 0. */
  readonly file: number;
  readonly state: number;
  readonly length: number;
  /** By lower-case name; metadata without `x-amz-meta-`. */
  readonly headers: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, string>>;
  /** Clients were told that nothing of it lies anywhere in plain text. */
  readonly isSealed: boolean;
}

/** Where a blob lies in an object that shows all of it in one piece. */
export interface ShownBlob {
  readonly object: WholeObject;
  readonly offset: number;
}

/**
 * Why a blob belongs to no object that can lie under its own key. `name`: that has no text, or characters that no header has
 * room for. `part`: of what is seen, only a part of the blob, or of an upload that is not complete. `gone`: nobody shows it.
 */
export type Nameless = 'gone' | 'part' | 'version' | 'client-key' | 'attached' | 'name' | 'too-long';

/** A run of an object that lies in a blob; what no run covers is zeros. */
export interface ObjectRun {
  readonly offset: number;
  readonly length: number;
  readonly blob: BlobId;
  readonly blobOffset: number;
}

/** What objects are made of which blobs, from who knows names; as committed. Whatever it says may be another way at once. */
export interface WholeObjects {
  /** One for each. Of several objects that show a blob, the first that it was written for. */
  shown(
    blobs: readonly { readonly id: BlobId; readonly length: number }[],
  ): Promise<readonly (ShownBlob | Nameless)[]>;
  /** Ascending runs that overlap [start, end); `undefined`: the object is not in that state any more. */
  runs(
    object: WholeObject,
    range: { readonly start: number; readonly end: number },
  ): Promise<readonly ObjectRun[] | undefined>;
  /** Whether the object has a name and is in that state, as a transaction sees it. */
  isCurrent(reader: KvReader, object: WholeObject): Promise<boolean>;
}
