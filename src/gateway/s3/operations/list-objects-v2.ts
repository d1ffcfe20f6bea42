import { Type, type Static } from '@sinclair/typebox';
import { continuationToken, positionOf } from '../continuation.ts';
import {
  afterMarker,
  afterPosition,
  delimiterOf,
  encoderOf,
  entriesXml,
  listPage,
  noOwner,
  ownerElements,
  pageSize,
  positionOfEntry,
  type ListPage,
} from '../listing.ts';
import { bucketMembers, bucketOf, count, encodingType, keyBytes, query, text } from '../members.ts';
import { operation } from '../operation.ts';
import { xmlElement, xmlHead, xmlNamespace, xmlOptional } from '../xml.ts';
import { regionHeader } from './list-objects.ts';

const input = Type.Object({
  ...bucketMembers.input,
  prefix: text,
  delimiter: text,
  startAfter: text,
  continuationToken: text,
  fetchOwner: text,
  maxKeys: Type.Optional(count('maxKeys')),
  encodingType: Type.Optional(encodingType),
});

type Input = Static<typeof input>;

/** AWS API reference, ListObjectsV2. */
export const listObjectsV2 = operation({
  name: 'ListObjectsV2',
  route: { method: 'GET', level: 'bucket', query: { 'list-type': '2' } },
  action: 's3:ListBucket',
  input,
  bindings: {
    ...bucketMembers.bindings,
    prefix: query('prefix'),
    delimiter: query('delimiter'),
    startAfter: query('start-after'),
    continuationToken: query('continuation-token'),
    fetchOwner: query('fetch-owner'),
    maxKeys: query('max-keys'),
    encodingType: query('encoding-type'),
  },
  success: 200,
  async handle(context, wish) {
    const delimiter = delimiterOf(wish.delimiter);
    const page = await listPage(context.parts.objects, bucketOf(context).ino, {
      prefix: keyBytes(wish.prefix ?? ''),
      delimiter: delimiter === undefined ? undefined : keyBytes(delimiter),
      after: afterOf(wish, delimiter),
      entriesMax: pageSize(wish.maxKeys),
    });
    const owner = wish.fetchOwner === 'true' ? ownerElements(context) : noOwner;
    const encode = encoderOf(wish.encodingType);
    const body = `${headXml(wish, page)}${entriesXml(page.entries, encode, owner)}</ListBucketResult>`;
    return { headers: regionHeader(context.parts.region), body };
  },
});

/** The token says more exactly than start-after where the page before ended. */
function afterOf(wish: Input, delimiter: string | undefined): Uint8Array {
  if (wish.continuationToken !== undefined && wish.continuationToken !== '')
    return afterPosition(positionOf(wish.continuationToken));
  return afterMarker(wish.startAfter ?? '', { prefix: wish.prefix ?? '', delimiter });
}

function headXml(wish: Input, page: ListPage): string {
  const encode = encoderOf(wish.encodingType);
  const delimiter = delimiterOf(wish.delimiter);
  const last = page.entries.at(-1);
  let xml = `${xmlHead}<ListBucketResult${xmlNamespace}>${xmlElement('Name', wish.bucket)}`;
  xml += `<Prefix>${encode(wish.prefix ?? '')}</Prefix>`;
  if (wish.startAfter !== undefined) xml += `<StartAfter>${encode(wish.startAfter)}</StartAfter>`;
  xml += xmlOptional('ContinuationToken', wish.continuationToken);
  if (page.isTruncated && last !== undefined)
    xml += xmlElement('NextContinuationToken', continuationToken(positionOfEntry(last)));
  xml += xmlElement('KeyCount', page.entries.length) + xmlElement('MaxKeys', pageSize(wish.maxKeys));
  if (delimiter !== undefined) xml += `<Delimiter>${encode(delimiter)}</Delimiter>`;
  xml += xmlOptional('EncodingType', wish.encodingType);
  return xml + xmlElement('IsTruncated', page.isTruncated);
}
