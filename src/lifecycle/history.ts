import type { Time } from '../environment.ts';
import type { Found, ObjectKey } from '../namespace/namespace.ts';
import type { VersionEntry, VersionId } from '../namespace/version.ts';

/** One entry of a listing of versions, with what rules want to know of its place among the versions of its key. */
export type Sighting =
  | { readonly kind: 'current'; readonly key: ObjectKey; readonly found: Found }
  | {
      readonly kind: 'noncurrent';
      readonly key: ObjectKey;
      readonly versionId: VersionId;
      /** `undefined`: a delete marker. */
      readonly found: Found | undefined;
      readonly since: Time;
      /** Noncurrent versions and delete markers of the key that are newer. */
      readonly newerCount: number;
    }
  /** A delete marker with nothing behind it. */
  | {
      readonly kind: 'loneMarker';
      readonly key: ObjectKey;
      readonly versionId: VersionId;
      readonly createdAt: Time;
    };

type Version = Exclude<VersionEntry, { kind: 'prefix' }>;

/** Follows a listing of versions, which comes key by key and newest first, page by page. */
export class History {
  #last: Version | undefined;
  #noncurrentCount = 0;
  /** The latest of its key, as long as nothing was seen behind it. */
  #marker: Extract<Sighting, { kind: 'loneMarker' }> | undefined;

  /** What is known now that the listing goes on with this entry. */
  next(entry: Version): readonly Sighting[] {
    const { key } = entry;
    const newer =
      this.#last !== undefined && Buffer.compare(this.#last.key, key) === 0 ? this.#last : undefined;
    const known = newer === undefined ? this.end() : [];
    this.#last = entry;
    this.#marker = undefined;
    if (newer === undefined) this.#noncurrentCount = 0;
    if (!entry.isLatest) return [...known, this.#noncurrent(entry, newer)];
    if (entry.kind === 'version') return [...known, { kind: 'current', key, found: entry.found }];
    const { versionId, modifiedAt: createdAt } = entry;
    this.#marker = { kind: 'loneMarker', key, versionId, createdAt };
    return known;
  }

  /** What is known now that the listing has ended. */
  end(): readonly Sighting[] {
    return this.#marker === undefined ? [] : [this.#marker];
  }

  #noncurrent(entry: Version, newer: Version | undefined): Sighting {
    const newerCount = this.#noncurrentCount;
    this.#noncurrentCount += 1;
    const { key } = entry;
    const counted = { kind: 'noncurrent', key, newerCount } as const;
    if (entry.kind === 'version') {
      const { found } = entry;
      const since = entry.noncurrentSince ?? found.attributes.ctime;
      return { ...counted, versionId: found.versionId, found, since };
    }
    // A marker does not keep when it was covered: that is when what covers it was made.
    const since = newer === undefined ? entry.modifiedAt : createdAt(newer);
    return { ...counted, versionId: entry.versionId, found: undefined, since };
  }
}

const createdAt = (entry: Version): Time =>
  entry.kind === 'version' ? entry.found.attributes.mtime : entry.modifiedAt;
