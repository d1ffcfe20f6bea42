import { scrubSchema, type ScrubAnswer } from '../gateway/admin/scrub.ts';
import { SCRUB_ANSWER_BYTES_MAX } from '../limits/tiering.ts';
import { rootKeysNote } from './admin-call.ts';
import { ordering } from './admin-command.ts';

const call = { path: '/v1/scrub', bytesMax: SCRUB_ANSWER_BYTES_MAX };

/** Exit code 1 when something is damaged beyond repair or could not be looked at, so that scripts see it. */
export const scrub = ordering({
  name: 'scrub',
  summary: 'Reads everything of all tiers once, and mends what another copy or parity gives back.',
  notes: [rootKeysNote, 'With --wait the exit code is 1 when damage is left, or a store did not answer.'],
  schema: scrubSchema,
  request: () => ({ method: 'POST', ...call }),
  begun: () => 'The scrub is under way.',
  soFar: (ask) => ask(scrubSchema, call),
  isOver: ({ state }) => state !== 'running',
  progress: ({ checked, corrupt, healed }) => `${checked} checked, ${corrupt} corrupt, ${healed} healed`,
  lines: linesOf,
  isBad: ({ state, unrecoverable, unknown }) => state !== 'completed' || unrecoverable + unknown > 0,
});

function* linesOf(answer: ScrubAnswer): Iterable<string> {
  const { state, checked, corrupt, healed, unrecoverable, unknown, error } = answer;
  if (state === 'failed') yield `The scrub stopped: ${error ?? 'see the log of the gateway'}`;
  yield `checked        ${checked}`;
  yield `corrupt        ${corrupt}`;
  yield `healed         ${healed}`;
  yield `unrecoverable  ${unrecoverable}`;
  yield `unknown        ${unknown}`;
}
