import { ACCOUNT_ID_DIGITS } from '../../limits.ts';
import type { Bucket } from '../../namespace/namespace.ts';
import { S3Error } from './errors.ts';
import type { Operation, Principal, S3Parts } from './operation.ts';
import type { S3Request } from './request.ts';

/** What a request is about; `bucket` is `undefined` for service operations and while it is being created. */
export interface Resource {
  readonly request: S3Request;
  readonly bucket: Bucket | undefined;
}

/** Actions that need no bucket: every account lists its own buckets and makes new ones. */
const withoutBucket: ReadonlySet<Operation['action']> = new Set(['s3:ListAllMyBuckets', 's3:CreateBucket']);

/** Anonymous callers may do nothing and learn nothing, not even which buckets there are. */
export function requirePrincipal(principal: Principal | undefined): Principal {
  if (principal === undefined) throw new S3Error('AccessDenied');
  return principal;
}

/**
 * May the principal do `operation.action` on the resource? Denied by default: an account may do everything in its own
 * buckets and nothing in those of others, root may do everything. The one place where policies, ACLs and public access
 * will be weighed.
 */
export function authorise(
  parts: Pick<S3Parts, 'accounts'>,
  principal: Principal,
  { operation, request, bucket }: Resource & { readonly operation: Operation },
): void {
  const expected = request.headers['x-amz-expected-bucket-owner'];
  if (expected !== undefined && operation.route.level !== 'service')
    checkOwner(
      bucket === undefined ? principal.account.id : parts.accounts.account(bucket.owner).id,
      expected,
    );
  if (!mayDo(parts, principal, { action: operation.action, bucket })) throw new S3Error('AccessDenied');
}

/** The same for the source of a copy, which has an expected owner of its own. */
export function authoriseCopySource(
  parts: Pick<S3Parts, 'accounts'>,
  principal: Principal,
  { bucket, expectedOwner }: { readonly bucket: Bucket; readonly expectedOwner: string | undefined },
): void {
  if (expectedOwner !== undefined) checkOwner(parts.accounts.account(bucket.owner).id, expectedOwner);
  if (!mayDo(parts, principal, { action: 's3:GetObject', bucket })) throw new S3Error('AccessDenied');
}

function mayDo(
  { accounts }: Pick<S3Parts, 'accounts'>,
  principal: Principal,
  { action, bucket }: { readonly action: Operation['action']; readonly bucket: Bucket | undefined },
): boolean {
  if (bucket === undefined) return withoutBucket.has(action);
  return principal.isRoot || accounts.account(bucket.owner).id === principal.account.id;
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
