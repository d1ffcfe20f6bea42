import type { Time } from '../environment.ts';
import { SECONDS_PER_DAY } from '../limits.ts';

/** How long a day of a rule lasts. A day of any other length than a real one is there to try rules in seconds. */
export interface Calendar {
  readonly secondsPerDay: number;
}

/** Waiting periods that only save money do not hold then, or nothing could be tried. */
export const isTrial = ({ secondsPerDay }: Calendar): boolean => secondsPerDay !== SECONDS_PER_DAY;

/**
 * When something is `days` old, in whole seconds since the epoch and never too early. Real days end at midnight UTC, the
 * next one after the age is reached; days of another length are not rounded. AWS User Guide, "Lifecycle rules: based on
 * an object's age".
 */
export function dayAfter({ secondsPerDay }: Calendar, since: Time, days: number): number {
  const reached = since.seconds + (since.nanoseconds > 0 ? 1 : 0) + days * secondsPerDay;
  return secondsPerDay === SECONDS_PER_DAY ? Math.ceil(reached / secondsPerDay) * secondsPerDay : reached;
}
