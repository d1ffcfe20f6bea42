import type { Calendar } from '../../lifecycle/calendar.ts';
import type {
  FilterElement,
  LifecycleConfiguration,
  RuleElement,
  TransitionMinimum,
} from '../../lifecycle/document.ts';
import {
  KEY_BYTES_MAX,
  LIFECYCLE_FILTER_BYTES_MAX,
  LIFECYCLE_RULE_ID_CHARS_MAX,
  LIFECYCLE_RULES_MAX,
} from '../../limits.ts';
import { TAG_KEY_CHARS_MAX, TAG_VALUE_CHARS_MAX } from '../../limits/s3.ts';
import { invalidArgument, S3Error } from './errors.ts';
import { checkActions } from './lifecycle-actions-check.ts';

const invalidRequest = (message: string): S3Error => new S3Error('InvalidRequest', { message });
const malformed = (): S3Error => new S3Error('MalformedXML');

/**
 * What the schema cannot say about a lifecycle configuration. AWS API reference, PutBucketLifecycleConfiguration, and
 * "Error responses"; texts as the service sends them. With days of another length than real ones, the least number of
 * days in a class means nothing and is not asked for.
 */
export function checkLifecycle({ Rule: rules }: LifecycleConfiguration, calendar: Calendar): void {
  if (rules.length === 0) throw invalidRequest('At least one lifecycle rule must be specified.');
  if (rules.length > LIFECYCLE_RULES_MAX)
    throw invalidRequest(
      `The number of lifecycle rules must not exceed the allowed limit of ${LIFECYCLE_RULES_MAX} rules.`,
    );
  checkIds(rules);
  // A configuration is of one shape; the first rule says of which.
  const isFiltered = rules[0]?.Filter !== undefined;
  for (const rule of rules) {
    checkShape(rule, isFiltered);
    if (rule.Filter !== undefined) checkFilter(rule.Filter);
    checkPrefix(rule.Filter?.And?.Prefix ?? rule.Filter?.Prefix ?? rule.Prefix ?? '');
    checkActions(rule, calendar);
  }
  if (!isFiltered) checkOverlaps(rules);
}

/** The header's value; what S3 takes for it when there is none. */
export function transitionMinimumOf(header: string | undefined): TransitionMinimum {
  if (header === undefined) return 'all_storage_classes_128K';
  if (header === 'all_storage_classes_128K' || header === 'varies_by_storage_class') return header;
  throw invalidRequest('Invalid TransitionDefaultMinimumObjectSize found: ' + header);
}

function checkIds(rules: readonly RuleElement[]): void {
  const ids = new Set<string>();
  for (const { ID: id = '' } of rules) {
    if (id.length > LIFECYCLE_RULE_ID_CHARS_MAX)
      throw invalidArgument(
        `ID length should not exceed allowed limit of ${LIFECYCLE_RULE_ID_CHARS_MAX}`,
        'ID',
        id,
      );
    if (ids.has(id))
      throw invalidArgument('Rule ID must be unique. Found same ID for more than one rule', 'ID', id);
    if (id !== '') ids.add(id);
  }
}

/** With a filter, or with a prefix of its own as before there were filters ("Lifecycle V2"). */
function checkShape({ Prefix, Filter, ...rule }: RuleElement, isFiltered: boolean): void {
  if (Prefix === undefined && Filter === undefined) throw malformed();
  if (isFiltered && Prefix !== undefined)
    throw invalidRequest(
      'Base level prefix cannot be used in Lifecycle V2, prefixes are only supported in the Filter.',
    );
  if (!isFiltered && Filter !== undefined)
    throw invalidRequest('Filter element can only be used in Lifecycle V2.');
  const counts = [rule.NoncurrentVersionExpiration, ...rule.NoncurrentVersionTransition];
  if (!isFiltered && counts.some((it) => it?.NewerNoncurrentVersions !== undefined))
    throw invalidRequest('NewerNoncurrentVersions element can only be used in Lifecycle V2.');
}

