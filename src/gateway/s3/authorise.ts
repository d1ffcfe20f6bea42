import { ACCOUNT_ID_DIGITS } from '../../limits.ts';
import type { Bucket } from '../../namespace/namespace.ts';
import type { Access } from './access.ts';
import { actionFor, actionsOf } from './actions.ts';
import { S3Error } from './errors.ts';
import { bucketOf, keyBytes } from './members.ts';
import type { Decisions, Operation, Principal, S3Context, S3Parts } from './operation.ts';
import { noSuchKey } from './publish.ts';
import type { S3Request } from './request.ts';

/** What a request is about; `bucket` is `undefined` for service operations and while it is being created. */
export interface Resource {
  readonly operation: Operation;
  readonly request: S3Request;
  readonly bucket: Bucket | undefined;
}

/** Operations about keys that only their body names: their handlers ask for each. */
const askedByHandler: ReadonlySet<string> = new Set(['DeleteObjects']);

/** May the principal do what the request asks for? Else AccessDenied, or what AWS says instead of it. */
export async function authorise(
  parts: Pick<S3Parts, 'accounts' | 'objects'>,
  { access, principal }: { readonly access: Access; readonly principal: Principal },
  { operation, request, bucket }: Resource,
): Promise<void> {
  const expected = request.headers['x-amz-expected-bucket-owner'];
  if (expected !== undefined && operation.route.level !== 'service')
    checkOwner(
      bucket === undefined ? principal.account.id : parts.accounts.account(bucket.owner).id,
      expected,
    );
  if (access.isUndisputed(bucket)) return;
  if (askedByHandler.has(operation.name)) {
    // Before a body is read that nothing in it can help.
    if (access.isShutOut(bucket)) throw new S3Error('AccessDenied');
    return;
  }
  for (const needed of actionsOf(operation, request)) {
    const { bucket: bucketName, key, query } = request;
    if (await access.may({ ...needed, bucket, bucketName, key, versionId: query['versionId'] })) continue;
    throw await denial(parts, access, { operation, request, bucket });
  }
}

/** AWS API reference, GetObject: who may list sees that a key is not there, also without the right to read it. */
async function denial(
  { objects }: Pick<S3Parts, 'objects'>,
  access: Decisions,
  { operation, request: { key, query }, bucket }: Resource,
): Promise<S3Error> {
  const isRead = operation.name === 'GetObject' || operation.name === 'HeadObject';
  if (!isRead || bucket === undefined || key === undefined || query['versionId'] !== undefined)
    return new S3Error('AccessDenied');
  if (!(await mayList(access, bucket, key))) return new S3Error('AccessDenied');
  const found = await objects.head({ bucket: bucket.ino, key: keyBytes(key) });
  return found === undefined ? noSuchKey(key) : new S3Error('AccessDenied');
}

/** Whether a listing would show the key: only then its absence is told. */
const mayList = (access: Decisions, bucket: Bucket, key: string): Promise<boolean> =>
  access.may({ action: 's3:ListBucket', bucket, prefix: key });

/** NoSuchKey becomes AccessDenied for readers who may not list. Any other failure stays what it is. */
export async function concealed(
  failure: unknown,
  access: Decisions,
  { operation, request, bucket }: Resource,
): Promise<unknown> {
  if (!(failure instanceof S3Error)) return failure;
  const { method, level } = operation.route;
  if (level !== 'object' || (method !== 'GET' && method !== 'HEAD')) return failure;
  const { key } = request;
  return bucket === undefined || key === undefined ? failure : told(access, { bucket, key }, failure);
}

/** What who wants to read a key is told of its absence. */
export async function told(
  access: Decisions,
  { bucket, key }: { readonly bucket: Bucket; readonly key: string },
  failure: S3Error,
): Promise<S3Error> {
  const isTold = failure.code !== 'NoSuchKey' || (await mayList(access, bucket, key));
  return isTold ? failure : new S3Error('AccessDenied');
}

/** Whether x-amz-bypass-governance-retention counts: for who has the right to it. */
export const mayBypass = (
  { access, bucket }: Pick<S3Context, 'access' | 'bucket'>,
  at: { readonly key: string; readonly versionId?: string },
): Promise<boolean> =>
  access.may({ action: 's3:BypassGovernanceRetention', bucket, key: at.key, versionId: at.versionId });

export interface SourceAsked {
  readonly bucket: Bucket;
  readonly key: string;
  readonly versionId: string | undefined;
  readonly expectedOwner: string | undefined;
}

/** The same for the source of a copy, under its own bucket's policy; it has an expected owner of its own. */
export async function authoriseCopySource(
  { access, parts }: Pick<S3Context, 'access' | 'parts'>,
  { bucket, key, versionId, expectedOwner }: SourceAsked,
): Promise<void> {
  if (expectedOwner !== undefined) checkOwner(parts.accounts.account(bucket.owner).id, expectedOwner);
  await access.require({ action: actionFor('s3:GetObject', versionId), bucket, key, versionId });
}

/** Tags that are copied are read from the source and written to the target. AWS API reference, CopyObject. */
export async function authoriseTagCopy(
  context: Pick<S3Context, 'access' | 'bucket'>,
  { source, key }: { readonly source: Omit<SourceAsked, 'expectedOwner'>; readonly key: string },
): Promise<void> {
  const { access, bucket } = context;
  const action = actionFor('s3:GetObjectTagging', source.versionId);
  await access.require({ action, ...source });
  await access.require({ action: 's3:PutObjectTagging', bucket, key });
}

/** Policies of a bucket are a matter of its account alone, whatever they themselves allow to others. */
export function requireOwnAccount(context: S3Context): void {
  if (context.principal.isRoot || context.access.isOwn(bucketOf(context))) return;
  throw new S3Error('MethodNotAllowed');
}

const accountId = new RegExp(`^\\d{${ACCOUNT_ID_DIGITS}}$`);

/** `x-amz-expected-bucket-owner` and its twin for copy sources. */
function checkOwner(owner: string, expected: string): void {
  if (!accountId.test(expected))
    throw new S3Error('InvalidRequest', {
      message: 'The value of the expected bucket owner parameter must be an AWS account ID',
    });
  if (expected !== owner) throw new S3Error('AccessDenied');
}
