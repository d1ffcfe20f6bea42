import { createHmac, createSecretKey, hash, timingSafeEqual, type KeyObject } from 'node:crypto';
import { SIGNING_KEYS_MAX } from '../limits/s3.ts';
import { canonicalPath, encodePercent } from './percent.ts';
import { queryPairs } from './query.ts';

/** AWS Signature Version 4: the arithmetic. Who may and when is decided by the doors. */
export const algorithm = 'AWS4-HMAC-SHA256';
export const emptySha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** What is signed of a request. Strings carry one byte per character (latin1), as they were on the wire. */
export interface SignedRequest {
  readonly method: string;
  /** As sent, without the query. */
  readonly path: string;
  /** As sent, without the '?'; empty when there was none. */
  readonly rawQuery: string;
  /** By lower-case name; equal names are joined by ','. */
  readonly headers: Readonly<Record<string, string>>;
}

/** `Credential=AKID/yyyyMMdd/region/service/aws4_request`, taken apart. */
export interface Scope {
  readonly accessKey: string;
  readonly day: string;
  readonly region: string;
  readonly service: string;
}

export const scopeText = (scope: Scope): string =>
  `${scope.day}/${scope.region}/${scope.service}/aws4_request`;

/**
 * Method, path, query, headers and payload hash in the one form that both sides sign. `signedHeaders` are lower-case
 * and in order. AWS: "Create a canonical request" (for S3 the path is encoded once and not normalised).
 */
export function canonicalRequest(
  request: SignedRequest,
  signedHeaders: readonly string[],
  payloadHash: string,
): string {
  let headers = '';
  for (const name of signedHeaders) headers += `${name}:${canonicalValue(request.headers[name] ?? '')}\n`;
  const query = request.rawQuery === '' ? '' : canonicalQuery(request.rawQuery);
  return `${request.method}\n${canonicalPath(request.path)}\n${query}\n${headers}\n${signedHeaders.join(';')}\n${payloadHash}`;
}

const needsTrim = /^\s|\s$|\s\s/;

const canonicalValue = (value: string): string =>
  needsTrim.test(value) ? value.trim().replace(/\s+/g, ' ') : value;

/** Sorted by encoded name, then encoded value; the signature itself is left out. */
export function canonicalQuery(rawQuery: string): string {
  const pairs: string[] = [];
  for (const [name, value] of queryPairs(rawQuery)) {
    // '\0' sorts before every encoded character, so that a name comes before the longer names it begins.
    if (name !== 'X-Amz-Signature') pairs.push(`${encodePercent(name)}\0${encodePercent(value)}`);
  }
  return pairs.sort().join('&').replaceAll('\0', '=');
}

/** Header values are bytes, one a character, so the canonical request is hashed as latin1. */
export function stringToSign(canonical: string, timestamp: string, scope: Scope): string {
  const digest = hash('sha256', Buffer.from(canonical, 'latin1'), 'hex');
  return `${algorithm}\n${timestamp}\n${scopeText(scope)}\n${digest}`;
}

export const signature = (key: KeyObject, text: string): string =>
  createHmac('sha256', key).update(text).digest('hex');

/** Compares without telling by its time where they differ. */
export function equalsInConstantTime(one: string, other: string): boolean {
  const left = Buffer.from(one, 'latin1');
  const right = Buffer.from(other, 'latin1');
  return left.length === right.length && timingSafeEqual(left, right);
}

/** kSigning for a scope: four HMACs. */
export function signingKey(secret: string, scope: Scope): KeyObject {
  const steps = [scope.day, scope.region, scope.service, 'aws4_request'];
  let key = Buffer.from(`AWS4${secret}`, 'utf8');
  for (const step of steps) key = createHmac('sha256', key).update(step).digest();
  return createSecretKey(key);
}

/**
 * Signing keys as KeyObject (a raw key costs each HMAC several microseconds more). Oldest out first: a client uses one
 * key a day.
 */
export class SigningKeys {
  readonly #keys = new Map<string, KeyObject>();

  of(secret: string, scope: Scope): KeyObject {
    const name = `${scope.accessKey}/${scope.day}/${scope.region}/${scope.service}/${secret}`;
    const known = this.#keys.get(name);
    if (known !== undefined) return known;
    const key = signingKey(secret, scope);
    if (this.#keys.size >= SIGNING_KEYS_MAX) {
      for (const oldest of this.#keys.keys()) {
        this.#keys.delete(oldest);
        break;
      }
    }
    this.#keys.set(name, key);
    return key;
  }
}

/** Signs the chunks of one body, each over the signature before it. AWS: "Transferring payload in multiple chunks". */
export class ChunkSigner {
  readonly #key: KeyObject;
  readonly #prefix: string;
  #previous: string;

  constructor(key: KeyObject, timestamp: string, scope: Scope, seed: string) {
    this.#key = key;
    this.#prefix = `${timestamp}\n${scopeText(scope)}\n`;
    this.#previous = seed;
  }

  /** Whether `given` signs a chunk with this SHA-256; the next chunk builds on it. */
  acceptsChunk(given: string, sha256: string): boolean {
    return this.#accepts(
      given,
      `AWS4-HMAC-SHA256-PAYLOAD\n${this.#prefix}${this.#previous}\n${emptySha256}\n${sha256}`,
    );
  }

  /** Whether `given` signs the trailer with this SHA-256 of its canonical form (`name:value\n`…). */
  acceptsTrailer(given: string, sha256: string): boolean {
    return this.#accepts(given, `AWS4-HMAC-SHA256-TRAILER\n${this.#prefix}${this.#previous}\n${sha256}`);
  }

  #accepts(given: string, text: string): boolean {
    const wanted = signature(this.#key, text);
    this.#previous = wanted;
    return equalsInConstantTime(wanted, given);
  }
}
