import { AUTHORIZATION_KEPT_CHARS_MAX, SIGNING_KEYS_MAX } from '../../limits/s3.ts';
import { parseAuthorization, parseCredential, type WrittenScope } from '../../signing/authorization.ts';
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
export function headerClaim(
  request: S3Request,
  authorization: string,
  { region, said }: { readonly region: string; readonly said: SaidBefore },
): Claim {
  const space = authorization.indexOf(' ');
  const scheme = space < 0 ? authorization : authorization.slice(0, space);
  if (scheme !== algorithm)
    throw invalidArgument('Unsupported Authorization Type', 'Authorization', authorization);
  const { names, written, signature } = components(authorization.slice(space + 1), said);
  const timestamp = timestampOf(request);
  const scope = checkedScope(written, { region, timestamp, refuse: malformed });
  return {
    scope,
    signedHeaders: names,
    signature,
    timestamp,
    payloadHash: payloadHashOf(request),
    expiresSeconds: undefined,
  };
}

/** What a client says in the same words with every request, taken apart. */
interface Said {
  readonly names: readonly string[];
  readonly written: WrittenScope | undefined;
}

/** What clients have said before, by the text before the signature. Oldest out first: a client says the same for a day. */
export class SaidBefore {
  readonly #said = new Map<string, Said>();

  find(text: string): Said | undefined {
    return this.#said.get(text);
  }

  keep(text: string, said: Said): void {
    if (text.length > AUTHORIZATION_KEPT_CHARS_MAX) return;
    for (const oldest of this.#said.keys()) {
      if (this.#said.size < SIGNING_KEYS_MAX) break;
      this.#said.delete(oldest);
    }
    this.#said.set(text, said);
  }
}

function components(text: string, before: SaidBefore): Said & { readonly signature: string } {
  const comma = text.lastIndexOf(',');
  const last = text.slice(comma + 1).trim();
  const signature = last.startsWith(signatureIs) ? last.slice(signatureIs.length) : '';
  const known = signature === '' ? undefined : before.find(text.slice(0, comma));
  if (known !== undefined) return { names: known.names, written: known.written, signature };
  const found = parseAuthorization(text);
  if (found.credential === '' || found.signedHeaders === '' || found.signature === '')
    throw malformed(
      'the authorization header requires three components: Credential, SignedHeaders, and Signature.',
    );
  const names = found.signedHeaders.split(';');
  const written = parseCredential(found.credential);
  if (signature !== '') before.keep(text.slice(0, comma), { names, written });
  return { names, written, signature: found.signature };
}

const signatureIs = 'Signature=';

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
export const parseScope = (credential: string, rules: ScopeRules): Scope =>
  checkedScope(parseCredential(credential), rules);

function checkedScope(written: WrittenScope | undefined, rules: ScopeRules): Scope {
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
