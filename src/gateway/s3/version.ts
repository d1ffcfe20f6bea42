import { NULL_VERSION, type VersionId } from '../../namespace/version.ts';
import { invalidArgument } from './errors.ts';

const ID = /^[0-9a-f]{16}$/;
const ID_DIGITS = 16;

/** A version as clients see it: `null`, or 16 hexadecimal digits. */
export const versionText = (versionId: VersionId): string =>
  versionId === NULL_VERSION ? 'null' : versionId.toString(16).padStart(ID_DIGITS, '0');

/** `undefined`: none was named. AWS: InvalidArgument for what can be no id. */
export function versionOf(text: string | undefined, argument = 'versionId'): VersionId | undefined {
  if (text === undefined || text === '') return undefined;
  if (text === 'null') return NULL_VERSION;
  const id = ID.test(text) ? parseInt(text, 16) : NaN;
  if (!Number.isSafeInteger(id) || id === NULL_VERSION)
    throw invalidArgument('Invalid version id specified', argument, text);
  return id as VersionId;
}

/** A bucket without versioning has one version of each object, and its id is `null`. */
export function checkVersion(versionId: string | undefined): void {
  if (versionId === undefined || versionId === 'null') return;
  throw invalidArgument('Invalid version id specified', 'versionId', versionId);
}
