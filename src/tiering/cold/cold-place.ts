/** Where segments go. */
export interface ColdPlace {
  readonly bucket: string;
  /** Without slashes at its ends; empty for none. */
  readonly prefix: string;
  /** `undefined`: AWS. */
  readonly endpoint: string | undefined;
  /** `undefined`: what the environment of AWS programs says. */
  readonly region: string | undefined;
}

/** For people: `s3://bucket/prefix at http://host:port`. */
export const nameOf = ({ bucket, prefix, endpoint }: ColdPlace): string =>
  `s3://${bucket}${prefix === '' ? '' : `/${prefix}`}${endpoint === undefined ? '' : ` at ${endpoint}`}`;

/** The key of something below the prefix. */
export const keyBelow = ({ prefix }: Pick<ColdPlace, 'prefix'>, name: string): string =>
  prefix === '' ? name : `${prefix}/${name}`;

/** Below the prefix these are folders of the gateway itself (cold-store.ts, open-cold-store.ts); others are names of buckets. */
export const ownFolders: ReadonlySet<string> = new Set(['segments', 'probe']);
