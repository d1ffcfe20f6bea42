import { LIFECYCLE_STEP_ENTRIES } from '../limits.ts';
import type { Bucket } from '../namespace/namespace.ts';
import type { UploadSummary } from '../namespace/upload.ts';
import { abortOf, isDue } from './due.ts';
import type { Rule } from './rules.ts';
import { attempt, inParallel, NOTHING, prefixesOf, termsOf, type SweepParts } from './sweep-unit.ts';

const isAboutUploads = ({ abortDays }: Rule): boolean => abortDays !== undefined;

/** The uploads of a bucket that were never completed. */
export async function* sweepUploads(parts: SweepParts, bucket: Bucket): AsyncGenerator<undefined, void> {
  for (const prefix of await prefixesOf(parts, bucket, isAboutUploads)) {
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
      await inParallel(uploads, async ({ key, uploadId, initiatedAt }) => {
        if (!isDue(abortOf(terms, { key, initiatedAt }), parts.environment.clock.wall())) return;
        const at = { bucket: bucket.ino, key, uploadId };
        await attempt(parts, 'aborted', () => parts.objects.abortUpload(at));
      });
      cursor = more ? uploads.at(-1) : undefined;
      yield;
    }
  }
}
