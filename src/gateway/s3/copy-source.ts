import type { ContentKey } from '../../keyring/encryption.ts';
import type { Bucket, OpenObject } from '../../namespace/namespace.ts';
import type { VersionAt } from '../../namespace/version.ts';
import { decodePercent } from '../../signing/percent.ts';
import { authoriseCopySource, told } from './authorise.ts';
import { bucketNameRefusal } from './bucket-name.ts';
import type { ReadConditions } from './conditions.ts';
import { sourceKeyOf, type SourceKeyInput } from './customer-key.ts';
import { unlocked } from './encryption.ts';
import { invalidArgument, S3Error } from './errors.ts';
import { keyBytes } from './members.ts';
import type { S3Context } from './operation.ts';
import { versionText } from '../../namespace/version.ts';
import { missingIn, versionOf } from './version.ts';

/** Input members of copySourceMembers. */
export interface CopySourceInput extends SourceKeyInput {
  readonly copySource: string;
  readonly copyIfMatch?: string;
  readonly copyIfNoneMatch?: string;
  readonly copyIfModifiedSince?: string;
  readonly copyIfUnmodifiedSince?: string;
  readonly sourceExpectedOwner?: string;
}

export interface CopySource {
  readonly bucket: Bucket;
  readonly bucketName: string;
  readonly key: string;
  readonly versionId: string | undefined;
  readonly conditions: ReadConditions;
  /** That of its content; `undefined` for a plain one. */
  readonly contentKey: ContentKey | undefined;
  /** Of the answer. */
  readonly headers: readonly string[];
}

/** A delete marker is nothing to copy, whether it was named or is the latest. */
async function missingSource(
  context: S3Context,
  bucket: Bucket,
  {
    at,
    key,
    versionId,
  }: { readonly at: VersionAt; readonly key: string; readonly versionId: string | undefined },
): Promise<S3Error> {
  const named = versionId === undefined ? { at, key } : { at, key, versionId };
  const error = await missingIn(context, bucket.rules.versioning, named);
  if (error.code !== 'MethodNotAllowed') return told(context.access, { bucket, key }, error);
  return new S3Error('InvalidRequest', {
    message: 'The source of a copy request may not specifically refer to a delete marker by version id.',
  });
}

/** Opens the object that a copy names, for as long as `work` takes. */
export async function withCopySource<Result>(
  context: S3Context,
  input: CopySourceInput,
  work: (source: CopySource, object: OpenObject) => Promise<Result>,
): Promise<Result> {
  const { objects } = context.parts;
  const { bucketName, key, versionId } = parseCopySource(input.copySource);
  const bucket = await objects.bucket(bucketName);
  if (bucket === undefined) throw new S3Error('NoSuchBucket', { members: { BucketName: bucketName } });
  const expectedOwner = input.sourceExpectedOwner;
  await authoriseCopySource(context, { bucket, key, versionId, expectedOwner });
  const customerKey = sourceKeyOf(context.parts, input);
  const at = { bucket: bucket.ino, key: keyBytes(key), versionId: versionOf(versionId) };
  const object = await objects.open(at, customerKey);
  if (object === undefined) throw await missingSource(context, bucket, { at, key, versionId });
  const hasVersions = bucket.rules.versioning !== 'off';
  const versionHeader = ['x-amz-copy-source-version-id', versionText(object.found.versionId)];
  try {
    const source = {
      ...{ bucket, bucketName, key, versionId, conditions: conditionsOf(input) },
      contentKey: unlocked(context.parts, object.found.encryption, customerKey),
      headers: hasVersions ? versionHeader : [],
    };
    return await work(source, object);
  } finally {
    await object.close();
  }
}

const versionMark = '?versionId=';

/** `[/]bucket/key[?versionId=id]`, percent-encoded. AWS API reference, CopyObject, x-amz-copy-source. */
function parseCopySource(header: string): Pick<CopySource, 'bucketName' | 'key' | 'versionId'> {
  const mark = header.lastIndexOf(versionMark);
  const path = mark < 0 ? header : header.slice(0, mark);
  // The slash behind the bucket may be encoded as well.
  const decoded = decodePercent(path.startsWith('/') ? path.slice(1) : path);
  const slash = decoded.indexOf('/');
  const bucketName = decoded.slice(0, Math.max(slash, 0));
  const key = decoded.slice(slash + 1);
  if (key === '' || bucketNameRefusal(bucketName) !== undefined)
    throw invalidArgument(
      'Copy Source must mention the source bucket and key: sourcebucket/sourcekey',
      'x-amz-copy-source',
      header,
    );
  const versionId = mark < 0 ? undefined : header.slice(mark + versionMark.length);
  return { bucketName, key, versionId };
}

function conditionsOf(input: CopySourceInput): ReadConditions {
  const { copyIfMatch, copyIfNoneMatch, copyIfModifiedSince, copyIfUnmodifiedSince } = input;
  return {
    ...(copyIfMatch === undefined ? {} : { ifMatch: copyIfMatch }),
    ...(copyIfNoneMatch === undefined ? {} : { ifNoneMatch: copyIfNoneMatch }),
    ...(copyIfModifiedSince === undefined ? {} : { ifModifiedSince: copyIfModifiedSince }),
    ...(copyIfUnmodifiedSince === undefined ? {} : { ifUnmodifiedSince: copyIfUnmodifiedSince }),
  };
}
