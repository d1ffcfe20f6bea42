import { createHmac } from 'node:crypto';
import { decodePercent } from '../../signing/percent.ts';
import type { S3Request } from './request.ts';

/**
 * AWS Signature Version 2 as S3 uses it: the arithmetic. AWS: "Signing and authenticating REST requests". Text is one
 * character a byte, as it was on the wire.
 */

/** Parameters that name what is asked for, and so are signed; all others are not. */
const subresources: ReadonlySet<string> = new Set([
  'accelerate',
  'acl',
  'analytics',
  'cors',
  'defaultObjectAcl',
  'delete',
  'inventory',
  'lifecycle',
  'location',
  'logging',
  'metrics',
  'notification',
  'object-lock',
  'partNumber',
  'policy',
  'replication',
  'requestPayment',
  'response-cache-control',
  'response-content-disposition',
  'response-content-encoding',
  'response-content-language',
  'response-content-type',
  'response-expires',
  'restore',
  'select',
  'select-type',
  'storageClass',
  'tagging',
  'torrent',
  'uploadId',
  'uploads',
  'versionId',
  'versioning',
  'versions',
  'website',
]);

/** Verb, MD5, type, date (or seconds at which a URL expires), x-amz-* headers and the resource, as both sides sign them. */
export function stringToSignV2(
  request: S3Request,
  { date, amzHeaders }: { readonly date: string; readonly amzHeaders: Readonly<Record<string, string>> },
): string {
  const { headers, query } = request;
  const md5 = headers['content-md5'] ?? query['content-md5'] ?? '';
  const type = headers['content-type'] ?? query['content-type'] ?? '';
  return `${request.method}\n${md5}\n${type}\n${date}\n${canonicalAmzHeaders(amzHeaders)}${canonicalResource(request)}`;
}

/** Sorted by name, one a line, folded lines made one. */
function canonicalAmzHeaders(headers: Readonly<Record<string, string>>): string {
  const names = Object.keys(headers).sort();
  return names.map((name) => `${name}:${unfolded(headers[name] ?? '')}\n`).join('');
}

/** Line by line, because one expression for it all takes time by the square of a run of spaces. */
const unfolded = (value: string): string =>
  value
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join(' ');

/** Whether a signature covers the parameter of that name. */
export const isSignedParameter = (name: string): boolean => subresources.has(name);

/** The bucket, the path as it was sent, and the sub-resources in order, all decoded; a bucket ends in '/'. */
export function canonicalResource(request: S3Request): string {
  const bucket = request.isVirtualHosted ? `/${request.bucket ?? ''}` : '';
  const path = request.key === undefined && !request.path.endsWith('/') ? `${request.path}/` : request.path;
  const signed: [name: string, text: string][] = [];
  for (const piece of request.rawQuery.split('&')) {
    const equals = piece.indexOf('=');
    // A name that is escaped means the same to who is asked, so it counts here as well.
    const name = decodePercent(equals < 0 ? piece : piece.slice(0, equals));
    if (!isSignedParameter(name)) continue;
    signed.push([name, equals < 0 ? name : `${name}=${decodedBytes(piece.slice(equals + 1))}`]);
  }
  if (signed.length === 0) return `${bucket}${path}`;
  signed.sort(([one], [other]) => (one < other ? -1 : Number(one > other)));
  return `${bucket}${path}?${signed.map(([, text]) => text).join('&')}`;
}

/** '+' stays: clients of this signature encode a space as %20. */
const decodedBytes = (text: string): string => Buffer.from(decodePercent(text), 'utf8').toString('latin1');

/** Base64 of HMAC-SHA1. */
export const signatureV2 = (secret: string, text: string): string =>
  createHmac('sha1', secret).update(Buffer.from(text, 'latin1')).digest('base64');
