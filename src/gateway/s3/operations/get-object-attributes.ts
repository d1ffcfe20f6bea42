import { Type, type Static } from '@sinclair/typebox';
import type { Found, ObjectPart } from '../../../namespace/namespace.ts';
import { checksumElements, checksumValueElements } from '../checksums.ts';
import { customerKeyMembers, readingKeyOf } from '../customer-key.ts';
import { checkReadable } from '../encryption.ts';
import { invalidArgument, S3Error } from '../errors.ts';
import { pageSize } from '../listing.ts';
import { count, header, objectMembers, text } from '../members.ts';
import { operation } from '../operation.ts';
import { httpDate } from '../timestamp.ts';
import { existing, versionHeaders, versionMembers } from '../version.ts';
import { xmlElement, xmlHead, xmlNamespace } from '../xml.ts';

const input = Type.Object({
  ...objectMembers.input,
  ...versionMembers.input,
  ...customerKeyMembers.input,
  attributes: text,
  maxParts: Type.Optional(count('x-amz-max-parts')),
  partNumberMarker: Type.Optional(count('x-amz-part-number-marker')),
});

type Input = Static<typeof input>;

/** AWS API reference, GetObjectAttributes. */
export const getObjectAttributes = operation({
  name: 'GetObjectAttributes',
  route: { method: 'GET', level: 'object', query: { attributes: true } },
  action: 's3:GetObjectAttributes',
  input,
  bindings: {
    ...objectMembers.bindings,
    ...versionMembers.bindings,
    ...customerKeyMembers.bindings,
    attributes: header('x-amz-object-attributes'),
    maxParts: header('x-amz-max-parts'),
    partNumberMarker: header('x-amz-part-number-marker'),
  },
  success: 200,
  async handle(context, wish) {
    const wanted = attributesOf(wish.attributes);
    const found = await existing(context, wish);
    checkReadable(context.parts, found.encryption, readingKeyOf(context.parts, wish));
    const elements = attributeNames
      .filter((name) => wanted.has(name))
      .map((name) => element[name](found, wish));
    const body = `${xmlHead}<GetObjectAttributesResponse${xmlNamespace}>${elements.join('')}</GetObjectAttributesResponse>`;
    const headers = ['Last-Modified', httpDate(found.attributes.mtime)];
    return { headers: [...headers, ...versionHeaders(context, found.versionId)], body };
  },
});

/** In the order in which they are answered. */
const attributeNames = ['ETag', 'Checksum', 'ObjectParts', 'StorageClass', 'ObjectSize'] as const;

const element: Readonly<Record<(typeof attributeNames)[number], (found: Found, wish: Input) => string>> = {
  // Without the quotes that it has everywhere else.
  ETag: ({ facet }) => xmlElement('ETag', facet.etag),
  Checksum: ({ facet }) =>
    facet.checksums.length === 0 ? '' : `<Checksum>${checksumElements(facet.checksums)}</Checksum>`,
  ObjectParts: ({ facet }, wish) => (facet.parts.length === 0 ? '' : partsXml(facet.parts, wish)),
  StorageClass: ({ facet }) => xmlElement('StorageClass', facet.storageClass),
  ObjectSize: ({ attributes }) => xmlElement('ObjectSize', attributes.size),
};

/** A list with or without spaces; equal headers were joined by commas as well. */
function attributesOf(list: string | undefined): ReadonlySet<string> {
  const names = (list ?? '').split(',').map((name) => name.trim());
  if (names.every((name) => name === ''))
    throw new S3Error('InvalidRequest', {
      message:
        'The x-amz-object-attributes header specifying the attributes to be retrieved is either missing or empty',
    });
  const unknown = names.find((name) => !Object.hasOwn(element, name));
  if (unknown !== undefined)
    throw invalidArgument('Invalid attribute name specified.', 'x-amz-object-attributes', unknown);
  return new Set(names);
}

function partsXml(parts: readonly ObjectPart[], { maxParts, partNumberMarker: marker = 0 }: Input): string {
  const total = xmlElement('PartsCount', parts.length);
  const partsMax = pageSize(maxParts);
  const page = parts.slice(marker, marker + partsMax);
  const isTruncated = page.length > 0 && marker + page.length < parts.length;
  return (
    `<ObjectParts>${total}${xmlElement('PartNumberMarker', marker)}` +
    xmlElement('NextPartNumberMarker', marker + page.length) +
    xmlElement('MaxParts', partsMax) +
    xmlElement('IsTruncated', isTruncated) +
    page.map((part, index) => partXml(part, marker + index + 1)).join('') +
    '</ObjectParts>'
  );
}

const partXml = ({ length, checksums }: ObjectPart, number: number): string =>
  `<Part>${xmlElement('PartNumber', number)}${xmlElement('Size', length)}${checksumValueElements(checksums)}</Part>`;
