import { parseAuthorization, parseCredential, type AuthorizationParts } from '../../signing/authorization.ts';
import { algorithm, type Scope } from '../../signing/sigv4.ts';
import { secondsOfTimestamp, timestampOfHttpDate } from '../../signing/timestamp.ts';
import { invalidArgument, S3Error } from './errors.ts';
import type { S3Request } from './request.ts';
import { noValidDate } from './signature-time.ts';

/** What a request says about its signature, wherever it carried it. */
export interface Claim {
  readonly scope: Scope;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  /** yyyyMMdd'T'HHmmss'Z' */
  readonly timestamp: string;
  /** Last line of the canonical request. */
  readonly payloadHash: string;
  /** Seconds that a presigned request is good for; `undefined` in a header. */
  readonly expiresSeconds: number | undefined;
}

const malformed = (detail: string, members: Readonly<Record<string, string>> = {}): S3Error =>
  new S3Error('AuthorizationHeaderMalformed', {
    message: `The authorization header is malformed; ${detail}`,
    members,
  });

/** The claim of an Authorization header. AWS: "Authenticating Requests: Using the Authorization Header". */
export function headerClaim(request: S3Request, authorization: string, region: string): Claim {
  const space = authorization.indexOf(' ');
  const scheme = space < 0 ? authorization : authorization.slice(0, space);
  if (scheme !== algorithm)
    throw invalidArgument('Unsupported Authorization Type', 'Authorization', authorization);
  const { credential, signedHeaders, signature } = components(authorization.slice(space + 1));
  const timestamp = timestampOf(request);
  const scope = parseScope(credential, { region, timestamp, refuse: malformed });
  return {
    scope,
    signedHeaders: signedHeaders.split(';'),
    signature,
    timestamp,
    payloadHash: payloadHashOf(request),
    expiresSeconds: undefined,
  };
}

function components(text: string): AuthorizationParts {
  const found = parseAuthorization(text);
  if (found.credential === '' || found.signedHeaders === '' || found.signature === '')
    throw malformed(
      'the authorization header requires three components: Credential, SignedHeaders, and Signature.',
    );
  return found;
}

function timestampOf(request: S3Request): string {
  const date = request.headers['x-amz-date'] ?? request.headers['date'];
  const timestamp =
    date === undefined || !Number.isNaN(secondsOfTimestamp(date)) ? date : timestampOfHttpDate(date);
  if (timestamp === undefined) throw noValidDate();
  return timestamp;
}

function payloadHashOf(request: S3Request): string {
  const payloadHash = request.headers['x-amz-content-sha256'];
  if (payloadHash === undefined)
    throw new S3Error('InvalidRequest', {
      message: 'Missing required header for this request: x-amz-content-sha256',
    });
  return payloadHash;
}

export interface ScopeRules {
  readonly region: string;
  readonly timestamp: string;
  refuse(detail: string, members?: Readonly<Record<string, string>>): S3Error;
}

/** The scope of a credential, which must be for this gateway, S3 and the day of the request. */
export function parseScope(credential: string, rules: ScopeRules): Scope {
  const written = parseCredential(credential);
  if (written === undefined)
    throw rules.refuse(
      'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
    );
  const { day, region, service, terminal } = written;
  if (!/^\d{8}$/.test(day))
    throw rules.refuse(
      `incorrect date format "${day}". This date in the credential must be in the format "yyyyMMdd".`,
    );
  if (day !== rules.timestamp.slice(0, 8))
    throw rules.refuse(
      `Invalid credential date "${day}". This date is not the same as X-Amz-Date: "${rules.timestamp.slice(0, 8)}".`,
    );
  if (region !== rules.region)
    throw rules.refuse(`the region '${region}' is wrong; expecting '${rules.region}'`, {
      Region: rules.region,
    });
  if (service !== 's3') throw rules.refuse(`incorrect service "${service}". This endpoint belongs to "s3".`);
  if (terminal !== 'aws4_request')
    throw rules.refuse(`incorrect terminal "${terminal}". This endpoint uses "aws4_request".`);
  return written;
}