/** One predicate, or at least two inside `And`. */
function checkFilter(filter: FilterElement): void {
  const { And: and } = filter;
  if (predicates(filter) + (filter.Tag === undefined ? 0 : 1) + (and === undefined ? 0 : 1) > 1)
    throw malformed();
  if (and !== undefined && predicates(and) + and.Tag.length < 2) throw malformed();
  checkTags(and?.Tag ?? (filter.Tag === undefined ? [] : [filter.Tag]));
  checkSizes(and ?? filter);
}

type Predicates = Pick<FilterElement, 'Prefix' | 'ObjectSizeGreaterThan' | 'ObjectSizeLessThan'>;

const predicates = ({ Prefix, ObjectSizeGreaterThan, ObjectSizeLessThan }: Predicates): number =>
  [Prefix, ObjectSizeGreaterThan, ObjectSizeLessThan].filter((it) => it !== undefined).length;

function checkTags(tags: readonly NonNullable<FilterElement['Tag']>[]): void {
  for (const { Key, Value } of tags) {
    if (Key === '' || Key.length > TAG_KEY_CHARS_MAX)
      throw invalidRequest(`A Tag's Key must be a length between 1 and ${TAG_KEY_CHARS_MAX}.`);
    if (Value.length > TAG_VALUE_CHARS_MAX)
      throw invalidRequest(`A Tag's Value must be a length between 0 and ${TAG_VALUE_CHARS_MAX}.`);
  }
  if (new Set(tags.map(({ Key }) => Key)).size < tags.length)
    throw invalidRequest('Duplicate Tag Keys are not allowed.');
}

function checkSizes({ ObjectSizeGreaterThan: above, ObjectSizeLessThan: below }: Predicates): void {
  const isBetween = (value: number, least: number): boolean =>
    value >= least && value <= LIFECYCLE_FILTER_BYTES_MAX;
  if (above !== undefined && !isBetween(above, 0))
    throw invalidRequest(`'ObjectSizeGreaterThan' should be between 0 and ${LIFECYCLE_FILTER_BYTES_MAX}.`);
  if (below !== undefined && !isBetween(below, 1))
    throw invalidRequest(`'ObjectSizeLessThan' should be between 1 and ${LIFECYCLE_FILTER_BYTES_MAX}.`);
  if (above !== undefined && below !== undefined && above >= below)
    throw invalidRequest("'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'.");
}

function checkPrefix(prefix: string): void {
  if (Buffer.byteLength(prefix) > KEY_BYTES_MAX)
    throw invalidRequest(`The maximum size of a prefix is ${KEY_BYTES_MAX}`);
}

const actionKinds: readonly (readonly [string, (rule: RuleElement) => boolean])[] = [
  ['Expiration', ({ Expiration: it }) => it !== undefined],
  ['Transition', ({ Transition: all }) => all.length > 0],
  ['NoncurrentVersionExpiration', ({ NoncurrentVersionExpiration: it }) => it !== undefined],
  ['NoncurrentVersionTransition', ({ NoncurrentVersionTransition: all }) => all.length > 0],
  ['AbortIncompleteMultipartUpload', ({ AbortIncompleteMultipartUpload: it }) => it !== undefined],
];

/** Rules of the older shape must not do the same to the same keys. Sorted, a prefix stands just before one that it begins. */
function checkOverlaps(rules: readonly RuleElement[]): void {
  for (const [kind, has] of actionKinds) {
    const prefixes = rules
      .filter(has)
      .map(({ Prefix }) => Prefix ?? '')
      .sort();
    const index = prefixes.findIndex((prefix, at) => at > 0 && prefix.startsWith(prefixes[at - 1] ?? ''));
    if (index > 0)
      throw invalidRequest(
        `Found overlapping prefixes '${prefixes[index - 1]}' and '${prefixes[index]}' for same action type '${kind}'`,
      );
  }
}
