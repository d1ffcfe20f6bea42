import { invalidArgument } from './errors.ts';

/** A bucket without versioning has one version of each object, and its id is `null`. */
export function checkVersion(versionId: string | undefined): void {
  if (versionId === undefined || versionId === 'null') return;
  throw invalidArgument('Invalid version id specified', 'versionId', versionId);
}
