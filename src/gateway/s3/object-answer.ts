import type { Found } from '../../namespace/namespace.ts';
import { checksumHeaders } from './checksums.ts';
import { etagsOf } from './conditions.ts';
import { S3Error } from './errors.ts';
import { quoted } from './members.ts';
import { defaultContentType, pushMetadata } from './metadata.ts';
import { contentRange, parseRange, type ByteRange } from './ranges.ts';
import { httpDate } from './timestamp.ts';

/** What a read asks for besides the object. */
export interface ReadInput {
  readonly range?: string;
  readonly ifRange?: string;
  readonly partNumber?: number;
  readonly checksumMode?: string;
  readonly responseContentType?: string;
  readonly responseContentLanguage?: string;
  readonly responseExpires?: string;
  readonly responseCacheControl?: string;
  readonly responseContentDisposition?: string;
  readonly responseContentEncoding?: string;
}

/** Which bytes are answered, and how that is said. */
export interface Selection {
  readonly status: 200 | 206;
  readonly range: ByteRange;
  /** Set when a part was asked for by number and the object has several. */
  readonly partsCount: number | undefined;
}

/** The bytes that Range or partNumber choose. AWS API reference, GetObject; RFC 9110 §14. */
export function selectRange(found: Found, input: ReadInput): Selection {
  const { size } = found.attributes;
  if (input.partNumber !== undefined) return selectPart(found, input.partNumber, input.range);
  const range = isRangeWanted(found, input.ifRange) ? parseRange(input.range, size) : undefined;
  if (range === undefined) return { status: 200, range: { offset: 0, length: size }, partsCount: undefined };
  return { status: 206, range, partsCount: undefined };
}

/** RFC 9110 §13.1.5: with another ETag or date than the object's, the range is ignored. */
function isRangeWanted(found: Found, ifRange: string | undefined): boolean {
  if (ifRange === undefined) return true;
  const seconds = Date.parse(ifRange) / 1000;
  return Number.isNaN(seconds)
    ? etagsOf(ifRange).includes(found.facet.etag)
    : found.attributes.mtime.seconds === seconds;
}

function selectPart(found: Found, partNumber: number, range: string | undefined): Selection {
  if (range !== undefined)
    throw new S3Error('InvalidRequest', {
      message: 'Cannot specify both Range header and partNumber query parameter',
    });
  const { partLengths } = found.facet;
  const lengths = partLengths.length === 0 ? [found.attributes.size] : partLengths;
  const length = lengths[partNumber - 1];
  if (length === undefined)
    throw new S3Error('InvalidPartNumber', {
      members: { ActualPartCount: lengths.length, PartNumberRequested: partNumber },
    });
  let offset = 0;
  for (let index = 0; index < partNumber - 1; index += 1) offset += lengths[index] ?? 0;
  return {
    // An empty object has no byte that a Content-Range could name.
    status: length === 0 ? 200 : 206,
    range: { offset, length },
    partsCount: partLengths.length === 0 ? undefined : partLengths.length,
  };
}

export interface ObjectHeaders {
  /** Also on a 304. */
  readonly validators: readonly string[];
  all(selection: Selection): string[];
}

/** Answer headers of GetObject and HeadObject; `encryption` are those that say how the object is encrypted. */
export function objectHeaders(found: Found, input: ReadInput, encryption: readonly string[]): ObjectHeaders {
  const { facet, attributes } = found;
  const validators = ['Last-Modified', httpDate(attributes.mtime), 'ETag', quoted(facet.etag)];
  return {
    validators,
    all(selection) {
      const headers = [...validators, 'Accept-Ranges', 'bytes'];
      pushSystemHeaders(headers, facet.headers, input);
      headers.push('Content-Length', String(selection.range.length));
      if (selection.status === 206)
        headers.push('Content-Range', contentRange(selection.range, attributes.size));
      if (selection.partsCount !== undefined)
        headers.push('x-amz-mp-parts-count', String(selection.partsCount));
      // A checksum of the whole says nothing about a part of it (AWS: only for whole reads).
      if (input.checksumMode?.toUpperCase() === 'ENABLED' && selection.status === 200)
        headers.push(...checksumHeaders(facet.checksums));
      headers.push(...encryption);
      if (facet.tags.length > 0) headers.push('x-amz-tagging-count', String(facet.tags.length));
      pushMetadata(headers, facet.metadata);
      return headers;
    },
  };
}

/** Stored header, wire name, and the query parameter that overrides it. */
const overridable = [
  ['content-type', 'Content-Type', 'responseContentType'],
  ['content-language', 'Content-Language', 'responseContentLanguage'],
  ['expires', 'Expires', 'responseExpires'],
  ['cache-control', 'Cache-Control', 'responseCacheControl'],
  ['content-disposition', 'Content-Disposition', 'responseContentDisposition'],
  ['content-encoding', 'Content-Encoding', 'responseContentEncoding'],
] as const;

function pushSystemHeaders(headers: string[], stored: Found['facet']['headers'], input: ReadInput): void {
  for (const [name, wire, member] of overridable) {
    const given = input[member];
    const value = given === undefined ? stored[name] : headerSafe(given);
    if (value !== undefined) headers.push(wire, value);
    else if (name === 'content-type') headers.push(wire, defaultContentType);
  }
}

const control = /[\x00-\x08\x0a-\x1f\x7f]/g;

/** An override comes percent-decoded: it must neither break the header section nor leave latin1. */
const headerSafe = (value: string): string =>
  Buffer.from(value.replace(control, ' '), 'utf8').toString('latin1');
