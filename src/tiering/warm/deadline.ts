import type { Clock } from '../../environment.ts';

/** Whether a promise settles, either way, within `ms`. */
export async function settlesWithin(clock: Clock, working: Promise<unknown>, ms: number): Promise<boolean> {
  const timer = new AbortController();
  const deadline = clock.sleep(ms, timer.signal).then(
    () => false,
    () => true,
  );
  const settled = working.then(
    () => true,
    () => true,
  );
  const isInTime = await Promise.race([settled, deadline]);
  timer.abort();
  return isInTime;
}
