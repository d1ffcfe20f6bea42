import type { Time } from '../environment.ts';

const NANOSECONDS = 1_000_000_000;

export const compareTimes = (one: Time, other: Time): number =>
  one.seconds - other.seconds || one.nanoseconds - other.nanoseconds;

export const laterOf = (one: Time, other: Time): Time => (compareTimes(one, other) >= 0 ? one : other);

/** `now`, or just after `before` when the clock has not moved past it: every change advances a time that clients compare. */
export function advance(before: Time, now: Time): Time {
  if (compareTimes(now, before) > 0) return now;
  const nanoseconds = before.nanoseconds + 1;
  return nanoseconds < NANOSECONDS
    ? { seconds: before.seconds, nanoseconds }
    : { seconds: before.seconds + 1, nanoseconds: 0 };
}
