import { Type } from '@sinclair/typebox';
import { markerOf } from '../continuation.ts';
import {
  afterMarker,
  delimiterOf,
  encoderOf,
  entriesXml,
  listPage,
  ownerElements,
  pageSize,
  positionOfEntry,
} from '../listing.ts';
import { bucketMembers, bucketOf, count, encodingType, keyBytes, keyText, query, text } from '../members.ts';
import { operation } from '../operation.ts';
import { xmlElement, xmlHead, xmlNamespace } from '../xml.ts';

/** AWS API reference, ListObjects. */
export const listObjects = operation({
  name: 'ListObjects',
  route: { method: 'GET', level: 'bucket' },
  action: 's3:ListBucket',
  input: Type.Object({
    ...bucketMembers.input,
    prefix: text,
    delimiter: text,
    marker: text,
    maxKeys: Type.Optional(count('maxKeys')),
    encodingType: Type.Optional(encodingType),
  }),
  bindings: {
    ...bucketMembers.bindings,
    prefix: query('prefix'),
    delimiter: query('delimiter'),
    marker: query('marker'),
    maxKeys: query('max-keys'),
    encodingType: query('encoding-type'),
  },
  success: 200,
  async handle(context, input) {
    const { prefix = '', marker = '' } = input;
    const delimiter = delimiterOf(input.delimiter);
    const entriesMax = pageSize(input.maxKeys);
    const page = await listPage(context.parts.objects, bucketOf(context).ino, {
      prefix: keyBytes(prefix),
      delimiter: delimiter === undefined ? undefined : keyBytes(delimiter),
      after: afterMarker(marker, { prefix, delimiter }),
      entriesMax,
    });
    const encode = encoderOf(input.encodingType);
    const last = page.entries.at(-1);
    let body = `${xmlHead}<ListBucketResult${xmlNamespace}>${xmlElement('Name', input.bucket)}`;
    body += `<Prefix>${encode(prefix)}</Prefix><Marker>${encode(marker)}</Marker>`;
    const next = page.isTruncated && last !== undefined ? positionOfEntry(last) : undefined;
    const nextMarker = next === undefined ? '' : markerOf(next);
    // Without a delimiter the last key mostly says the same, and AWS leaves NextMarker out.
    if (next !== undefined && (delimiter !== undefined || nextMarker !== keyText(next.bytes)))
      body += `<NextMarker>${encode(nextMarker)}</NextMarker>`;
    body += xmlElement('MaxKeys', entriesMax);
    if (delimiter !== undefined) body += `<Delimiter>${encode(delimiter)}</Delimiter>`;
    if (input.encodingType !== undefined) body += xmlElement('EncodingType', input.encodingType);
    body += xmlElement('IsTruncated', page.isTruncated);
    body += entriesXml(page.entries, encode, ownerElements(context));
    return { headers: regionHeader(context.parts.region), body: `${body}</ListBucketResult>` };
  },
});

/** AWS sends the bucket's region with listings too. */
export const regionHeader = (region: string): readonly string[] => ['x-amz-bucket-region', region];
