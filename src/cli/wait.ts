import type { Cli, Flag } from './command.ts';

export const waitFlag: Flag = {
  name: '--wait',
  description: 'Waits until it is done, and shows how far it is on a terminal',
};

/** Between two questions, in milliseconds: short work is seen to end at once, long work costs little. */
const POLL_MS_MIN = 50;
const POLL_MS_MAX = 2_000;

export interface Waiting<Answer> {
  /** Asks how far the work is. */
  readonly ask: () => Promise<Answer>;
  readonly isOver: (answer: Answer) => boolean;
  /** What a terminal shows meanwhile. */
  readonly line: (answer: Answer) => string;
}

/** Asks until the work is over; the last answer. There is no limit: whoever is tired of it interrupts. */
export async function untilOver<Answer>(
  { clock, progress }: Pick<Cli, 'clock' | 'progress'>,
  { ask, isOver, line }: Waiting<Answer>,
): Promise<Answer> {
  try {
    for (let ms = POLL_MS_MIN; ; ms = Math.min(ms * 1.5, POLL_MS_MAX)) {
      const answer = await ask();
      if (isOver(answer)) return answer;
      progress(line(answer));
      await clock.sleep(ms);
    }
  } finally {
    progress(undefined);
  }
}
