import { Type, type Static } from '@sinclair/typebox';
import {
  CORS_BYTES_MAX,
  CORS_REQUESTED_HEADERS_MAX,
  CORS_RULE_ID_CHARS_MAX,
  CORS_RULES_MAX,
} from '../../limits/s3.ts';
import type { Bucket, ObjectStore } from '../../namespace/namespace.ts';
import { bucketDocument } from './bucket-document.ts';
import { S3Error } from './errors.ts';
import type { S3Request } from './request.ts';

/** AWS API reference, CORSRule. */
const corsRule = Type.Object({
  ID: Type.Optional(Type.String({ maxLength: CORS_RULE_ID_CHARS_MAX })),
  AllowedHeader: Type.Array(Type.String()),
  AllowedMethod: Type.Array(Type.String(), { minItems: 1 }),
  AllowedOrigin: Type.Array(Type.String(), { minItems: 1 }),
  // It is sent as a header.
  ExposeHeader: Type.Array(Type.String({ pattern: '^[\\x20-\\x7e]*$' })),
  MaxAgeSeconds: Type.Optional(Type.Integer({ minimum: 0, maximum: 2147483647 })),
});

/** AWS API reference, CORSConfiguration. */
export const corsConfiguration = Type.Object({ CORSRule: Type.Array(corsRule, { minItems: 1 }) });

export type CorsRule = Static<typeof corsRule>;
export type CorsConfiguration = Static<typeof corsConfiguration>;

const methods: ReadonlySet<string> = new Set(['GET', 'PUT', 'POST', 'DELETE', 'HEAD']);

/** What the schema cannot say. AWS API reference, PutBucketCors; texts as the service sends them. */
export function checkCors(configuration: CorsConfiguration): void {
  const { CORSRule: rules } = configuration;
  if (rules.length > CORS_RULES_MAX)
    throw invalid(`The number of CORS rules should not exceed allowed limit of ${CORS_RULES_MAX} rules.`);
  if (Buffer.byteLength(JSON.stringify(configuration)) > CORS_BYTES_MAX) throw new S3Error('MalformedXML');
  for (const rule of rules) checkRule(rule);
}

function checkRule({ AllowedHeader, AllowedMethod, AllowedOrigin, ExposeHeader }: CorsRule): void {
  const method = AllowedMethod.find((it) => !methods.has(it));
  if (method !== undefined)
    throw invalid(`Found unsupported HTTP method in CORS config. Unsupported method is ${method}`);
  const origin = AllowedOrigin.find(hasSeveralWildcards);
  if (origin !== undefined) throw invalid(`AllowedOrigin "${origin}" can not have more than one wildcard.`);
  const header = AllowedHeader.find(hasSeveralWildcards);
  if (header !== undefined) throw invalid(`AllowedHeader "${header}" can not have more than one wildcard.`);
  const exposed = ExposeHeader.find((it) => it.includes('*'));
  if (exposed !== undefined)
    throw invalid(
      `ExposeHeader "${exposed}" contains wildcard. We currently do not support wildcard for ExposeHeader.`,
    );
}

const hasSeveralWildcards = (pattern: string): boolean => pattern.indexOf('*') !== pattern.lastIndexOf('*');
const invalid = (message: string): S3Error => new S3Error('InvalidRequest', { message });

/** The bucket's rules; `undefined` when cross-origin requests were never allowed. */
async function corsRules(objects: ObjectStore, bucket: Bucket): Promise<readonly CorsRule[] | undefined> {
  const stored = (await bucketDocument(objects, bucket, 'cors')) as CorsConfiguration | undefined;
  return stored?.CORSRule;
}

/** What a browser asks for. */
export interface CrossOrigin {
  readonly origin: string;
  readonly method: string;
  /** Lower-case names that the request wants to send, in the order given. */
  readonly headers: readonly string[];
}

/** `undefined` when the request comes from no other origin. */
function crossOriginOf({ method, headers }: S3Request): CrossOrigin | undefined {
  const origin = headers['origin'];
  if (origin === undefined) return undefined;
  return {
    origin,
    method: headers['access-control-request-method'] ?? method,
    headers: listed(headers['access-control-request-headers'] ?? ''),
  };
}

const listed = (names: string): readonly string[] =>
  names
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '');

