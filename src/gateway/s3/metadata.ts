import { REDIRECT_LOCATION_CHARS_MAX, USER_METADATA_BYTES_MAX } from '../../limits/s3.ts';
import type { ObjectFacet } from '../../namespace/namespace.ts';
import { S3Error } from './errors.ts';

const metadataPrefix = 'x-amz-meta-';

/** System metadata that a client sets, by input member. AWS: "Working with object metadata". */
export interface SystemHeaders {
  readonly contentType?: string;
  readonly cacheControl?: string;
  readonly contentDisposition?: string;
  readonly contentEncoding?: string;
  readonly contentLanguage?: string;
  readonly expires?: string;
  readonly websiteRedirectLocation?: string;
}

/** Where the readers of an object at a website endpoint are sent. */
export const redirectHeader = 'x-amz-website-redirect-location';

/** AWS User Guide, "(Optional) Configuring a webpage redirect". */
function checkedRedirect(location: string): string {
  if (location.length > REDIRECT_LOCATION_CHARS_MAX)
    throw new S3Error('InvalidRedirectLocation', {
      message: 'The length of website redirect location cannot exceed 2,048 characters.',
    });
  if (!/^(?:\/|https?:\/\/)/.test(location)) throw new S3Error('InvalidRedirectLocation');
  return location;
}

export const defaultContentType = 'binary/octet-stream';

/** Headers to store: values are kept as Unicode, the wire has one byte a character. */
export function storedHeaders(given: SystemHeaders): ObjectFacet['headers'] {
  const headers: Record<string, string> = {};
  headers['content-type'] = given.contentType ?? defaultContentType;
  if (given.cacheControl !== undefined) headers['cache-control'] = given.cacheControl;
  if (given.contentDisposition !== undefined) headers['content-disposition'] = given.contentDisposition;
  if (given.contentLanguage !== undefined) headers['content-language'] = given.contentLanguage;
  if (given.expires !== undefined) headers['expires'] = given.expires;
  if (given.websiteRedirectLocation !== undefined)
    headers[redirectHeader] = checkedRedirect(given.websiteRedirectLocation);
  const encoding = given.contentEncoding === undefined ? '' : withoutAwsChunked(given.contentEncoding);
  if (encoding !== '') headers['content-encoding'] = encoding;
  return headers;
}

/** aws-chunked describes the transfer, not the object. */
const withoutAwsChunked = (encoding: string): string =>
  encoding
    .split(',')
    .filter((coding) => !['', 'aws-chunked'].includes(coding.trim().toLowerCase()))
    .join(',')
    .trim();

/**
 * User metadata to store. AWS: values are decoded by RFC 2047 before they are stored; names and values together are at
 * most 2 KiB.
 */
export function storedMetadata(given: Readonly<Record<string, string>>): ObjectFacet['metadata'] {
  const metadata: Record<string, string> = {};
  let length = 0;
  for (const name in given) {
    const value = decodeWords((given[name] ?? '').trim());
    length += Buffer.byteLength(name) + Buffer.byteLength(value);
    metadata[name] = value;
  }
  if (length > USER_METADATA_BYTES_MAX)
    throw new S3Error('MetadataTooLarge', {
      members: { Size: length, MaxSizeAllowed: USER_METADATA_BYTES_MAX },
    });
  return metadata;
}

/** Headers to send, encoded by RFC 2047 where a value is not ASCII. */
export function pushMetadata(headers: string[], metadata: ObjectFacet['metadata']): void {
  for (const name in metadata) headers.push(metadataPrefix + name, encodeWord(metadata[name] ?? ''));
}

const encodedWord = /=\?utf-8\?([bq])\?([^?]*)\?=/gi;

function decodeWords(value: string): string {
  if (!value.includes('=?')) return value;
  return value.replace(encodedWord, (word, encoding: string, text: string) => {
    const bytes = encoding.toLowerCase() === 'b' ? Buffer.from(text, 'base64') : decodeQ(text);
    const decoded = bytes.toString('utf8');
    return decoded.includes('\ufffd') ? word : decoded;
  });
}

const decodeQ = (text: string): Buffer =>
  Buffer.from(
    text
      .replaceAll('_', ' ')
      .replace(/=([0-9a-f]{2})/gi, (_escape, digits: string) => String.fromCharCode(parseInt(digits, 16))),
    'latin1',
  );

const printable = /^[\x20-\x7e]*$/;

const encodeWord = (value: string): string =>
  printable.test(value) ? value : `=?UTF-8?B?${Buffer.from(value, 'utf8').toString('base64')}?=`;
