import { isSkewed, secondsOfTimestamp } from '../../signing/timestamp.ts';
import { invalidArgument, S3Error } from './errors.ts';
import type { Route } from './operation.ts';
import type { S3Request } from './request.ts';
import { isoSeconds, noValidDate, timeTooSkewed } from './signature-time.ts';
import { isSignedParameter, stringToSignV2 } from './sigv2.ts';

/** What a request signed by version 2 says about itself. */
export interface ClaimV2 {
  readonly accessKey: string;
  readonly signature: string;
  readonly stringToSign: string;
  readonly securityToken: string | undefined;
}

const scheme = 'AWS ';

/** Whether its Authorization header is one of version 2. */
export const isHeaderV2 = (authorization: string): boolean => authorization.startsWith(scheme);

/** Whether it is a URL presigned by version 2. */
export const isPresignedV2 = ({ rawQuery, query }: S3Request): boolean =>
  rawQuery !== '' && (query['Signature'] !== undefined || query['AWSAccessKeyId'] !== undefined);

/**
 * Refuses a presigned URL by a parameter that chooses the operation and was not signed: whoever was given the URL could
 * have added it. A list is the same in both versions.
 */
export function refuseUnsignedChoice(request: S3Request, { query = {} }: Route): void {
  if (!isPresignedV2(request)) return;
  const unsigned = Object.keys(query).find((name) => name !== 'list-type' && !isSignedParameter(name));
  if (unsigned !== undefined)
    throw new S3Error('AccessDenied', {
      message: `Signature Version 2 does not sign the parameter ${unsigned}. Please use AWS4-HMAC-SHA256.`,
    });
}

/** The claim of `Authorization: AWS key:signature`, whose date is checked. `now` in seconds since the epoch. */
export function headerClaimV2(request: S3Request, authorization: string, now: number): ClaimV2 {
  const credential = authorization.slice(scheme.length).trim();
  const colon = credential.lastIndexOf(':');
  if (colon <= 0 || colon === credential.length - 1)
    throw invalidArgument(
      'AWS authorization header is invalid.  Expected AwsAccessKeyId:signature',
      'Authorization',
      authorization,
    );
  const amzDate = request.headers['x-amz-date'];
  const date = amzDate ?? request.headers['date'] ?? '';
  checkDate(date, now);
  const amzHeaders = amzHeadersOf(request.headers);
  return {
    accessKey: credential.slice(0, colon),
    signature: credential.slice(colon + 1),
    // Signed as one of the x-amz-* headers, it takes the place of Date.
    stringToSign: stringToSignV2(request, { date: amzDate === undefined ? date : '', amzHeaders }),
    securityToken: request.headers['x-amz-security-token'],
  };
}

function checkDate(date: string, now: number): void {
  const basic = secondsOfTimestamp(date);
  const signedAt = Number.isNaN(basic) ? Date.parse(date) / 1000 : basic;
  if (Number.isNaN(signedAt) || signedAt < 0) throw noValidDate();
  if (isSkewed(now, signedAt)) throw timeTooSkewed(date, now);
}

/** The claim of a presigned URL, which has not expired. Headers that were signed may stand in the query. */
export function presignedClaimV2(request: S3Request, now: number): ClaimV2 {
  const { AWSAccessKeyId: accessKey, Signature: signature, Expires: expires } = request.query;
  if (accessKey === undefined || signature === undefined || expires === undefined)
    throw new S3Error('AccessDenied', {
      message: 'Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters',
    });
  checkExpires(expires, now);
  const amzHeaders = { ...headersOf(request.query), ...amzHeadersOf(request.headers) };
  return {
    accessKey,
    signature,
    stringToSign: stringToSignV2(request, { date: expires, amzHeaders }),
    securityToken: amzHeaders['x-amz-security-token'],
  };
}

function checkExpires(expires: string, now: number): void {
  if (!/^\d{1,11}$/.test(expires))
    throw new S3Error('AccessDenied', {
      message: `Invalid date (should be seconds since epoch): ${expires}`,
    });
  if (now > Number(expires))
    throw new S3Error('AccessDenied', {
      message: 'Request has expired',
      members: { Expires: isoSeconds(Number(expires)), ServerTime: isoSeconds(now) },
    });
}

function amzHeadersOf(headers: Readonly<Record<string, string>>): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name in headers) if (name.startsWith('x-amz-')) found[name] = headers[name] ?? '';
  return found;
}

/** RFC 9110 §5.6.2. A name with a colon or a line end could pass for several headers. */
const token = /^[\w!#$%&'*+.^`|~-]+$/;

/** Parameters as the headers that they become in `withHoistedHeaders`: in lower case, the first of equal names. */
function headersOf(query: Readonly<Record<string, string>>): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name in query) {
    const lower = name.toLowerCase();
    if (!lower.startsWith('x-amz-')) continue;
    if (!token.test(name)) throw invalidArgument('The name of a header is not valid.', name, '');
    headers[lower] ??= Buffer.from(query[name] ?? '', 'utf8').toString('latin1');
  }
  return headers;
}
