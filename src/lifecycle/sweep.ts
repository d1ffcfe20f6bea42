import type { Environment } from '../environment.ts';
import { Fault } from '../fault.ts';
import { LIFECYCLE_PARALLEL_MAX, LIFECYCLE_STEP_ENTRIES } from '../limits.ts';
import type { Bucket, ObjectStore, UploadSummary, WalkEntry } from '../namespace/namespace.ts';
import type { Calendar } from './calendar.ts';
import { abortOf, expirationOf, isDue, type Terms } from './due.ts';
import { lifecycleOf, type Rule } from './rules.ts';

/** What came of one thing that a rule was due for. */
export const outcomes = ['expired', 'aborted', 'error'] as const;
export type Outcome = (typeof outcomes)[number];

export interface SweepParts {
  readonly objects: ObjectStore;
  readonly environment: Environment;
  readonly calendar: Calendar;
  readonly count: (outcome: Outcome) => void;
}

/**
 * One pass over all buckets that have rules; yields after each bounded unit of work. What it does is safe to do again, so
 * nothing needs to remember where a pass was when the process ended. Rules are read anew for each unit: what was taken
 * back is not carried out much longer.
 */
export async function* sweep(parts: SweepParts): AsyncGenerator<undefined, void> {
  for (const bucket of await parts.objects.buckets()) {
    yield* sweepObjects(parts, bucket);
    yield* sweepUploads(parts, bucket);
  }
}

async function termsOf({ objects, calendar }: SweepParts, bucket: Bucket): Promise<Terms | undefined> {
  if (!bucket.configurations.includes('lifecycle')) return undefined;
  const now = await objects.bucket(bucket.name);
  const lifecycle = now?.ino === bucket.ino ? await lifecycleOf(objects, now) : undefined;
  return lifecycle && { lifecycle, calendar };
}

/** The prefixes of those rules, without those that lie within another. */
async function prefixesOf(
  parts: SweepParts,
  bucket: Bucket,
  isAbout: (rule: Rule) => boolean,
): Promise<readonly Uint8Array[]> {
  const terms = await termsOf(parts, bucket);
  const all = (terms?.lifecycle.rules ?? []).filter(isAbout).map(({ scope }) => Buffer.from(scope.prefix));
  const kept: Buffer[] = [];
  for (const prefix of all.sort((one, other) => one.compare(other))) {
    const last = kept.at(-1);
    if (last === undefined || !prefix.subarray(0, last.length).equals(last)) kept.push(prefix);
  }
  return kept;
}

const NOTHING = new Uint8Array(0);

async function* sweepObjects(parts: SweepParts, bucket: Bucket): AsyncGenerator<undefined, void> {
  const isAbout = (rule: Rule): boolean => rule.expiration !== undefined;
  for (const prefix of await prefixesOf(parts, bucket, isAbout)) {
    let after: Uint8Array | undefined = NOTHING;
    while (after !== undefined) {
      const terms = await termsOf(parts, bucket);
      if (terms === undefined) return;
      const options = { prefix, after, delimiter: undefined, entriesMax: LIFECYCLE_STEP_ENTRIES };
      const { entries, next } = await parts.objects.walk(bucket.ino, options);
      await inParallel(entries, (entry) => visitObject(parts, bucket, terms, entry));
      after = next;
      yield;
    }
  }
}

async function visitObject(
  parts: SweepParts,
  { ino: bucket }: Bucket,
  terms: Terms,
  entry: WalkEntry,
): Promise<void> {
  if (entry.kind !== 'object') return;
  const { key, found } = entry;
  const { attributes, facet } = found;
  const object = { key, size: attributes.size, tags: facet.tags, modifiedAt: attributes.mtime };
  if (!isDue(expirationOf(terms, object), parts.environment.clock.wall())) return;
  await attempt(parts, 'expired', () =>
    parts.objects.removeKey({ bucket, key, expect: { ifUnchanged: attributes } }),
  );
}

async function* sweepUploads(parts: SweepParts, bucket: Bucket): AsyncGenerator<undefined, void> {
  const isAbout = (rule: Rule): boolean => rule.abortDays !== undefined;
  for (const prefix of await prefixesOf(parts, bucket, isAbout)) {
    let cursor: Pick<UploadSummary, 'key' | 'uploadId'> | undefined = { key: NOTHING, uploadId: '' };
    while (cursor !== undefined) {
      const terms = await termsOf(parts, bucket);
      if (terms === undefined) return;
      const { uploads, more } = await parts.objects.uploads(bucket.ino, {
        prefix,
        afterKey: cursor.key,
        afterUploadId: cursor.uploadId,
        uploadsMax: LIFECYCLE_STEP_ENTRIES,
      });
      await inParallel(uploads, (upload) => visitUpload(parts, bucket, terms, upload));
      cursor = more ? uploads.at(-1) : undefined;
      yield;
    }
  }
}

async function visitUpload(
  parts: SweepParts,
  { ino: bucket }: Bucket,
  terms: Terms,
  { key, uploadId, initiatedAt }: UploadSummary,
): Promise<void> {
  if (!isDue(abortOf(terms, { key, initiatedAt }), parts.environment.clock.wall())) return;
  await attempt(parts, 'aborted', () => parts.objects.abortUpload({ bucket, key, uploadId }));
}

/**
 * One change, in one transaction. Who was faster has decided otherwise: the next pass looks again. Any other refusal is
 * counted and does not keep the rest from its turn; the next pass tries again.
 */
async function attempt(
  { count, environment }: SweepParts,
  outcome: Outcome,
  change: () => Promise<unknown>,
): Promise<void> {
  try {
    await change();
    count(outcome);
  } catch (failure) {
    if (!(failure instanceof Fault)) throw failure;
    if (failure.code === 'precondition-failed' || failure.code === 'not-found') return;
    count('error');
    environment.log.warn('lifecycle.refused', { outcome, failure });
  }
}

async function inParallel<Item>(items: readonly Item[], visit: (item: Item) => Promise<void>): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) await visit(items[index] as Item);
  };
  await Promise.all(Array.from({ length: Math.min(LIFECYCLE_PARALLEL_MAX, items.length) }, work));
}
