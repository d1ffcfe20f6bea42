import { Type, type TString, type TTransform } from '@sinclair/typebox';
import { COLD_BUCKET_CHARS_MAX, COLD_PREFIX_CHARS_MAX } from '../limits/tiering.ts';
import type { LeafOptions } from './leaf.ts';
import { didYouMean } from './suggest.ts';
import { UsageError } from './usage-error.ts';

/** A bucket, where it is and what of it is ours. */
export interface ColdUrl {
  readonly bucket: string;
  /** Without slashes at its ends; empty for none. */
  readonly prefix: string;
  /** `undefined`: AWS. */
  readonly endpoint: string | undefined;
  /** `undefined`: what the environment of AWS programs says. */
  readonly region: string | undefined;
}

const form = 's3://BUCKET/PREFIX?endpoint=http://HOST:PORT&region=NAME';
const parameters = ['endpoint', 'region'];

/** What `--cold` takes. UsageError with a sentence for anything else. */
export function parseColdUrl(written: string): ColdUrl {
  const [, bucket, path = '', query = ''] =
    /^s3:\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/.exec(written) ?? [];
  if (bucket === undefined) throw new UsageError(`"${written}" is no bucket of S3: write ${form}`);
  if (bucket.length > COLD_BUCKET_CHARS_MAX || !/^[a-z0-9][a-z0-9.-]+[a-z0-9]$/.test(bucket)) {
    throw new UsageError(`"${bucket}" is no name of a bucket: write ${form}`);
  }
  const given = new URLSearchParams(query);
  for (const name of given.keys()) {
    if (parameters.includes(name)) continue;
    throw new UsageError(`there is no parameter "${name}"${didYouMean(name, parameters)}: write ${form}`);
  }
  return {
    bucket,
    prefix: prefixOf(path),
    endpoint: endpointOf(given.get('endpoint')),
    region: regionOf(given),
  };
}

function prefixOf(path: string): string {
  const prefix = path.replace(/^\/+|\/+$/g, '');
  const names = prefix.split('/');
  const isPlain = names.every((name) => /^[A-Za-z0-9!_.*'()-]+$/.test(name) && name !== '.' && name !== '..');
  if (prefix === '' || (isPlain && prefix.length <= COLD_PREFIX_CHARS_MAX)) return prefix;
  throw new UsageError(`"${path}" is no prefix: write letters, digits and !_.*'()- between single slashes`);
}

function endpointOf(written: string | null): string | undefined {
  if (written === null) return undefined;
  const url = URL.canParse(written) ? new URL(written) : undefined;
  const isBare = url?.pathname === '/' && url.search === '' && url.hash === '' && url.username === '';
  if (url !== undefined && isBare && /^https?:$/.test(url.protocol)) return url.origin;
  throw new UsageError(`"${written}" is no endpoint: write http://HOST:PORT or https://HOST:PORT`);
}

/** Endpoints other than AWS's rarely care, but a signature needs one. */
function regionOf(given: URLSearchParams): string | undefined {
  const region = given.get('region') ?? (given.has('endpoint') ? 'us-east-1' : undefined);
  if (region === undefined || /^[a-z0-9-]{1,32}$/.test(region)) return region;
  throw new UsageError(`"${region}" is no region: write lower-case letters, digits and dashes`);
}

export const coldUrl = (options: LeafOptions): TTransform<TString, ColdUrl> =>
  Type.Transform(Type.String({ placeholder: 's3://BUCKET/PREFIX?endpoint=URL', ...options }))
    .Decode(parseColdUrl)
    .Encode((value) => `s3://${value.bucket}/${value.prefix}`);
