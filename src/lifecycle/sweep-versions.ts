import { LIFECYCLE_STEP_ENTRIES } from '../limits.ts';
import type { Bucket } from '../namespace/namespace.ts';
import type { VersionEntry, VersionsOptions } from '../namespace/version.ts';
import {
  isDue,
  markerExpirationOf,
  noncurrentExpirationOf,
  noncurrentTransitionDue,
  type Terms,
} from './due.ts';
import { History, type Sighting } from './history.ts';
import type { Rule } from './rules.ts';
import { visitObject } from './sweep-objects.ts';
import { attempt, inParallel, NOTHING, prefixesOf, termsOf, type SweepParts } from './sweep-unit.ts';

const isAboutVersions = (rule: Rule): boolean =>
  rule.expiration !== undefined ||
  rule.removesMarkers ||
  rule.transitions.length > 0 ||
  rule.noncurrentExpiration !== undefined ||
  rule.noncurrentTransitions.length > 0;

/** Everything in a bucket that has or had versioning. */
export async function* sweepVersions(parts: SweepParts, bucket: Bucket): AsyncGenerator<undefined, void> {
  for (const prefix of await prefixesOf(parts, bucket, isAboutVersions)) {
    const history = new History();
    let after: VersionsOptions['after'] | undefined = { key: NOTHING, versionId: undefined };
    while (after !== undefined) {
      const terms = await termsOf(parts, bucket);
      if (terms === undefined) return;
      const options = { prefix, after, delimiter: undefined, entriesMax: LIFECYCLE_STEP_ENTRIES };
      const { entries, isTruncated } = await parts.objects.versions(bucket.ino, options);
      const seen = entries.flatMap((entry) => (entry.kind === 'prefix' ? [] : history.next(entry)));
      const all = isTruncated ? seen : [...seen, ...history.end()];
      await inParallel(all, (sighting) => visit(parts, bucket, terms, sighting));
      after = isTruncated ? behind(entries.at(-1)) : undefined;
      yield;
    }
  }
}

/** `undefined` when all of a page had gone before it could be read: the rest is for the next pass. */
function behind(last: VersionEntry | undefined): VersionsOptions['after'] | undefined {
  if (last === undefined || last.kind === 'prefix') return undefined;
  const versionId = last.kind === 'version' ? last.found.versionId : last.versionId;
  return { key: last.key, versionId };
}

async function visit(parts: SweepParts, bucket: Bucket, terms: Terms, it: Sighting): Promise<void> {
  switch (it.kind) {
    case 'current':
      return visitObject(parts, bucket, terms, it);
    case 'noncurrent':
      return visitNoncurrent(parts, bucket, terms, it);
    case 'loneMarker': {
      const isOver = isDue(markerExpirationOf(terms, it), parts.environment.clock.wall());
      if (isOver) await removeMarker(parts, bucket, it);
    }
  }
}

async function visitNoncurrent(
  parts: SweepParts,
  bucket: Bucket,
  terms: Terms,
  { key, versionId, found, since, newerCount }: Extract<Sighting, { kind: 'noncurrent' }>,
): Promise<void> {
  const size = found?.attributes.size ?? 0;
  const tags = found?.facet.tags ?? [];
  const storageClass = found?.facet.storageClass;
  const version = { key, size, tags, noncurrentSince: since, newerCount, storageClass };
  const now = parts.environment.clock.wall();
  const isOver = isDue(noncurrentExpirationOf(terms, version), now);
  if (found === undefined) return isOver ? removeMarker(parts, bucket, { key, versionId }) : undefined;
  // Also not when what was newer has gone, and it is what the key leads to.
  const at = { bucket: bucket.ino, key, versionId, expect: { ifUnchanged: found.attributes } };
  if (isOver) return attempt(parts, 'versionRemoved', () => parts.objects.removeKey(at));
  const move = noncurrentTransitionDue(terms, version, now);
  if (move !== undefined)
    await attempt(parts, 'transitioned', () => parts.objects.setStorageClass(at, move.storageClass));
}

/** The null version may have become an object meanwhile, which must stay. */
const removeMarker = (
  parts: SweepParts,
  { ino: bucket }: Bucket,
  { key, versionId }: Pick<Extract<Sighting, { kind: 'loneMarker' }>, 'key' | 'versionId'>,
): Promise<void> =>
  attempt(parts, 'markerRemoved', () =>
    parts.objects.removeKey({ bucket, key, versionId, expect: { ifNoneMatch: ['*'] } }),
  );
