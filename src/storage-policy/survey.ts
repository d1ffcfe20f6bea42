import { SURVEY_PAGE_OBJECTS } from '../limits/storage-policy.ts';
import type { Attributes, Bucket, Found, ObjectKey, ObjectStore } from '../namespace/namespace.ts';
import type { VersionId, VersionsOptions } from '../namespace/version.ts';
import type { BlobId } from '../tiering/blobs.ts';
import { tiers as allTiers, type Tier } from '../tiering/tier.ts';
import type { BlobPlaces, Tiers } from '../tiering/tiers.ts';
import type { Target } from './target.ts';

export interface SurveyParts {
  readonly objects: Pick<ObjectStore, 'bucket' | 'walk' | 'versions' | 'blobsOf'>;
  readonly tiers: Pick<Tiers, 'placesOf'>;
}

export interface PlacedBlob extends BlobPlaces {
  readonly id: BlobId;
}

/** A thousand blobs of one object, or all of a smaller one: what is placed together. */
export interface Slice {
  readonly bucket: string;
  readonly key: ObjectKey;
  /** `undefined` where there is no versioning. */
  readonly versionId: VersionId | undefined;
  /** 0 of the first slice of each object. */
  readonly index: number;
  readonly attributes: Attributes;
  readonly storageClass: string;
  readonly blobs: readonly PlacedBlob[];
  readonly bytes: number;
  /** The tier that answers reads of most of the bytes; hot for an object without content. */
  readonly at: Tier;
}

/** An object as a listing shows it. */
export interface Seen {
  readonly key: ObjectKey;
  readonly versionId: VersionId | undefined;
  readonly found: Found;
}

/** All objects of a target with the places of their blobs, old versions included; none of a bucket that is gone. */
export async function* survey(parts: SurveyParts, target: Target): AsyncGenerator<Slice, void> {
  for await (const page of surveyPages(parts, target))
    for (const seen of page) yield* slicesOf(parts, target.bucket, seen);
}

/** The same objects by name only. */
export async function* surveyPages(
  parts: SurveyParts,
  target: Target,
): AsyncGenerator<readonly Seen[], void> {
  const bucket = await parts.objects.bucket(target.bucket);
  if (bucket === undefined) return;
  if (bucket.rules.versioning === 'off') yield* objectPages(parts, bucket, target);
  else yield* versionPages(parts, bucket, target);
}

async function* objectPages(
  { objects }: SurveyParts,
  { ino }: Bucket,
  { prefix }: Target,
): AsyncGenerator<readonly Seen[], void> {
  let after: Uint8Array | undefined = new Uint8Array(0);
  while (after !== undefined) {
    const options = { prefix, after, delimiter: undefined, entriesMax: SURVEY_PAGE_OBJECTS };
    const { entries, next } = await objects.walk(ino, options);
    yield entries.flatMap((entry) =>
      entry.kind === 'object' ? [{ key: entry.key, versionId: undefined, found: entry.found }] : [],
    );
    after = next;
  }
}

async function* versionPages(
  { objects }: SurveyParts,
  { ino }: Bucket,
  { prefix }: Target,
): AsyncGenerator<readonly Seen[], void> {
  let after: VersionsOptions['after'] = { key: new Uint8Array(0), versionId: undefined };
  for (;;) {
    const options = { prefix, after, delimiter: undefined, entriesMax: SURVEY_PAGE_OBJECTS };
    const { entries, isTruncated } = await objects.versions(ino, options);
    yield entries.flatMap((entry) =>
      entry.kind === 'version' ? [{ ...entry, versionId: entry.found.versionId }] : [],
    );
    const last = entries.at(-1);
    if (!isTruncated || last === undefined || last.kind === 'prefix') return;
    const versionId = last.kind === 'version' ? last.found.versionId : last.versionId;
    after = { key: last.key, versionId };
  }
}

/** One object with the places of its blobs. */
export async function* slicesOf(
  { objects, tiers }: SurveyParts,
  bucket: string,
  { key, versionId, found: { attributes, facet } }: Seen,
): AsyncGenerator<Slice, void> {
  const object = { bucket, key, versionId, attributes, storageClass: facet.storageClass };
  let index = 0;
  for await (const ids of objects.blobsOf(attributes.ino)) {
    const places = await tiers.placesOf(ids);
    const blobs = ids.flatMap((id, at) => {
      const place = places[at];
      return place === undefined ? [] : [{ id, ...place }];
    });
    yield { ...object, index, blobs, ...weightOf(blobs) };
    index += 1;
  }
  if (index === 0) yield { ...object, index, blobs: [], ...weightOf([]) };
}

function weightOf(blobs: readonly PlacedBlob[]): Pick<Slice, 'bytes' | 'at'> {
  const bytes: Record<Tier, number> = { hot: 0, warm: 0, cold: 0 };
  for (const { length, tiers } of blobs) if (tiers[0] !== undefined) bytes[tiers[0]] += length;
  const [at] = [...allTiers].sort((one, other) => bytes[other] - bytes[one]);
  return { bytes: bytes.hot + bytes.warm + bytes.cold, at: at ?? 'hot' };
}
