import type { Clock } from '../../environment.ts';
import { SIGNATURE_SKEW_SECONDS_MAX } from '../../limits/s3.ts';
import { headersNotSigned } from '../../signing/authorization.ts';
import {
  canonicalRequest,
  ChunkSigner,
  emptySha256,
  equalsInConstantTime,
  signature,
  stringToSign,
  type SigningKeys,
} from '../../signing/sigv4.ts';
import { isSkewed, secondsOfTimestamp } from '../../signing/timestamp.ts';
import type { KeyRefusal } from '../../signing/verify.ts';
import type { S3ErrorCode } from './error-codes.ts';
import { invalidArgument, S3Error } from './errors.ts';
import type { Principal } from './operation.ts';
import type { LengthBounds } from './post-policy.ts';
import { presignedClaim } from './presigned.ts';
import type { S3Request } from './request.ts';
import { isoSeconds, timeTooSkewed } from './signature-time.ts';
import { headerClaim, type Claim, type SaidBefore } from './signed-header.ts';
import { headerClaimV2, isHeaderV2, isPresignedV2, presignedClaimV2, type ClaimV2 } from './signed-v2.ts';
import { signatureV2 } from './sigv2.ts';

/** The keys that may sign. */
export interface Credentials {
  find(accessKey: string): Credential | undefined;
  /** The temporary keys of a session token. */
  session(accessKey: string, token: string): Credential | KeyRefusal;
}

export interface Credential {
  readonly secret: string;
  readonly principal: Principal;
}

/** How the body is protected; the body's reader enforces it before anything is committed. */
export type PayloadSigning =
  | { readonly kind: 'unsigned' }
  | { readonly kind: 'sha256'; readonly hex: string }
  /** The file of a form, whose length shows at its end. */
  | { readonly kind: 'form'; readonly lengths: LengthBounds }
  | { readonly kind: 'chunked'; readonly signer: ChunkSigner | undefined; readonly trailer: boolean };

export interface Authenticated {
  readonly principal: Principal;
  readonly payload: PayloadSigning;
}

export interface Authentication {
  readonly credentials: Credentials;
  readonly keys: SigningKeys;
  readonly said: SaidBefore;
  readonly clock: Clock;
  readonly region: string;
  /** Whether signatures of version 2 are taken too. */
  readonly signatureV2: boolean;
}

/** The key that a request names, with the session token that it carries. */
export function credentialOf(
  { credentials }: Pick<Authentication, 'credentials'>,
  accessKey: string,
  securityToken: string | undefined,
): Credential {
  const found =
    securityToken === undefined
      ? (credentials.find(accessKey) ?? 'unknown-key')
      : credentials.session(accessKey, securityToken);
  if (typeof found !== 'string') return found;
  const members = found === 'unknown-key' ? { AWSAccessKeyId: accessKey } : {};
  throw new S3Error(byKeyRefusal[found], { members });
}

const byKeyRefusal = {
  'unknown-key': 'InvalidAccessKeyId',
  'expired-token': 'ExpiredToken',
  'invalid-token': 'InvalidToken',
} as const satisfies Record<KeyRefusal, S3ErrorCode>;

/** Who sent the request, proven by its signature; `undefined` for an anonymous one. AWS SigV4, S3 flavour, and SigV2. */
export function authenticate(auth: Authentication, request: S3Request): Authenticated | undefined {
  const older = claimV2Of(auth, request);
  if (older !== undefined) return authenticateV2(auth, request, older);
  const claim = claimOf(auth, request);
  if (claim === undefined) return undefined;
  checkTime(auth.clock, claim);
  const token = request.headers['x-amz-security-token'] ?? request.query['X-Amz-Security-Token'];
  const credential = credentialOf(auth, claim.scope.accessKey, token);
  checkSignedHeaders(request, claim);
  const key = auth.keys.of(credential.secret, claim.scope);
  const canonical = canonicalRequest(request, claim.signedHeaders, claim.payloadHash);
  const text = stringToSign(canonical, claim.timestamp, claim.scope);
  const wanted = signature(key, text);
  if (!equalsInConstantTime(wanted, claim.signature)) throw mismatch(claim, text, canonical);
  const signer = (): ChunkSigner => new ChunkSigner(key, claim.timestamp, claim.scope, wanted);
  return { principal: credential.principal, payload: payloadSigning(claim.payloadHash, signer) };
}

/** What a request without a signature promises about its body; there is no key that could have signed chunks. */
export function unsignedPayload(request: S3Request): PayloadSigning {
  const payloadHash = request.headers['x-amz-content-sha256'] ?? 'UNSIGNED-PAYLOAD';
  return payloadSigning(payloadHash, unsignedChunksOnly);
}

function claimOf(auth: Authentication, request: S3Request): Claim | undefined {
  const authorization = request.headers['authorization'];
  if (authorization !== undefined) return headerClaim(request, authorization, auth);
  return isPresignedV4(request) ? presignedClaim(request, auth.region) : undefined;
}

