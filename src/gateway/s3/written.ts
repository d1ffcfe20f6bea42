import type { Found } from '../../namespace/namespace.ts';
import { expirationHeaders } from './lifecycle-headers.ts';
import { bucketOf } from './members.ts';
import type { S3Context } from './operation.ts';
import { versionHeaders } from './version.ts';

/** What every answer to a write says about the object that was made. */
export async function writtenHeaders(
  context: S3Context,
  key: string,
  found: Found,
): Promise<readonly string[]> {
  // AWS names the version only where versioning is on, not where it is suspended.
  const hasVersions = bucketOf(context).rules.versioning === 'enabled';
  const version = hasVersions ? versionHeaders(context, found.versionId) : [];
  return [...version, ...(await expirationHeaders(context, key, found))];
}
