import { Type, type TString, type TTransform } from '@sinclair/typebox';
import { COLD_PREFIX_CHARS_MAX } from '../limits/tiering.ts';
import { readBucketUrl } from './bucket-url.ts';
import type { LeafOptions } from './leaf.ts';
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

/** What `--cold` takes. UsageError with a sentence for anything else. */
export function parseColdUrl(written: string): ColdUrl {
  const { bucket, path, endpoint, region } = readBucketUrl(written, { form, parameters: [] });
  return { bucket, prefix: prefixOf(path), endpoint, region };
}

function prefixOf(path: string): string {
  const prefix = path.replace(/^\/+|\/+$/g, '');
  const names = prefix.split('/');
  const isPlain = names.every((name) => /^[A-Za-z0-9!_.*'()-]+$/.test(name) && name !== '.' && name !== '..');
  if (prefix === '' || (isPlain && prefix.length <= COLD_PREFIX_CHARS_MAX)) return prefix;
  throw new UsageError(`"${path}" is no prefix: write letters, digits and !_.*'()- between single slashes`);
}

export const coldUrl = (options: LeafOptions): TTransform<TString, ColdUrl> =>
  Type.Transform(Type.String({ placeholder: 's3://BUCKET/PREFIX?endpoint=URL', ...options }))
    .Decode(parseColdUrl)
    .Encode((value) => `s3://${value.bucket}/${value.prefix}`);
