import type { ContentKey } from '../../keyring/encryption.ts';
import type { OpenObject } from '../../namespace/namespace.ts';
import { decodePercent } from '../../signing/percent.ts';
import { authoriseCopySource } from './authorise.ts';
import { bucketNameRefusal } from './bucket-name.ts';
import type { ReadConditions } from './conditions.ts';
import { sourceKeyOf, type SourceKeyInput } from './customer-key.ts';
import { unlocked } from './encryption.ts';
import { invalidArgument, S3Error } from './errors.ts';
import { keyBytes } from './members.ts';
import type { S3Context } from './operation.ts';
import { noSuchKey } from './publish.ts';
import { checkVersion } from './version.ts';

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
  readonly bucketName: string;
  readonly key: string;
  readonly conditions: ReadConditions;
  /** That of its content; `undefined` for a plain one. */
  readonly contentKey: ContentKey | undefined;
}

/** Opens the object that a copy names, for as long as `work` takes. */
export async function withCopySource<Result>(
  context: S3Context,
  input: CopySourceInput,
  work: (source: CopySource, object: OpenObject) => Promise<Result>,
): Promise<Result> {
  const { objects } = context.parts;
  const { bucketName, key } = parseCopySource(input.copySource);
  const bucket = await objects.bucket(bucketName);
  if (bucket === undefined) throw new S3Error('NoSuchBucket', { members: { BucketName: bucketName } });
  const expectedOwner = input.sourceExpectedOwner;
  authoriseCopySource(context.parts, context.principal, { bucket, expectedOwner });
  const customerKey = sourceKeyOf(context.parts, input);
  const object = await objects.open({ bucket: bucket.ino, key: keyBytes(key) }, customerKey);
  if (object === undefined) throw noSuchKey(key);
  try {
    const contentKey = unlocked(context.parts, object.found.encryption, customerKey);
    return await work({ bucketName, key, conditions: conditionsOf(input), contentKey }, object);
  } finally {
    await object.close();
  }
}

const versionMark = '?versionId=';

/** `[/]bucket/key[?versionId=id]`, percent-encoded. AWS API reference, CopyObject, x-amz-copy-source. */
export function parseCopySource(header: string): { readonly bucketName: string; readonly key: string } {
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
  checkVersion(mark < 0 ? undefined : header.slice(mark + versionMark.length));
  return { bucketName, key };
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
