import { hash } from 'node:crypto';
import { formatAuthorization } from './authorization.ts';
import { encodePercentPath } from './percent.ts';
import { canonicalRequest, signature, signingKey, stringToSign } from './sigv4.ts';
import { timestampOfSeconds } from './timestamp.ts';

export interface SigningIdentity {
  readonly accessKey: string;
  readonly secretKey: string;
  /** Of temporary keys. */
  readonly token: string | undefined;
}

/** What is sent. Headers that the client sends beside are not signed. */
export interface UnsignedRequest {
  readonly method: string;
  readonly url: URL;
  /** Empty when there is none. */
  readonly body: string;
}

/** The headers that sign a request for a service other than S3; `host` is the one that the URL says. AWS SigV4. */
export function signingHeaders(
  identity: SigningIdentity,
  { method, url, body }: UnsignedRequest,
  {
    service,
    region,
    seconds,
  }: { readonly service: string; readonly region: string; readonly seconds: number },
): Record<string, string> {
  const timestamp = timestampOfSeconds(seconds);
  const payloadHash = hash('sha256', body, 'hex');
  const own = {
    'x-amz-content-sha256': payloadHash,
    'x-amz-date': timestamp,
    ...(identity.token !== undefined && { 'x-amz-security-token': identity.token }),
  };
  const scope = { accessKey: identity.accessKey, day: timestamp.slice(0, 8), region, service };
  const names = ['host', ...Object.keys(own)];
  const request = {
    method,
    path: encodePercentPath(url.pathname),
    rawQuery: url.search.slice(1),
    headers: { host: url.host, ...own },
  };
  const text = stringToSign(canonicalRequest(request, names, payloadHash), timestamp, scope);
  const signed = signature(signingKey(identity.secretKey, scope), text);
  return { ...own, authorization: formatAuthorization(scope, names, signed) };
}
