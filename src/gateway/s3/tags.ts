import { Type, type Static } from '@sinclair/typebox';
import { Fault } from '../../fault.ts';
import { BUCKET_TAGS_MAX, OBJECT_TAGS_MAX, TAG_KEY_CHARS_MAX, TAG_VALUE_CHARS_MAX } from '../../limits/s3.ts';
import type { Tag } from '../../namespace/namespace.ts';
import { queryPairs } from '../../signing/query.ts';
import { invalidArgument, S3Error } from './errors.ts';
import { xmlElement, xmlHead, xmlNamespace } from './xml.ts';

/** AWS API reference, Tagging. */
export const tagging = Type.Object({
  TagSet: Type.Object({ Tag: Type.Array(Type.Object({ Key: Type.String(), Value: Type.String() })) }),
});

/** Tags of an object from a document, checked. */
export function objectTags(document: Static<typeof tagging>): readonly Tag[] {
  return checkedObjectTags(tagsOf(document));
}

/** Tags of a bucket from a document, checked. */
export function bucketTags(document: Static<typeof tagging>): readonly Tag[] {
  const tags = tagsOf(document);
  if (tags.length > BUCKET_TAGS_MAX)
    throw new S3Error('InvalidTag', {
      message: `Bucket tag count cannot be greater than ${BUCKET_TAGS_MAX}`,
    });
  checkTags(tags);
  return tags;
}

/**
 * Tags of an object from an x-amz-tagging header: URL query parameters in UTF-8, where a name alone has an empty value.
 * Parameters have no order, so these tags are kept by key, as clients that compare lists expect.
 * Here a key that comes twice is an error of the header, not of the tag (API_PutObject, x-amz-tagging).
 */
export function headerTags(header: string | undefined): readonly Tag[] {
  if (header === undefined || header === '') return [];
  const tags = decodedPairs(header).map(([key, value]) => ({ key, value }));
  const keys = new Set(tags.map(({ key }) => key));
  if (keys.size < tags.length || keys.has('')) throw malformedHeader(header);
  return checkedObjectTags(tags.toSorted(byKey));
}

const byKey = (one: Tag, other: Tag): number => (one.key < other.key ? -1 : 1);

function decodedPairs(header: string): ReturnType<typeof queryPairs> {
  try {
    return queryPairs(header);
  } catch (failure) {
    throw failure instanceof Fault ? malformedHeader(header) : failure;
  }
}

const malformedHeader = (header: string): S3Error =>
  invalidArgument(
    "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.",
    'x-amz-tagging',
    header,
  );

/** Answer of GetObjectTagging and GetBucketTagging. */
export const taggingDocument = (tags: readonly Tag[]): string =>
  `${xmlHead}<Tagging${xmlNamespace}><TagSet>${tags.map(tagXml).join('')}</TagSet></Tagging>`;

const tagXml = ({ key, value }: Tag): string =>
  `<Tag>${xmlElement('Key', key)}${xmlElement('Value', value)}</Tag>`;

const tagsOf = ({ TagSet }: Static<typeof tagging>): readonly Tag[] =>
  TagSet.Tag.map(({ Key: key, Value: value }) => ({ key, value }));

function checkedObjectTags(tags: readonly Tag[]): readonly Tag[] {
  if (tags.length > OBJECT_TAGS_MAX)
    throw new S3Error('InvalidTag', { message: `Object tags cannot be greater than ${OBJECT_TAGS_MAX}` });
  checkTags(tags);
  return tags;
}

/** AWS, "Tagging your objects": letters, spaces and numbers of any script, and + - = . _ : / @. */
const allowed = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

function checkTags(tags: readonly Tag[]): void {
  const keys = new Set<string>();
  for (const { key, value } of tags) {
    if (key === '' || key.length > TAG_KEY_CHARS_MAX || !allowed.test(key))
      throw invalidTag('The TagKey you have provided is invalid', { TagKey: key });
    if (value.length > TAG_VALUE_CHARS_MAX || !allowed.test(value))
      throw invalidTag('The TagValue you have provided is invalid', { TagKey: key, TagValue: value });
    if (key.toLowerCase().startsWith('aws:'))
      throw invalidTag('System tags cannot be added/updated by requester', { TagKey: key });
    if (keys.has(key)) throw invalidTag('Cannot provide multiple Tags with the same key', { TagKey: key });
    keys.add(key);
  }
}

const invalidTag = (message: string, members: Readonly<Record<string, string>>): S3Error =>
  new S3Error('InvalidTag', { message, members });
