import { scrubSchema, type ScrubAnswer } from '../gateway/admin/scrub.ts';
import { SCRUB_ANSWER_BYTES_MAX } from '../limits/tiering.ts';
import { adminFlag, askAdmin, jsonFlag, printAnswer, rootKeysNote } from './admin-call.ts';
import type { Command } from './command.ts';
import { untilOver, waitFlag } from './wait.ts';

/** Exit code 1 when something is damaged beyond repair, so that scripts see it. */
export const scrub: Command = {
  name: 'scrub',
  summary: 'Reads everything of all tiers once, and mends what another copy or parity gives back.',
  flags: [waitFlag, jsonFlag, adminFlag],
  notes: [rootKeysNote, 'With --wait the exit code is 1 when damage is left.'],
  async run(cli, flags) {
    const call = { path: '/v1/scrub', bytesMax: SCRUB_ANSWER_BYTES_MAX } as const;
    const started = await askAdmin(cli, flags, scrubSchema, { method: 'POST', ...call });
    if (!flags.has('--wait')) return printAnswer(cli, flags, started, ['The scrub is under way.']);
    const answer = await untilOver(cli, {
      ask: () => askAdmin(cli, flags, scrubSchema, { method: 'GET', ...call }),
      isOver: ({ state }) => state !== 'running',
      line: ({ checked, corrupt, healed }) => `${checked} checked, ${corrupt} corrupt, ${healed} healed`,
    });
    printAnswer(cli, flags, answer, linesOf(answer));
    return answer.state === 'completed' && answer.unrecoverable === 0 ? 0 : 1;
  },
};

function* linesOf({ state, checked, corrupt, healed, unrecoverable, error }: ScrubAnswer): Iterable<string> {
  if (state === 'failed') yield `The scrub stopped: ${error ?? 'see the log of the gateway'}`;
  yield `checked        ${checked}`;
  yield `corrupt        ${corrupt}`;
  yield `healed         ${healed}`;
  yield `unrecoverable  ${unrecoverable}`;
}
