import { POSIX_NAME_BYTES_MAX } from '../limits.ts';

/** No UTF-8 text has this byte, and a name of NFS, which may be any bytes, is not long enough to have so many of them. */
const BEHIND_ALL = new Uint8Array(POSIX_NAME_BYTES_MAX + 1).fill(0xff);

/** A position behind every key with the prefix, and before every other key that sorts behind the prefix. */
export const behindPrefix = (prefix: Uint8Array): Uint8Array => Buffer.concat([prefix, BEHIND_ALL]);

/** Whether what is left of a position behind a prefix is behind every key of it. */
export const isBehindAll = (rest: Uint8Array): boolean => Buffer.compare(rest, BEHIND_ALL) === 0;