function claimV2Of(auth: Authentication, request: S3Request): ClaimV2 | undefined {
  const authorization = request.headers['authorization'];
  const isPresigned = isPresignedV2(request);
  if (authorization !== undefined && (isPresigned || isPresignedV4(request))) throw onlyOne(authorization);
  if (!isPresigned && (authorization === undefined || !isHeaderV2(authorization))) return undefined;
  if (!auth.signatureV2) throw versionRefused();
  const now = auth.clock.wall().seconds;
  return authorization === undefined
    ? presignedClaimV2(request, now)
    : headerClaimV2(request, authorization, now);
}

/** The answer of AWS where version 2 was never taken. */
export const versionRefused = (): S3Error =>
  new S3Error('InvalidRequest', {
    message: 'The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.',
  });

function authenticateV2(
  auth: Authentication,
  request: S3Request,
  { accessKey, signature: given, stringToSign: text, securityToken }: ClaimV2,
): Authenticated {
  const { secret, principal } = credentialOf(auth, accessKey, securityToken);
  if (!equalsInConstantTime(signatureV2(secret, text), given))
    throw new S3Error('SignatureDoesNotMatch', {
      members: {
        AWSAccessKeyId: accessKey,
        StringToSign: Buffer.from(text, 'latin1').toString('utf8'),
        SignatureProvided: given,
        StringToSignBytes: hexBytes(text),
      },
    });
  const payloadHash = request.headers['x-amz-content-sha256'] ?? 'UNSIGNED-PAYLOAD';
  return { principal, payload: payloadSigning(payloadHash, unsignedChunksOnly) };
}

/** Signatures of chunks continue one of version 4. */
const unsignedChunksOnly = (): never => {
  throw versionRefused();
};

/** A URL that was presigned, by either version. */
export const isPresigned = (request: S3Request): boolean => isPresignedV4(request) || isPresignedV2(request);

const isPresignedV4 = ({ rawQuery, query }: S3Request): boolean =>
  rawQuery !== '' && query['X-Amz-Algorithm'] !== undefined;

const onlyOne = (authorization: string): S3Error =>
  invalidArgument(
    'Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified',
    'Authorization',
    authorization,
  );

function checkTime(clock: Clock, claim: Claim): void {
  const now = clock.wall().seconds;
  const signedAt = secondsOfTimestamp(claim.timestamp);
  if (claim.expiresSeconds === undefined) {
    if (!isSkewed(now, signedAt)) return;
    throw timeTooSkewed(claim.timestamp, now);
  }
  if (signedAt - now > SIGNATURE_SKEW_SECONDS_MAX)
    throw new S3Error('AccessDenied', {
      message: 'Request is not yet valid',
      members: { 'X-Amz-Date': claim.timestamp, ServerTime: isoSeconds(now) },
    });
  if (now > signedAt + claim.expiresSeconds)
    throw new S3Error('AccessDenied', {
      message: 'Request has expired',
      members: {
        'X-Amz-Expires': claim.expiresSeconds,
        Expires: isoSeconds(signedAt + claim.expiresSeconds),
        ServerTime: isoSeconds(now),
      },
    });
}

/** `host` and every x-amz-* header that is there must be covered by the signature. */
function checkSignedHeaders(request: S3Request, claim: Claim): void {
  const unsigned = headersNotSigned(request.headers, claim);
  if (unsigned.length > 0)
    throw new S3Error('AccessDenied', {
      message: 'There were headers present in the request which were not signed',
      members: { HeadersNotSigned: unsigned.join(', ') },
    });
}

function mismatch(claim: Claim, text: string, canonical: string): S3Error {
  const readable = Buffer.from(canonical, 'latin1').toString('utf8');
  return new S3Error('SignatureDoesNotMatch', {
    members: {
      AWSAccessKeyId: claim.scope.accessKey,
      StringToSign: text,
      SignatureProvided: claim.signature,
      StringToSignBytes: hexBytes(text),
      CanonicalRequest: readable,
      CanonicalRequestBytes: hexBytes(canonical),
    },
  });
}

/** Bytes of a string to sign as the error about it shows them. */
export const hexBytes = (text: string): string =>
  Buffer.from(text, 'latin1')
    .toString('hex')
    .replace(/..(?!$)/g, '$& ');

const sha256Hex = /^[0-9a-f]{64}$/i;

function payloadSigning(payloadHash: string, signer: () => ChunkSigner): PayloadSigning {
  switch (payloadHash) {
    case 'UNSIGNED-PAYLOAD':
      return { kind: 'unsigned' };
    case emptySha256:
      return { kind: 'sha256', hex: emptySha256 };
    case 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD':
      return { kind: 'chunked', signer: signer(), trailer: false };
    case 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER':
      return { kind: 'chunked', signer: signer(), trailer: true };
    case 'STREAMING-UNSIGNED-PAYLOAD-TRAILER':
      return { kind: 'chunked', signer: undefined, trailer: true };
    default:
      if (sha256Hex.test(payloadHash)) return { kind: 'sha256', hex: payloadHash.toLowerCase() };
      throw invalidArgument(
        'x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.',
        'x-amz-content-sha256',
        payloadHash,
      );
  }
}
