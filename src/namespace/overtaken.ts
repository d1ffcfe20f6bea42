import { Fault } from '../fault.ts';
import { OVERTAKEN_ATTEMPTS_MAX } from '../limits.ts';

/**
 * What `look` finds. It answers `undefined` when a change came between two of its reads, such as a rename that let a name lead
 * to another file, and is asked again: to a client that name was there all the time.
 *
 * Faults: those of `look`; 'conflict' when it is overtaken again and again.
 */
export async function unlessOvertaken<Result>(look: () => Promise<Result | undefined>): Promise<Result> {
  for (let attempt = 0; attempt < OVERTAKEN_ATTEMPTS_MAX; attempt += 1) {
    const result = await look();
    if (result !== undefined) return result;
  }
  throw new Fault('conflict', 'inode', `overtaken ${OVERTAKEN_ATTEMPTS_MAX} times`);
}
