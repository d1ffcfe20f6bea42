import type { Random } from '../../src/environment.ts';
import { Refused } from './doors.ts';
import type { Doors } from './look.ts';
import type { Tally } from './tally.ts';

/** A client that knows what must be there. What is not is a Loss. */
export interface Actor {
  /** Makes what it needs, once. */
  open(doors: Doors): Promise<void>;
  /** Works until it is over, or until there is nobody who answers. */
  work(doors: Doors, isOver: () => boolean): Promise<'over' | 'cut'>;
  /** After a crash, and a start: all that was acknowledged is there. */
  recover(doors: Doors): Promise<void>;
  /** When nobody has crashed since: everything is as it was written. */
  verify(doors: Doors): Promise<void>;
}

/** Something acknowledged is not there, or something is there that nobody wrote. */
export class Loss extends Error {}

export interface ActorParts {
  readonly number: number;
  readonly bucket: string;
  readonly random: Random;
  readonly tally: Tally;
}

const refusalsMax = 400;
const refusedMs = 150;

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Whoever is told to come again does, for a minute. */
export async function patiently<T>(work: () => Promise<T>): Promise<T> {
  for (let refusals = 0; ; refusals += 1) {
    try {
      return await work();
    } catch (cause) {
      if (!(cause instanceof Refused) || refusals === refusalsMax) throw cause;
      await pause(refusedMs);
    }
  }
}
