import { PRESIGN_SECONDS_MAX } from '../../limits/s3.ts';
import { algorithm } from '../../signing/sigv4.ts';
import { secondsOfTimestamp } from '../../signing/timestamp.ts';
import { S3Error } from './errors.ts';
import type { S3Request } from './request.ts';
import { parseScope, type Claim } from './signed-header.ts';

const refuse = (message: string, members: Readonly<Record<string, string>> = {}): S3Error =>
  new S3Error('AuthorizationQueryParametersError', { message, members });

const required = [
  'X-Amz-Algorithm',
  'X-Amz-Credential',
  'X-Amz-Signature',
  'X-Amz-Date',
  'X-Amz-SignedHeaders',
  'X-Amz-Expires',
] as const;

/** The claim of a presigned URL. AWS: "Authenticating Requests: Using Query Parameters". */
export function presignedClaim(request: S3Request, region: string): Claim {
  const { query } = request;
  if (required.some((name) => query[name] === undefined))
    throw refuse(
      'Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.',
    );
  if (query['X-Amz-Algorithm'] !== algorithm)
    throw refuse('X-Amz-Algorithm only supports "AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256"');
  const timestamp = query['X-Amz-Date'] ?? '';
  if (Number.isNaN(secondsOfTimestamp(timestamp)))
    throw refuse(`X-Amz-Date must be in the ISO8601 Long Format "yyyyMMdd'T'HHmmss'Z'"`);
  const scope = parseScope(query['X-Amz-Credential'] ?? '', {
    region,
    timestamp,
    refuse: (detail, members) => refuse(`Error parsing the X-Amz-Credential parameter; ${detail}`, members),
  });
  return {
    scope,
    signedHeaders: (query['X-Amz-SignedHeaders'] ?? '').split(';'),
    signature: query['X-Amz-Signature'] ?? '',
    timestamp,
    payloadHash:
      query['X-Amz-Content-Sha256'] ?? request.headers['x-amz-content-sha256'] ?? 'UNSIGNED-PAYLOAD',
    expiresSeconds: expiresOf(query['X-Amz-Expires'] ?? ''),
  };
}

function expiresOf(text: string): number {
  if (!/^-?\d{1,15}$/.test(text)) throw refuse('X-Amz-Expires should be a number');
  const seconds = Number(text);
  if (seconds < 0) throw refuse('X-Amz-Expires must be non-negative');
  if (seconds === 0) throw refuse('X-Amz-Expires must be greater than 0');
  if (seconds > PRESIGN_SECONDS_MAX)
    throw refuse(
      `X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than ${PRESIGN_SECONDS_MAX} seconds`,
    );
  return seconds;
}

const isSigningParameter: ReadonlySet<string> = new Set([
  'x-amz-algorithm',
  'x-amz-credential',
  'x-amz-signature',
  'x-amz-date',
  'x-amz-signedheaders',
  'x-amz-expires',
  'x-amz-security-token',
  'x-amz-content-sha256',
]);

/** SDKs hoist x-amz-* headers into a presigned URL, where S3 takes them as if they had been sent; a real header wins. */
export function withHoistedHeaders(request: S3Request): S3Request {
  const headers = Object.assign(Object.create(null), request.headers) as Record<string, string>;
  for (const name in request.query) {
    const lower = name.toLowerCase();
    if (!lower.startsWith('x-amz-') || isSigningParameter.has(lower)) continue;
    headers[lower] ??= Buffer.from(request.query[name] ?? '', 'utf8').toString('latin1');
  }
  return { ...request, headers };
}
