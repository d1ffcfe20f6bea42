import { S3Error } from './errors.ts';
import type { Operation, Principal } from './operation.ts';
import type { S3Request } from './request.ts';

/**
 * May the principal do `operation.action` on the resource? The one place where policies, ACLs and public access will be
 * weighed. Today there are root keys only: they may do everything, and nobody else anything.
 */
export function authorise(
  principal: Principal | undefined,
  operation: Operation,
  request: S3Request,
): Principal {
  if (principal === undefined) throw new S3Error('AccessDenied');
  const expected = request.headers['x-amz-expected-bucket-owner'];
  if (expected !== undefined && operation.route.level !== 'service') checkOwner(principal, expected);
  return principal;
}

/** `x-amz-expected-bucket-owner` and its twin for copy sources: every bucket belongs to the root account. */
export function checkOwner(principal: Principal, expected: string): void {
  if (!/^\d{12}$/.test(expected))
    throw new S3Error('InvalidRequest', {
      message: 'The value of the expected bucket owner parameter must be an AWS account ID',
    });
  if (expected !== principal.account.id) throw new S3Error('AccessDenied');
}
