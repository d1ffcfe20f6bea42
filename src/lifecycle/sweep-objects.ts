import { LIFECYCLE_STEP_ENTRIES } from '../limits.ts';
import type { Bucket, Found, ObjectKey } from '../namespace/namespace.ts';
import { expirationOf, isDue, transitionDue, type Terms } from './due.ts';
import type { Rule } from './rules.ts';
import { attempt, inParallel, NOTHING, prefixesOf, termsOf, type SweepParts } from './sweep-unit.ts';

const isAboutObjects = ({ expiration, transitions }: Rule): boolean =>
  expiration !== undefined || transitions.length > 0;

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
 * What a key leads to. Expiry takes it away for good, or puts a delete marker over it where there are versions; AWS User
 * Guide, "Lifecycle configuration conflicts": removal for good goes before a transition, and that before a delete marker.
 * It must still be what was looked at: the key may lead to something new, or the rule may not be about it any more.
 */
export async function visitObject(
  parts: SweepParts,
  { ino: bucket, rules }: Bucket,
  terms: Terms,
  { key, found }: { readonly key: ObjectKey; readonly found: Found },
): Promise<void> {
  const { attributes, facet } = found;
  const { tags, storageClass } = facet;
  const object = { key, size: attributes.size, tags, modifiedAt: attributes.mtime, storageClass };
  const at = { bucket, key, expect: { ifUnchanged: attributes } };
  const now = parts.environment.clock.wall();
  const isOver = isDue(expirationOf(terms, object), now);
  const move = attributes.kind === 'file' ? transitionDue(terms, object, now) : undefined;
  if (move !== undefined && !(isOver && rules.versioning === 'off'))
    await attempt(parts, 'transitioned', () => parts.objects.setStorageClass(at, move.storageClass));
  else if (isOver) await attempt(parts, 'expired', () => parts.objects.removeKey(at));
}
