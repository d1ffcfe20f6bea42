import type { Expectation, Found } from '../../namespace/namespace.ts';
import { invalidArgument, S3Error } from './errors.ts';

/** RFC 9110 §13.1, as they came. */
export interface ReadConditions {
  readonly ifMatch?: string;
  readonly ifNoneMatch?: string;
  readonly ifModifiedSince?: string;
  readonly ifUnmodifiedSince?: string;
}

const failed = (condition: string): S3Error =>
  new S3Error('PreconditionFailed', { members: { Condition: condition } });

/**
 * Throws 412 or 304 unless the object may be read, in the order of RFC 9110 §13.2.2; dates that are none are ignored.
 * `notModified` are the headers that a 304 carries.
 */
export function checkReadConditions(
  conditions: ReadConditions,
  found: Found,
  notModified: readonly string[],
): void {
  const { ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince } = conditions;
  const { seconds } = found.attributes.mtime;
  if (ifMatch !== undefined) {
    if (!matches(ifMatch, found.facet.etag)) throw failed('If-Match');
  } else if (ifUnmodifiedSince !== undefined && seconds > secondsOf(ifUnmodifiedSince)) {
    throw failed('If-Unmodified-Since');
  }
  if (ifNoneMatch !== undefined) {
    if (matches(ifNoneMatch, found.facet.etag)) throw new S3Error('NotModified', { headers: notModified });
  } else if (ifModifiedSince !== undefined && seconds <= secondsOf(ifModifiedSince)) {
    throw new S3Error('NotModified', { headers: notModified });
  }
}

/** The same for the source of a copy, where nothing is ever 304. AWS API reference, CopyObject. */
export function checkCopyConditions(conditions: ReadConditions, found: Found): void {
  try {
    checkReadConditions(conditions, found, []);
  } catch (failure) {
    if (failure instanceof S3Error && failure.code === 'NotModified') {
      throw failed(
        conditions.ifNoneMatch === undefined
          ? 'x-amz-copy-source-If-Modified-Since'
          : 'x-amz-copy-source-If-None-Match',
      );
    }
    throw failure;
  }
}

/** NaN when it is no date; every comparison with it is false. */
export const secondsOf = (date: string): number => Math.floor(Date.parse(date) / 1000);

function matches(list: string, etag: string): boolean {
  return list === '*' || etagsOf(list).includes(etag);
}

/** ETags of a list without quotes; S3 takes them unquoted too, and compares weak ones like strong ones. */
export function etagsOf(list: string): string[] {
  return list.split(',').map((piece) => {
    const text = piece.trim();
    const strong = text.startsWith('W/') ? text.slice(2) : text;
    return strong.startsWith('"') && strong.endsWith('"') && strong.length > 1 ? strong.slice(1, -1) : strong;
  });
}

export interface WriteConditions {
  readonly ifMatch?: string;
  readonly ifNoneMatch?: string;
}

const unsupported = (header: string): S3Error =>
  new S3Error('NotImplemented', {
    members: {
      Header: header,
      additionalMessage: "We don't accept the provided value of " + header + ' header for this API',
    },
  });

/** AWS: "Conditional writes": If-None-Match takes only `*`, If-Match only one ETag (or `*` where `anyMatch`). */
export function writeExpectation({ ifMatch, ifNoneMatch }: WriteConditions): Expectation {
  if (ifMatch === undefined && ifNoneMatch === undefined) return {};
  if (ifNoneMatch !== undefined && ifNoneMatch.trim() !== '*') throw unsupported('If-None-Match');
  if (ifMatch !== undefined && ifNoneMatch !== undefined) throw unsupported('If-Match');
  return {
    ...(ifMatch === undefined ? {} : { ifMatch: etagsOf(ifMatch) }),
    ...(ifNoneMatch === undefined ? {} : { ifNoneMatch: ['*'] }),
  };
}

export interface DeleteConditions {
  readonly ifMatch?: string | undefined;
  /** A date, as it came. */
  readonly lastModified?: string | undefined;
  /** In bytes. */
  readonly size?: number | undefined;
}

/** AWS API reference, DeleteObject and ObjectIdentifier. A date that is none must not let a delete pass. */
export function deleteExpectation({ ifMatch, lastModified, size }: DeleteConditions): Expectation {
  const seconds = lastModified === undefined ? undefined : secondsOf(lastModified);
  if (seconds !== undefined && Number.isNaN(seconds))
    throw invalidArgument('Invalid Argument', 'x-amz-if-match-last-modified-time', lastModified ?? '');
  return {
    ...(ifMatch === undefined ? {} : { ifMatch: etagsOf(ifMatch) }),
    ...(seconds === undefined ? {} : { ifModifiedAt: seconds }),
    ...(size === undefined ? {} : { ifSize: size }),
  };
}
