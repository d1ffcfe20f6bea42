import { Fault, type FaultSubject } from '../fault.ts';
import { CHANGE_ATTEMPTS_MAX } from '../limits.ts';

/**
 * Runs `attempt` until it says something else than `undefined`, which it does when others changed meanwhile what it was about: a
 * rename, for example, that let a name lead to another file between two reads. To a client that name was there all the time.
 * Bounded: Fault('throttled') when they were faster each time.
 */
export async function attempting<Result>(
  subject: FaultSubject,
  attempt: () => Promise<Result | undefined>,
): Promise<Result> {
  for (let attempts = 0; attempts < CHANGE_ATTEMPTS_MAX; attempts += 1) {
    const result = await attempt();
    if (result !== undefined) return result;
  }
  throw new Fault('throttled', subject, `changed ${CHANGE_ATTEMPTS_MAX} times meanwhile: try again later`);
}
