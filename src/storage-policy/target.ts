import type { ObjectKey } from '../namespace/namespace.ts';

/** A bucket, or the keys below a prefix in it. */
export interface Target {
  readonly bucket: string;
  /** In bytes; empty: the whole bucket. */
  readonly prefix: Uint8Array;
}

/** `BUCKET` or `BUCKET/PREFIX`. */
export function targetOf(text: string): Target {
  const slash = text.indexOf('/');
  if (slash < 0) return { bucket: text, prefix: new Uint8Array(0) };
  return { bucket: text.slice(0, slash), prefix: Buffer.from(text.slice(slash + 1)) };
}

export const isWithin = ({ prefix }: Pick<Target, 'prefix'>, key: ObjectKey): boolean =>
  key.length >= prefix.length && Buffer.compare(key.subarray(0, prefix.length), prefix) === 0;
