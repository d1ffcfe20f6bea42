import { headerMap } from '../../signing/headers.ts';
import { decodePercent } from '../../signing/percent.ts';
import { queryPairs } from '../../signing/query.ts';
import { S3Error } from './errors.ts';
import type { HttpRequest, RequestBody } from './http.ts';

/** A request after one pass over its line and headers. Text is one character per byte until it is decoded here. */
export interface S3Request {
  readonly method: string;
  /** The path as sent, without the query. */
  readonly path: string;
  /** The query as sent, without the '?'; empty when there was none. */
  readonly rawQuery: string;
  /** Decoded parameters; the first of equal names wins. */
  readonly query: Readonly<Record<string, string>>;
  /** By lower-case name; equal names are joined by ',' as SigV4 wants it. */
  readonly headers: Readonly<Record<string, string>>;
  readonly bucket: string | undefined;
  /** Decoded text of the key. */
  readonly key: string | undefined;
  /** The bucket stood in the Host header. */
  readonly isVirtualHosted: boolean;
  /** It was sent to the website of a bucket. */
  readonly isWebsite: boolean;
  readonly body: RequestBody;
  /** IP address of the client, or of the proxy before it. */
  readonly peer: string;
}

const noQuery: Readonly<Record<string, string>> = Object.freeze(
  Object.create(null) as Record<string, string>,
);

/**
 * `domains`: base names for virtual-host style (`bucket.domain`); a Host under none of them is path style.
 * `websiteDomains`: the same of websites.
 */
export function parseRequest(
  http: HttpRequest,
  domains: readonly string[],
  websiteDomains: readonly string[] = [],
): S3Request {
  const headers = headerMap(http.rawHeaders);
  const target = originForm(http.target);
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  const rawQuery = mark < 0 ? '' : target.slice(mark + 1);
  const query = rawQuery === '' ? noQuery : parseQuery(rawQuery);
  const { method, body, peer } = http;
  const site = hostBucket(headers['host'], websiteDomains);
  const host = site ?? hostBucket(headers['host'], domains);
  const { bucket, key } = place(path, host);
  const [isVirtualHosted, isWebsite] = [host !== undefined, site !== undefined];
  return { method, path, rawQuery, query, headers, bucket, key, isVirtualHosted, isWebsite, body, peer };
}

/** Some clients send `http://host/path` (RFC 9112 §3.2.2). */
function originForm(target: string): string {
  if (target.startsWith('/')) return target;
  const scheme = target.indexOf('://');
  if (scheme < 0) throw new S3Error('InvalidURI');
  const slash = target.indexOf('/', scheme + 3);
  return slash < 0 ? '/' : target.slice(slash);
}

function parseQuery(rawQuery: string): Record<string, string> {
  const query = Object.create(null) as Record<string, string>;
  for (const [name, value] of queryPairs(rawQuery)) query[name] ??= value;
  return query;
}

function hostBucket(host: string | undefined, domains: readonly string[]): string | undefined {
  if (host === undefined || domains.length === 0) return undefined;
  const colon = host.lastIndexOf(':');
  const name = (colon > 0 ? host.slice(0, colon) : host).toLowerCase();
  for (const domain of domains) {
    if (name.length > domain.length + 1 && name.endsWith(domain) && name.at(-domain.length - 1) === '.')
      return name.slice(0, -domain.length - 1);
  }
  return undefined;
}

function place(
  path: string,
  host: string | undefined,
): { bucket: string | undefined; key: string | undefined } {
  if (host !== undefined)
    return { bucket: host, key: path.length > 1 ? decodePercent(path.slice(1)) : undefined };
  if (path.length <= 1) return { bucket: undefined, key: undefined };
  const slash = path.indexOf('/', 1);
  if (slash < 0) return { bucket: decodePercent(path.slice(1)), key: undefined };
  const bucket = decodePercent(path.slice(1, slash));
  return { bucket, key: slash + 1 < path.length ? decodePercent(path.slice(slash + 1)) : undefined };
}
