import { LIFECYCLE_STEP_ENTRIES } from '../limits.ts';
import type { Bucket, Found, ObjectKey } from '../namespace/namespace.ts';
import { expirationOf, isDue, type Terms } from './due.ts';
import type { Rule } from './rules.ts';
import { attempt, inParallel, NOTHING, prefixesOf, termsOf, type SweepParts } from './sweep-unit.ts';

const isAboutObjects = ({ expiration }: Rule): boolean => expiration !== undefined;

/** The objects of a bucket that has no versions. */
export async function* sweepObjects(parts: SweepParts, bucket: Bucket): AsyncGenerator<undefined, void> {
  for (const prefix of await prefixesOf(parts, bucket, isAboutObjects)) {
    let after: Uint8Array | undefined = NOTHING;
    while (after !== undefined) {
      const terms = await termsOf(parts, bucket);
      if (terms === undefined) return;
      const options = { prefix, after, delimiter: undefined, entriesMax: LIFECYCLE_STEP_ENTRIES };
      const { entries, next } = await parts.objects.walk(bucket.ino, options);
      await inParallel(entries, async (entry) => {
        if (entry.kind === 'object') await visitObject(parts, bucket, terms, entry);
      });
      after = next;
      yield;
    }
  }
}

/**
 * What a key leads to. Expiry takes it away for good, or puts a delete marker over it where there are versions. It must
 * still be what was looked at: the same key may lead to something new, or the rule may not be about it any more.
 */
export async function visitObject(
  parts: SweepParts,
  { ino: bucket }: Bucket,
  terms: Terms,
  { key, found }: { readonly key: ObjectKey; readonly found: Found },
): Promise<void> {
  const { attributes, facet } = found;
  const object = { key, size: attributes.size, tags: facet.tags, modifiedAt: attributes.mtime };
  if (!isDue(expirationOf(terms, object), parts.environment.clock.wall())) return;
  await attempt(parts, 'expired', () =>
    parts.objects.removeKey({ bucket, key, expect: { ifUnchanged: attributes } }),
  );
}
