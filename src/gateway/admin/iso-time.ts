import type { Time } from '../../environment.ts';

/** ISO 8601 in UTC, to the millisecond. */
export const isoTime = ({ seconds, nanoseconds }: Time): string =>
  new Date(seconds * 1000 + Math.floor(nanoseconds / 1_000_000)).toISOString();
