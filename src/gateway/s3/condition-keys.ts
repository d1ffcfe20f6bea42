import type { Time } from '../../environment.ts';
import type { Tag } from '../../namespace/namespace.ts';
import { plainAddress } from '../../policy/address-range.ts';
import type { Lookup } from '../../policy/pattern.ts';
import { decodePercent } from '../../signing/percent.ts';
import { secondsOfTimestamp } from '../../signing/timestamp.ts';
import type { ConditionValues, Principal } from './operation.ts';
import type { S3Request } from './request.ts';
import { principalTypeOf } from '../../accounts/sessions.ts';
import { identityOfPrincipal, principalArn } from './requester.ts';

/** All that conditions may ask about. */
export interface Circumstances {
  readonly request: S3Request;
  readonly principal: Principal;
  readonly now: Time;
  /** Of the bucket; `undefined` without one. */
  readonly resourceAccount: string | undefined;
  /** Instead of the parameter, where a key is looked for as a listing would show it. */
  readonly prefix: string | undefined;
  /** Of the object that is meant, as the client named it. */
  readonly versionId: string | undefined;
  /** Of the request's header; body values take its place. */
  readonly requestTags: readonly Tag[];
  readonly existingTags: readonly Tag[];
  readonly body: ConditionValues | undefined;
}

type Value = (circumstances: Circumstances) => string | readonly string[] | undefined;

const header =
  (name: string): Value =>
  ({ request }) => {
    const value = request.headers[name];
    return value === undefined ? undefined : Buffer.from(value, 'latin1').toString('utf8');
  };

/** Keys of a listing mean nothing where a single key is looked for. */
const listing =
  (name: string): Value =>
  ({ request, prefix }) =>
    prefix === undefined ? request.query[name] : undefined;

const secondsPerDay = 86_400;
const isoSeconds = ({ seconds }: Time): string => `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`;

/** Headers that have a key of their own name. Service Authorization Reference, "Condition keys for Amazon S3". */
const headerKeys = [
  'x-amz-acl',
  'x-amz-content-sha256',
  'x-amz-grant-full-control',
  'x-amz-grant-read',
  'x-amz-grant-read-acp',
  'x-amz-grant-write',
  'x-amz-grant-write-acp',
  'x-amz-metadata-directive',
  'x-amz-object-ownership',
  'x-amz-server-side-encryption',
  'x-amz-server-side-encryption-aws-kms-key-id',
  'x-amz-server-side-encryption-customer-algorithm',
  'x-amz-storage-class',
  'x-amz-website-redirect-location',
] as const;

/** IAM User Guide, "Principal key values". */
function principalType({ isAnonymous, isRoot, session }: Principal): string {
  return isAnonymous ? 'Anonymous' : principalTypeOf({ isRoot }, session);
}

/** By key in lower case. IAM User Guide, "AWS global condition context keys", and the S3 keys as above. */
const values: Readonly<Record<string, Value>> = {
  'aws:currenttime': ({ now }) => isoSeconds(now),
  'aws:epochtime': ({ now }) => String(now.seconds),
  'aws:principalaccount': ({ principal }) => (principal.isAnonymous ? undefined : principal.account.id),
  'aws:principalarn': ({ principal }) => principalArn(principal),
  'aws:principaltype': ({ principal }) => principalType(principal),
  'aws:referer': header('referer'),
  'aws:resourceaccount': ({ resourceAccount }) => resourceAccount,
  // The door speaks plain HTTP; whether a proxy in front of it spoke TLS is the proxy's word only.
  'aws:securetransport': () => 'false',
  'aws:sourceip': ({ request }) => plainAddress(request.peer),
  'aws:tokenissuetime': ({ principal: { session } }) =>
    session && isoSeconds({ seconds: session.issuedAt, nanoseconds: 0 }),
  'aws:useragent': header('user-agent'),
  'aws:userid': ({ principal }) => identityOfPrincipal(principal)?.userId ?? 'anonymous',
  'aws:username': ({ principal }) =>
    principalType(principal) === 'User' ? principal.account.displayName : undefined,
  's3:authtype': (circumstances) => signingOf(circumstances)?.type,
  's3:delimiter': listing('delimiter'),
  's3:if-match': header('if-match'),
  's3:if-none-match': header('if-none-match'),
  's3:max-keys': listing('max-keys'),
  's3:object-lock-legal-hold': header('x-amz-object-lock-legal-hold'),
  's3:object-lock-mode': header('x-amz-object-lock-mode'),
  's3:object-lock-remaining-retention-days': remainingRetentionDays,
  's3:object-lock-retain-until-date': header('x-amz-object-lock-retain-until-date'),
  's3:prefix': ({ request, prefix }) => prefix ?? request.query['prefix'],
  's3:requestobjecttagkeys': ({ requestTags }) => requestTags.map(({ key }) => key),
  's3:resourceaccount': ({ resourceAccount }) => resourceAccount,
  's3:signatureage': signatureAge,
  's3:signatureversion': (circumstances) => signingOf(circumstances)?.version,
  's3:versionid': ({ versionId }) => versionId,
  's3:x-amz-copy-source': copySource,
  ...Object.fromEntries(headerKeys.map((name) => [`s3:${name}`, header(name)])),
};

