import { Type, type Static } from '@sinclair/typebox';
import type { VersionEntry } from '../../../namespace/version.ts';
import { markerOf, positionOfMarker } from '../continuation.ts';
import { invalidArgument } from '../errors.ts';
import {
  afterMarker,
  delimiterOf,
  encoderOf,
  ownerElements,
  pageSize,
  positionOfEntry,
  versionIdOf,
  versionsXml,
} from '../listing.ts';
import { bucketMembers, bucketOf, count, encodingType, keyBytes, query, text } from '../members.ts';
import { operation } from '../operation.ts';
import { versionOf } from '../version.ts';
import { versionText } from '../../../namespace/version.ts';
import { xmlElement, xmlHead, xmlNamespace } from '../xml.ts';
import { regionHeader } from './list-objects.ts';

const input = Type.Object({
  ...bucketMembers.input,
  prefix: text,
  delimiter: text,
  keyMarker: text,
  versionIdMarker: text,
  maxKeys: Type.Optional(count('maxKeys')),
  encodingType: Type.Optional(encodingType),
});

type Input = Static<typeof input>;

/** AWS API reference, ListObjectVersions. */
export const listObjectVersions = operation({
  name: 'ListObjectVersions',
  route: { method: 'GET', level: 'bucket', query: { versions: true } },
  action: 's3:ListBucketVersions',
  input,
  bindings: {
    ...bucketMembers.bindings,
    prefix: query('prefix'),
    delimiter: query('delimiter'),
    keyMarker: query('key-marker'),
    versionIdMarker: query('version-id-marker'),
    maxKeys: query('max-keys'),
    encodingType: query('encoding-type'),
  },
  success: 200,
  async handle(context, wish) {
    const delimiter = delimiterOf(wish.delimiter);
    const entriesMax = pageSize(wish.maxKeys);
    const page = await context.parts.objects.versions(bucketOf(context).ino, {
      prefix: keyBytes(wish.prefix ?? ''),
      delimiter: delimiter === undefined ? undefined : keyBytes(delimiter),
      after: afterOf(wish, delimiter),
      entriesMax,
    });
    const encode = encoderOf(wish.encodingType);
    const entries = versionsXml(page.entries, encode, ownerElements(context));
    const next = page.isTruncated ? page.entries.at(-1) : undefined;
    return {
      headers: regionHeader(context.parts.region),
      body: `${headXml(wish, next)}${entries}</ListVersionsResult>`,
    };
  },
});

/** A marker for a version stands behind that version, one for a key alone behind all versions of the key. */
function afterOf(
  { keyMarker = '', versionIdMarker = '', prefix = '' }: Input,
  delimiter: string | undefined,
): { key: Uint8Array; versionId: ReturnType<typeof versionOf> } {
  if (versionIdMarker === '')
    return { key: afterMarker(keyMarker, { prefix, delimiter }), versionId: undefined };
  if (keyMarker === '')
    throw invalidArgument(
      'A version-id marker cannot be specified without a key marker.',
      'version-id-marker',
      versionIdMarker,
    );
  const key = positionOfMarker(keyMarker)?.bytes ?? keyBytes(keyMarker);
  return { key, versionId: versionOf(versionIdMarker, 'version-id-marker') };
}

function headXml(wish: Input, next: VersionEntry | undefined): string {
  const encode = encoderOf(wish.encodingType);
  const delimiter = delimiterOf(wish.delimiter);
  let xml = `${xmlHead}<ListVersionsResult${xmlNamespace}>${xmlElement('Name', wish.bucket)}`;
  xml += `<Prefix>${encode(wish.prefix ?? '')}</Prefix><KeyMarker>${encode(wish.keyMarker ?? '')}</KeyMarker>`;
  xml += xmlElement('VersionIdMarker', wish.versionIdMarker ?? '');
  if (next !== undefined) {
    xml += `<NextKeyMarker>${encode(markerOf(positionOfEntry(next)))}</NextKeyMarker>`;
    if (next.kind !== 'prefix') xml += xmlElement('NextVersionIdMarker', versionText(versionIdOf(next)));
  }
  xml += xmlElement('MaxKeys', pageSize(wish.maxKeys));
  if (delimiter !== undefined) xml += `<Delimiter>${encode(delimiter)}</Delimiter>`;
  if (wish.encodingType !== undefined) xml += xmlElement('EncodingType', wish.encodingType);
  return xml + xmlElement('IsTruncated', next !== undefined);
}
