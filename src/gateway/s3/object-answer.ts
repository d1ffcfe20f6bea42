import type { Checksum, Found, ObjectPart } from '../../namespace/namespace.ts';
import { checksumHeaders, checksumValueHeaders } from './checksums.ts';
import { etagsOf } from './conditions.ts';
import { S3Error } from './errors.ts';
import { quoted } from './members.ts';
import { defaultContentType, pushMetadata } from './metadata.ts';
import { contentRange, parseRange, type ByteRange } from './ranges.ts';
import { storageClassHeaders } from './storage-class.ts';
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
  /** Set when a part was asked for by number and the object has parts. */
  readonly partsCount: number | undefined;
  /** Set when the bytes are those of one part, however they were asked for. */
  readonly part: ObjectPart | undefined;
}

/** The bytes that Range or partNumber choose. AWS API reference, GetObject; RFC 9110 §14. */
export function selectRange(found: Found, input: ReadInput): Selection {
  const { size } = found.attributes;
  if (input.partNumber !== undefined) return selectPart(found, input.partNumber, input.range);
  const range = isRangeWanted(found, input.ifRange) ? parseRange(input.range, size) : undefined;
  const nothing = { partsCount: undefined, part: undefined };
  if (range === undefined) return { status: 200, range: { offset: 0, length: size }, ...nothing };
  return { status: 206, range, ...nothing, part: partAt(found.facet.parts, range) };
}

/** The part that a range covers exactly. AWS: "Checking object integrity", part-level checksums. */
function partAt(parts: readonly ObjectPart[], { offset, length }: ByteRange): ObjectPart | undefined {
  let start = 0;
  for (const part of parts) {
    if (start >= offset) return start === offset && part.length === length ? part : undefined;
    start += part.length;
  }
  return undefined;
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
  const { parts } = found.facet;
  const whole = { length: found.attributes.size, checksums: [] };
  const all = parts.length === 0 ? [whole] : parts;
  const part = all[partNumber - 1];
  if (part === undefined)
    throw new S3Error('InvalidPartNumber', {
      members: { ActualPartCount: all.length, PartNumberRequested: partNumber },
    });
  const { length } = part;
  let offset = 0;
  for (let index = 0; index < partNumber - 1; index += 1) offset += all[index]?.length ?? 0;
  return {
    // An empty object has no byte that a Content-Range could name.
    status: length === 0 ? 200 : 206,
    range: { offset, length },
    partsCount: parts.length === 0 ? undefined : parts.length,
    part,
  };
}

export interface ObjectHeaders {
  /** Also on a 304. */
  readonly validators: readonly string[];
  all(selection: Selection): string[];
}

/** Answer headers of GetObject and HeadObject. */
export function objectHeaders(found: Found, input: ReadInput): ObjectHeaders {
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
      if (input.checksumMode?.toUpperCase() === 'ENABLED')
        headers.push(...selectedChecksums(facet.checksums, selection));
      headers.push(...storageClassHeaders(facet.storageClass));
      if (facet.tags.length > 0) headers.push('x-amz-tagging-count', String(facet.tags.length));
      pushMetadata(headers, facet.metadata);
      return headers;
    },
  };
}

/** A checksum of the whole says nothing about a range of it; a part may have one of its own. */
const selectedChecksums = (whole: readonly Checksum[], { status, part }: Selection): readonly string[] =>
  status === 200 ? checksumHeaders(whole) : checksumValueHeaders(part?.checksums ?? []);

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