/** Keys whose values stand in the body of some requests. */
export const isOfBody = (key: string): boolean =>
  /^s3:(requestobjecttag|locationconstraint|object-lock-)/.test(key);

export const existingTagPrefix = 's3:existingobjecttag/';
const requestTagPrefix = 's3:requestobjecttag/';

/** Whether a policy of a bucket may speak of the key. AWS refuses keys that no S3 request has. */
export const isKnownKey = (key: string): boolean =>
  key.startsWith('aws:') ||
  Object.hasOwn(values, key) ||
  key.startsWith(existingTagPrefix) ||
  key.startsWith(requestTagPrefix) ||
  alsoKnown.has(key);

/** Keys of AWS that no request here has a value of. */
const alsoKnown: ReadonlySet<string> = new Set([
  's3:accessgrantsinstancearn',
  's3:accesspointnetworkorigin',
  's3:dataaccesspointaccount',
  's3:dataaccesspointarn',
  's3:inventoryaccessibleoptionalfields',
  's3:locationconstraint',
  's3:objectcreationoperation',
  's3:tlsversion',
]);

/** Answers conditions about one request. */
export function lookupIn(circumstances: Circumstances): Lookup {
  return (key) => {
    const given = circumstances.body?.get(key) ?? valueOf(key, circumstances);
    if (given === undefined) return undefined;
    return typeof given === 'string' ? [given] : given;
  };
}

function valueOf(key: string, circumstances: Circumstances): ReturnType<Value> {
  if (key.startsWith(existingTagPrefix))
    return tagValues(circumstances.existingTags, key.slice(existingTagPrefix.length));
  if (key.startsWith(requestTagPrefix))
    return tagValues(circumstances.requestTags, key.slice(requestTagPrefix.length));
  return Object.hasOwn(values, key) ? values[key]?.(circumstances) : undefined;
}

/** Tag keys in condition keys are compared without regard to case. */
const tagValues = (tags: readonly Tag[], name: string): readonly string[] =>
  tags.filter(({ key }) => key.toLowerCase() === name).map(({ value }) => value);

/** The keys of tags that stand in a body, for `conditionValues` of an operation. */
export function tagConditionValues(tags: readonly Tag[]): ConditionValues {
  const found = new Map<string, readonly string[]>();
  found.set(
    's3:requestobjecttagkeys',
    tags.map(({ key }) => key),
  );
  for (const { key } of tags)
    found.set(requestTagPrefix + key.toLowerCase(), tagValues(tags, key.toLowerCase()));
  return found;
}

/** `bucket/key`, decoded and without the slash in front that a client may send or not: what `parseCopySource` makes of it. */
function copySource({ request }: Circumstances): string | undefined {
  const source = request.headers['x-amz-copy-source'];
  if (source === undefined) return undefined;
  const mark = source.lastIndexOf('?versionId=');
  return decodePercent(mark < 0 ? source : source.slice(0, mark)).replace(/^\//, '');
}

function remainingRetentionDays({ request, body, now }: Circumstances): string | undefined {
  const until =
    body?.get('s3:object-lock-retain-until-date')?.[0] ??
    request.headers['x-amz-object-lock-retain-until-date'];
  const seconds = until === undefined ? Number.NaN : Date.parse(until) / 1000;
  return Number.isNaN(seconds) ? undefined : String(Math.ceil((seconds - now.seconds) / secondsPerDay));
}

interface Signing {
  readonly type: 'REST-HEADER' | 'REST-QUERY-STRING';
  readonly version: 'AWS' | 'AWS4-HMAC-SHA256';
  readonly date: string | undefined;
}

/** How the request is signed; it has been proven by now. `undefined`: it is not, whatever its parameters look like. */
function signingOf({ principal, request }: Circumstances): Signing | undefined {
  if (principal.isAnonymous) return undefined;
  const { headers, query: parameters } = request;
  const authorization = headers['authorization'];
  if (authorization !== undefined) {
    const version = authorization.startsWith('AWS4-') ? 'AWS4-HMAC-SHA256' : 'AWS';
    return { type: 'REST-HEADER', version, date: headers['x-amz-date'] };
  }
  if (parameters['X-Amz-Signature'] !== undefined)
    return { type: 'REST-QUERY-STRING', version: 'AWS4-HMAC-SHA256', date: parameters['X-Amz-Date'] };
  if (parameters['Signature'] !== undefined)
    return { type: 'REST-QUERY-STRING', version: 'AWS', date: undefined };
  return undefined;
}

/** In milliseconds since a URL was presigned. */
function signatureAge(circumstances: Circumstances): string | undefined {
  const { now } = circumstances;
  const signing = signingOf(circumstances);
  if (signing?.date === undefined || signing.type !== 'REST-QUERY-STRING') return undefined;
  const signedAt = secondsOfTimestamp(signing.date);
  return Number.isNaN(signedAt) ? undefined : String(Math.max(0, now.seconds - signedAt) * 1000);
}
