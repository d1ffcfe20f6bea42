import { sweepObjects } from './sweep-objects.ts';
import { sweepUploads } from './sweep-uploads.ts';
import { sweepVersions } from './sweep-versions.ts';
import type { SweepParts } from './sweep-unit.ts';

/**
 * One pass over all buckets that have rules; yields after each bounded unit of work. What it does is safe to do again, so
 * nothing needs to remember where a pass was when the process ended. Rules are read anew for each unit: what was taken
 * back is not carried out much longer.
 */
export async function* sweep(parts: SweepParts): AsyncGenerator<undefined, void> {
  for (const bucket of await parts.objects.buckets()) {
    if (!bucket.configurations.includes('lifecycle')) continue;
    yield* bucket.rules.versioning === 'off' ? sweepObjects(parts, bucket) : sweepVersions(parts, bucket);
    yield* sweepUploads(parts, bucket);
  }
}