/**
 * Answer headers that the first matching rule gives; `undefined` when none allows the request. AWS User Guide, "Using
 * cross-origin resource sharing": a rule matches by origin, method, and every requested header.
 */
export function allowance(rules: readonly CorsRule[], wish: CrossOrigin): readonly string[] | undefined {
  if (wish.headers.length > CORS_REQUESTED_HEADERS_MAX) return undefined;
  const rule = rules.find((it) => allows(it, wish));
  return rule && allowHeaders(rule, wish);
}

const allows = (rule: CorsRule, { origin, method, headers }: CrossOrigin): boolean =>
  rule.AllowedMethod.includes(method) &&
  rule.AllowedOrigin.some((pattern) => fits(pattern, origin)) &&
  headers.every((name) => rule.AllowedHeader.some((pattern) => fits(pattern.toLowerCase(), name)));

/** One `*` stands for any text, also none. */
export function fits(pattern: string, text: string): boolean {
  const star = pattern.indexOf('*');
  if (star < 0) return pattern === text;
  const rest = pattern.length - star - 1;
  return (
    text.length >= star + rest &&
    text.startsWith(pattern.slice(0, star)) &&
    text.endsWith(pattern.slice(star + 1))
  );
}

function allowHeaders(rule: CorsRule, { origin, headers }: CrossOrigin): readonly string[] {
  const isForAll = rule.AllowedOrigin.includes('*');
  const answer = ['Access-Control-Allow-Origin', isForAll ? '*' : origin];
  answer.push('Access-Control-Allow-Methods', rule.AllowedMethod.join(', '));
  if (headers.length > 0) answer.push('Access-Control-Allow-Headers', headers.join(', '));
  if (rule.ExposeHeader.length > 0)
    answer.push('Access-Control-Expose-Headers', rule.ExposeHeader.join(', '));
  if (rule.MaxAgeSeconds !== undefined) answer.push('Access-Control-Max-Age', String(rule.MaxAgeSeconds));
  // Fetch standard, CORS protocol and credentials: with `*` they are never sent.
  if (!isForAll) answer.push('Access-Control-Allow-Credentials', 'true');
  answer.push('Vary', 'Origin, Access-Control-Request-Headers, Access-Control-Request-Method');
  return answer;
}

/** Headers for the answer to a request that is no preflight, whatever it will be; none unless a rule allows it. */
export async function crossOriginHeaders(
  objects: ObjectStore,
  request: S3Request,
): Promise<readonly string[]> {
  const wish = crossOriginOf(request);
  if (wish === undefined || request.bucket === undefined) return [];
  const bucket = await objects.bucket(request.bucket);
  const rules = bucket && (await corsRules(objects, bucket));
  return (rules && allowance(rules, wish)) ?? [];
}

/**
 * Answers OPTIONS. A browser sends it without credentials, and S3 answers it before it looks at any. AWS: "OPTIONS
 * object"; codes and texts as the service sends them, with its spelling.
 */
export async function preflight(objects: ObjectStore, request: S3Request): Promise<readonly string[]> {
  const wish = crossOriginOf(request);
  if (wish === undefined)
    throw new S3Error('BadRequest', { message: 'Insufficient information. Origin request header needed.' });
  const bucket = request.bucket === undefined ? undefined : await objects.bucket(request.bucket);
  if (bucket === undefined) throw forbidden('Bucket not found', wish, 'BUCKET');
  const rules = await corsRules(objects, bucket);
  if (rules === undefined) throw forbidden('CORS is not enabled for this bucket.', wish, 'BUCKET');
  const method = request.headers['access-control-request-method'];
  if (method === undefined || !methods.has(method))
    throw new S3Error('BadRequest', {
      message: `Invalid Access-Control-Request-Method: ${method ?? 'null'}`,
    });
  const answer = allowance(rules, wish);
  if (answer === undefined)
    throw forbidden(
      "This CORS request is not allowed. This is usually because the evalution of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.",
      wish,
      request.key === undefined ? 'BUCKET' : 'OBJECT',
    );
  return answer;
}

const forbidden = (message: string, { method }: CrossOrigin, resource: 'BUCKET' | 'OBJECT'): S3Error =>
  new S3Error('AccessForbidden', {
    message: `CORSResponse: ${message}`,
    members: { Method: method, ResourceType: resource },
  });
