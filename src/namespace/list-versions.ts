import { NULL_VERSION, type Ino, type VersionEntry, type VersionsOptions } from './namespace.ts';
import type { Parts } from './parts.ts';
import { walk } from './walk.ts';

/** See ObjectStore.versions. Without versioning each object has one version. */
export async function listVersions(
  parts: Parts,
  bucket: Ino,
  { prefix, after, delimiter, entriesMax }: VersionsOptions,
): Promise<{ entries: readonly VersionEntry[]; isTruncated: boolean }> {
  const page = await walk(parts, bucket, { prefix, delimiter, after: after.key, entriesMax });
  const entries = page.entries.map((entry): VersionEntry =>
    entry.kind === 'prefix' ? entry : { ...entry, kind: 'version', versionId: NULL_VERSION, isLatest: true },
  );
  return { entries, isTruncated: page.next !== undefined };
}
