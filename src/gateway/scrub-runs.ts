import type { Environment } from '../environment.ts';
import { Fault } from '../fault.ts';
import type { ScrubReport, Tiers } from '../tiering/tiers.ts';
import { isoTime } from './admin/row.ts';
import type { ScrubAnswer, ScrubRuns } from './admin/scrub.ts';

const NOTHING: ScrubReport = { checked: 0, corrupt: 0, healed: 0, unrecoverable: 0, unknown: 0 };

/** Scrubs on demand, as the admin API shows them. */
export function scrubRuns(
  { clock, log }: Pick<Environment, 'clock' | 'log'>,
  tiers: Pick<Tiers, 'scrub'>,
): ScrubRuns {
  let answer: ScrubAnswer = { state: 'none', ...NOTHING };
  const run = async (startedAt: string): Promise<void> => {
    try {
      const report = await tiers.scrub((soFar) => (answer = { state: 'running', startedAt, ...soFar }));
      answer = { state: 'completed', startedAt, ...report };
      log.info('scrub: everything was read', { ...report });
    } catch (failure) {
      // It has no caller: whoever asks how far it is hears of it.
      const error = failure instanceof Error ? failure.message : String(failure);
      answer = { ...answer, state: 'failed', error };
      // A store that is away, or a gateway that is stopped, is nothing that the program has done wrong.
      log[failure instanceof Fault ? 'warn' : 'error']('scrub: stopped', { failure });
    }
  };
  return {
    start() {
      if (answer.state === 'running') return answer;
      const startedAt = isoTime(clock.wall());
      answer = { state: 'running', startedAt, ...NOTHING };
      void run(startedAt);
      return answer;
    },
    state: () => answer,
  };
}
