import type { Found } from '../../namespace/namespace.ts';
import { NULL_VERSION, versionText, type VersionAt, type VersionId } from '../../namespace/version.ts';
import { invalidArgument, S3Error } from './errors.ts';
import { bucketOf, keyBytes, objectMembers, query, text } from './members.ts';
import type { S3Context } from './operation.ts';
import { noSuchKey } from './publish.ts';
import { httpDate } from './timestamp.ts';

const ID = /^[0-9a-f]{16}$/;

/** `undefined`: none was named. AWS: InvalidArgument for what can be no id. */
export function versionOf(text: string | undefined, argument = 'versionId'): VersionId | undefined {
  if (text === undefined) return undefined;
  if (text === 'null') return NULL_VERSION;
  if (text === '' && argument === 'versionId')
    throw invalidArgument('Version id cannot be the empty string', argument, text);
  const id = ID.test(text) ? parseInt(text, 16) : NULL_VERSION;
  if (id === NULL_VERSION) throw invalidArgument('Invalid version id specified', argument, text);
  // Beyond all numbers of the store: the id of no version.
  return Math.min(id, Number.MAX_SAFE_INTEGER) as VersionId;
}

/** Members of operations on one version of an object. */
export const versionMembers = {
  input: { versionId: text },
  bindings: { versionId: query('versionId') },
} as const;

/** The object, or the version of it, that a request is about. */
export const versionAt = (
  context: S3Context,
  { key, versionId }: { readonly key: string; readonly versionId?: string },
): VersionAt => ({
  bucket: bucketOf(context).ino,
  key: keyBytes(key),
  versionId: versionOf(versionId),
});

/** Members of operations on an object or one of its versions. */
export const objectVersionMembers = {
  input: { ...objectMembers.input, ...versionMembers.input },
  bindings: { ...objectMembers.bindings, ...versionMembers.bindings },
} as const;

/** The object, or the version of it, that a request is about; throws why there is none. */
export async function existing(
  context: S3Context,
  input: { readonly key: string; readonly versionId?: string },
): Promise<Found> {
  const found = await context.parts.objects.head(versionAt(context, input));
  if (found === undefined) throw await missing(context, input);
  return found;
}

/** Only buckets that have, or once had, versioning speak of versions. */
export const versionHeaders = (
  { bucket }: Pick<S3Context, 'bucket'>,
  versionId: VersionId | undefined,
): readonly string[] =>
  versionId === undefined || bucket === undefined || bucket.rules.versioning === 'off'
    ? []
    : ['x-amz-version-id', versionText(versionId)];

/** Why there is no such object: a delete marker stands there, the version is gone, or the key never was. */
export async function missing(
  context: S3Context,
  input: { readonly key: string; readonly versionId?: string },
): Promise<S3Error> {
  return missingIn(context, bucketOf(context).rules.versioning, { at: versionAt(context, input), ...input });
}

/** The same for a key of any bucket. AWS: "Working with delete markers". */
export async function missingIn(
  { parts }: Pick<S3Context, 'parts'>,
  versioning: 'off' | 'enabled' | 'suspended',
  { at, key, versionId }: { readonly at: VersionAt; readonly key: string; readonly versionId?: string },
): Promise<S3Error> {
  const marker = versioning === 'off' ? undefined : await parts.objects.deleteMarker(at);
  const markerHeaders =
    marker === undefined
      ? []
      : ['x-amz-delete-marker', 'true', 'x-amz-version-id', versionText(marker.versionId)];
  if (versionId === undefined) return noSuchKey(key, markerHeaders);
  if (marker === undefined)
    return new S3Error('NoSuchVersion', { members: { Key: key, VersionId: versionId } });
  return new S3Error('MethodNotAllowed', {
    members: { Method: 'GET', ResourceType: 'DeleteMarker' },
    headers: [...markerHeaders, 'Last-Modified', httpDate(marker.modifiedAt), 'Allow', 'DELETE'],
  });
}
