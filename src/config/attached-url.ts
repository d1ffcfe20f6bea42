import { FOREIGN_PREFIX_BYTES_MAX } from '../limits/tiering.ts';
import { readBucketUrl, type BucketUrl } from './bucket-url.ts';
import { UsageError } from './usage-error.ts';

/** A bucket of others, and the part of it that is shown. */
export interface AttachedUrl extends Omit<BucketUrl, 'path' | 'parameters'> {
  /** Of the keys; empty or with a slash at its end. */
  readonly prefix: string;
  /** Of the configuration of AWS programs, whose keys are used; `undefined`: those of the cold store. */
  readonly profile: string | undefined;
}

const form = 's3://BUCKET/PREFIX?endpoint=http://HOST:PORT&region=NAME&profile=NAME';

/** What `terrace cold attach` takes; percent-encoding stands for characters that a URL has no room for. UsageError for anything else. */
export function parseAttachedUrl(written: string): AttachedUrl {
  const { path, parameters, ...place } = readBucketUrl(written, { form, parameters: ['profile'] });
  return { ...place, prefix: prefixOf(path), profile: profileOf(parameters.get('profile')) };
}

function prefixOf(path: string): string {
  const decoded = decoding(path);
  const prefix = decoded === '' || decoded.endsWith('/') ? decoded : `${decoded}/`;
  if (Buffer.byteLength(prefix) <= FOREIGN_PREFIX_BYTES_MAX) return prefix;
  throw new UsageError(`a prefix has at most ${FOREIGN_PREFIX_BYTES_MAX} bytes`);
}

function decoding(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new UsageError(`"${path}" is not percent-encoded as a URL is: write %25 for a percent sign`);
  }
}

function profileOf(name: string | null): string | undefined {
  if (name === null) return undefined;
  if (/^[\w.@+-]{1,128}$/.test(name)) return name;
  throw new UsageError(`"${name}" is no name of a profile: write letters, digits and _.@+-`);
}

/** The same place in words, without secrets, which `parseAttachedUrl` reads. */
export function attachedUrlText({ bucket, prefix, endpoint, region, profile }: AttachedUrl): string {
  const given = Object.entries({ endpoint, region, profile }).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value}`],
  );
  const path = prefix.split('/').map(encodeURIComponent).join('/');
  return `s3://${bucket}${path === '' ? '' : `/${path}`}${given.length === 0 ? '' : `?${given.join('&')}`}`;
}
