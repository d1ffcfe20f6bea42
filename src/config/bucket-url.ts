import { COLD_BUCKET_CHARS_MAX } from '../limits/tiering.ts';
import { didYouMean } from './suggest.ts';
import { UsageError } from './usage-error.ts';

/** A bucket of any S3 store, as a URL says it. */
export interface BucketUrl {
  readonly bucket: string;
  /** Behind the slash after the bucket, as it is written. */
  readonly path: string;
  /** `undefined`: AWS. */
  readonly endpoint: string | undefined;
  /** `undefined`: what the environment of AWS programs says. */
  readonly region: string | undefined;
  readonly parameters: URLSearchParams;
}

/** UsageError with a sentence, which shows the `form` to write, for what is none. `parameters`: beside endpoint and region. */
export function readBucketUrl(
  written: string,
  { form, parameters }: { readonly form: string; readonly parameters: readonly string[] },
): BucketUrl {
  const [, bucket, path = '', query = ''] =
    /^s3:\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/.exec(written) ?? [];
  if (bucket === undefined) throw new UsageError(`"${written}" is no bucket of S3: write ${form}`);
  if (bucket.length > COLD_BUCKET_CHARS_MAX || !/^[a-z0-9][a-z0-9.-]+[a-z0-9]$/.test(bucket)) {
    throw new UsageError(`"${bucket}" is no name of a bucket: write ${form}`);
  }
  const known = ['endpoint', 'region', ...parameters];
  const given = new URLSearchParams(query);
  for (const name of given.keys()) {
    if (known.includes(name)) continue;
    throw new UsageError(`there is no parameter "${name}"${didYouMean(name, known)}: write ${form}`);
  }
  const endpoint = endpointOf(given.get('endpoint'));
  return { bucket, path, endpoint, region: regionOf(given), parameters: given };
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
