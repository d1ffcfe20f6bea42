import { hash } from 'node:crypto';
import type { Clock } from '../environment.ts';
import { SIGNATURE_SKEW_SECONDS_MAX } from '../limits/s3.ts';
import { headersNotSigned, parseAuthorization, parseCredential } from './authorization.ts';
import { encodePercentPath } from './percent.ts';
import {
  algorithm,
  canonicalRequest,
  equalsInConstantTime,
  signature,
  stringToSign,
  type Scope,
  type SignedRequest,
  type SigningKeys,
} from './sigv4.ts';
import { isSkewed, secondsOfTimestamp, timestampOfHttpDate, timestampOfSeconds } from './timestamp.ts';

/**
 * AWS Signature Version 4 as every service but S3 has it: the whole body is signed, and only the Authorization header
 * counts. S3 has rules and errors of its own. Paths must not tell `%25` from `%`: both ways to sign them are taken.
 */

/** What a signer must have. */
export interface Signer {
  readonly secretKey: string;
}

export type KeyRefusal = 'unknown-key' | 'expired-token' | 'invalid-token';

export interface SignatureRules<Found extends Signer> {
  readonly clock: Clock;
  readonly keys: SigningKeys;
  readonly service: string;
  /** `undefined` takes any: the signature covers it, and the host. */
  readonly region: string | undefined;
  /** Whose access key it is, with the session token that came with it. */
  readonly find: (accessKey: string, token: string | undefined) => Found | KeyRefusal;
}

/** Why nobody is known to have sent the request. The message is a sentence for its sender and holds no secret. */
export interface Refusal {
  readonly reason: 'missing' | 'malformed' | 'wrong-scope' | 'skewed' | 'mismatch' | KeyRefusal;
  readonly message: string;
}

export type Verdict<Found extends Signer> = { readonly signer: Found } | { readonly refusal: Refusal };

const refuse = (reason: Refusal['reason'], message: string): { readonly refusal: Refusal } => ({
  refusal: { reason, message },
});

const mismatch = refuse(
  'mismatch',
  'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
);

/** Messages as AWS's services send them ("Troubleshoot signed requests for AWS APIs"). */
const keyMessages: Readonly<Record<KeyRefusal, string>> = {
  'unknown-key': 'The security token included in the request is invalid.',
  'invalid-token': 'The security token included in the request is invalid.',
  'expired-token': 'The security token included in the request is expired',
};

/** Who signed the request with this body; bodies are small and whole. */
export function verifySignature<Found extends Signer>(
  rules: SignatureRules<Found>,
  request: SignedRequest,
  body: Uint8Array,
): Verdict<Found> {
  const claim = claimOf(request);
  if ('refusal' in claim) return claim;
  const refusal = scopeRefusal(rules, claim) ?? timeRefusal(rules.clock, claim.timestamp);
  if (refusal !== undefined) return refusal;
  const found = rules.find(claim.scope.accessKey, request.headers['x-amz-security-token']);
  if (typeof found === 'string') return refuse(found, keyMessages[found]);
  const payloadHash = hash('sha256', body, 'hex');
  const unsigned = headersNotSigned(request.headers, { ...claim, payloadHash });
  if (unsigned.length > 0) {
    const names = unsigned.map((name) => `'${name}'`).join(', ');
    return refuse('mismatch', `${names} must be a 'SignedHeader' in the AWS Authorization.`);
  }
  const key = rules.keys.of(found.secretKey, claim.scope);
  // AWS's services encode the path as it was sent once more; curl before 8 signs it as it was sent, as S3 does.
  const isRight = [encodePercentPath(request.path), request.path].some((path) => {
    const canonical = canonicalRequest({ ...request, path }, claim.signedHeaders, payloadHash);
    const wanted = signature(key, stringToSign(canonical, claim.timestamp, claim.scope));
    return equalsInConstantTime(wanted, claim.signature);
  });
  return isRight ? { signer: found } : mismatch;
}

interface Claim {
  readonly scope: Scope;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  readonly timestamp: string;
}

function claimOf({ headers }: SignedRequest): Claim | { readonly refusal: Refusal } {
  const authorization = headers['authorization'];
  if (authorization === undefined) return refuse('missing', 'Request is missing Authentication Token');
  if (!authorization.startsWith(`${algorithm} `))
    return refuse('malformed', `Authorization header requires the algorithm ${algorithm}.`);
  const parts = parseAuthorization(authorization.slice(algorithm.length + 1));
  for (const [name, value] of Object.entries(parts)) {
    const component = name.charAt(0).toUpperCase() + name.slice(1);
    if (value === '') return refuse('malformed', `Authorization header requires '${component}' parameter.`);
  }
  const scope = parseCredential(parts.credential);
  if (scope?.terminal !== 'aws4_request')
    return refuse(
      'malformed',
      'Credential must have the form ACCESSKEY/yyyyMMdd/region/service/aws4_request.',
    );
  const timestamp = timestampOf(headers);
  if (timestamp === undefined)
    return refuse(
      'malformed',
      "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
    );
  return { scope, signedHeaders: parts.signedHeaders.split(';'), signature: parts.signature, timestamp };
}

function timestampOf(headers: SignedRequest['headers']): string | undefined {
  const date = headers['x-amz-date'] ?? headers['date'];
  if (date === undefined || !Number.isNaN(secondsOfTimestamp(date))) return date;
  return timestampOfHttpDate(date);
}

function scopeRefusal(
  { service, region }: Pick<SignatureRules<Signer>, 'service' | 'region'>,
  { scope, timestamp }: Claim,
): { readonly refusal: Refusal } | undefined {
  const day = timestamp.slice(0, 8);
  if (scope.day !== day)
    return refuse(
      'wrong-scope',
      `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${scope.day}' != '${day}', from '${timestamp}'.`,
    );
  if (region !== undefined && scope.region !== region)
    return refuse('wrong-scope', `Credential should be scoped to a valid region, not '${scope.region}'.`);
  if (scope.service !== service)
    return refuse('wrong-scope', `Credential should be scoped to correct service: '${service}'.`);
  return undefined;
}

function timeRefusal(clock: Clock, timestamp: string): { readonly refusal: Refusal } | undefined {
  const now = clock.wall().seconds;
  const signedAt = secondsOfTimestamp(timestamp);
  if (!isSkewed(now, signedAt)) return undefined;
  const [verb, edge] =
    signedAt < now
      ? ['Signature expired', now - SIGNATURE_SKEW_SECONDS_MAX]
      : ['Signature not yet current', now + SIGNATURE_SKEW_SECONDS_MAX];
  const relation = signedAt < now ? 'is now earlier than' : 'is still later than';
  return refuse(
    'skewed',
    `${verb}: ${timestamp} ${relation} ${timestampOfSeconds(edge)} (${timestampOfSeconds(now)} ${signedAt < now ? '-' : '+'} ${SIGNATURE_SKEW_SECONDS_MAX / 60} min.)`,
  );
}
