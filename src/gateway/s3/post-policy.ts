import { S3Error } from './errors.ts';

/** How long the file of a form may be, in bytes, both ends included. */
export interface LengthBounds {
  readonly min: number;
  readonly max: number;
}

interface Match {
  readonly how: 'eq' | 'starts-with';
  /** Lower case, without the '$'. */
  readonly field: string;
  readonly value: string;
  /** As an error tells it. */
  readonly text: string;
}

/** What a form may hold and until when. AWS: "POST policy". */
export interface PostPolicy {
  /** Seconds since the epoch. */
  readonly expiresAt: number;
  readonly matches: readonly Match[];
  readonly lengths: readonly LengthBounds[];
}

const invalid = (detail: string): S3Error =>
  new S3Error('InvalidPolicyDocument', { message: `Invalid Policy: ${detail}` });

const denied = (detail: string): S3Error =>
  new S3Error('AccessDenied', { message: `Invalid according to Policy: ${detail}` });

/** The policy of a form field: base64 of JSON. */
export function decodePolicy(encoded: string): PostPolicy {
  const document = parse(Buffer.from(encoded, 'base64').toString('utf8'));
  if (!isRecord(document)) throw invalid('Invalid JSON.');
  const { expiration, conditions } = document;
  if (expiration === undefined) throw invalid('Policy missing expiration.');
  if (conditions === undefined) throw invalid('Policy missing conditions.');
  const written = typeof expiration === 'string' ? expiration : JSON.stringify(expiration);
  const expiresAt = secondsOfIso(written);
  if (Number.isNaN(expiresAt)) throw invalid(`Invalid 'expiration' value: '${written}'`);
  if (!Array.isArray(conditions)) throw invalid('Invalid conditions: they must be a list.');
  const decoded = conditions.map(decodeCondition);
  return {
    expiresAt,
    matches: decoded.filter((it) => 'how' in it),
    lengths: decoded.filter((it) => 'min' in it),
  };
}

/** AWS lets a policy escape '$' too, which JSON does not know. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text.replace(/\\[^]/g, (escape) => (escape === '\\$' ? '$' : escape)));
  } catch {
    throw invalid('Invalid JSON.');
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const iso = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?Z$/;
const secondsOfIso = (text: string): number => (iso.test(text) ? Date.parse(text) / 1000 : Number.NaN);

function decodeCondition(condition: unknown): Match | LengthBounds {
  if (Array.isArray(condition)) return decodeList(condition as readonly unknown[]);
  if (!isRecord(condition)) throw invalid('Invalid Condition: it must be an object or a list.');
  const [only, ...others] = Object.entries(condition);
  if (only === undefined || others.length > 0)
    throw invalid('Invalid Simple-Condition: Simple-Conditions must have exactly one property specified.');
  const [name, value] = only;
  if (typeof value !== 'string') throw invalid('Invalid Simple-Condition: value must be a string.');
  return match('eq', name, value);
}

function decodeList(list: readonly unknown[]): Match | LengthBounds {
  const [operator, first, second] = list;
  const how = typeof operator === 'string' ? operator.toLowerCase() : '';
  if (list.length !== 3) throw invalid(`Invalid ${how} condition: wrong number of arguments.`);
  if (how === 'content-length-range') return { min: lengthOf(first), max: lengthOf(second) };
  if (how !== 'eq' && how !== 'starts-with') throw invalid(`Invalid Condition: unknown operation '${how}'.`);
  if (typeof first !== 'string' || !first.startsWith('$') || typeof second !== 'string')
    throw invalid(`Invalid ${how} condition: its arguments must be a field and a text.`);
  return match(how, first.slice(1), second);
}

function lengthOf(value: unknown): number {
  if (!/^\d{1,15}$/.test(String(value)))
    throw invalid('Invalid content-length-range: its arguments must be non-negative integers.');
  return Number(value);
}

const match = (how: Match['how'], name: string, value: string): Match => ({
  how,
  field: name.toLowerCase(),
  value,
  text: `["${how}", "$${name}", "${value}"]`,
});

/** Fields that need no condition. A checksum promises something of the file and asks for nothing. */
const uncovered: ReadonlySet<string> = new Set(['awsaccesskeyid', 'signature', 'x-amz-signature', 'policy']);
const isIgnored = (field: string): boolean =>
  field.startsWith('x-ignore-') || field.startsWith('x-amz-checksum-');

/**
 * Throws unless the form fits: not expired, every condition holds, and every field has one. `fields` by lower-case name,
 * `bucket` and `key` (with the file's name filled in) among them. Answers how long the file may be.
 */
export function checkPolicy(
  policy: PostPolicy,
  fields: ReadonlyMap<string, string>,
  nowSeconds: number,
): LengthBounds | undefined {
  if (nowSeconds >= policy.expiresAt) throw denied('Policy expired.');
  for (const condition of policy.matches) {
    const value = fields.get(condition.field);
    if (value === undefined || !holds(condition, value))
      throw denied(`Policy Condition failed: ${condition.text}`);
  }
  const covered = new Set(policy.matches.map(({ field }) => field));
  const extra = [...fields.keys()].filter(
    (field) => !covered.has(field) && !uncovered.has(field) && !isIgnored(field),
  );
  if (extra.length > 0) throw denied(`Extra input fields: ${extra.join(', ')}`);
  if (policy.lengths.length === 0) return undefined;
  return {
    min: Math.max(...policy.lengths.map(({ min }) => min)),
    max: Math.min(...policy.lengths.map(({ max }) => max)),
  };
}

/** AWS: a content type with commas is a list, of which every member must fit. */
function holds({ how, field, value: wanted }: Match, value: string): boolean {
  if (how === 'eq') return value === wanted;
  if (field !== 'content-type') return value.startsWith(wanted);
  return value.split(',').every((type) => type.trim().startsWith(wanted));
}
