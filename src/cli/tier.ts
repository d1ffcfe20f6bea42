import { roughQuantity } from '../config/quantity.ts';
import { columns } from '../config/render.ts';
import { UsageError } from '../config/usage-error.ts';
import {
  acceptSchema,
  historySchema,
  moveSchema,
  planSchema,
  tierNames,
  tiersSchema,
  whySchema,
  type HistoryAnswer,
  type MoveAnswer,
  type PlanAnswer,
  type TiersAnswer,
} from '../gateway/admin/tiers.ts';
import { TIERS_BYTES_MAX } from '../limits/storage-policy.ts';
import { userKeysNote } from './admin-call.ts';
import { asking, ordering } from './admin-command.ts';
import type { Command } from './command.ts';

const bytesMax = TIERS_BYTES_MAX;
const notes = [userKeysNote];

const status = asking({
  name: 'tier status',
  summary: 'Shows how many objects and bytes each tier answers for, and what it takes.',
  notes,
  schema: tiersSchema,
  request: () => ({ path: '/v1/tiers', bytesMax }),
  lines: statusLines,
});

function* statusLines({
  complete,
  countedAt,
  flashMode,
  migrations,
  ...tiers
}: TiersAnswer): Generator<string> {
  const rows = tierNames.flatMap((tier) => {
    const found = tiers[tier];
    if (found === undefined) return [];
    const { objects, bytes, bytesTotal, bytesFree, copies } = found;
    const stored = copies === undefined ? '-' : roughQuantity(copies.bytesStored);
    const space = [bytesTotal, bytesFree].map((it) => (it === undefined ? '-' : roughQuantity(it)));
    return [[tier, String(objects), roughQuantity(bytes), stored, ...space]];
  });
  yield* columns([['tier', 'objects', 'bytes', 'stored', 'capacity', 'free'], ...rows]);
  const { completed, failed, queued, running } = migrations;
  yield '';
  yield `Hot tier: ${flashMode}. Migrations: ${completed} completed, ${failed} failed, ${queued + running} under way.`;
  yield complete
    ? `Objects and bytes as of ${countedAt}.`
    : 'Some content is still being counted: ask again later.';
}

const move = ordering({
  name: 'tier move',
  operands: ['BUCKET[/PREFIX]'],
  summary: 'Moves all objects of a bucket, or those below a prefix, to a tier; old versions as well.',
  flags: [
    { name: '--to', placeholder: 'hot|warm|cold', description: 'The tier that answers reads afterwards' },
  ],
  notes: [
    userKeysNote,
    'A move goes on after a restart of the gateway. Policies may move objects again later.',
  ],
  schema: moveSchema,
  request([target = ''], flags) {
    const to = flags.get('--to');
    if (to === undefined)
      throw new UsageError('terrace tier move needs a tier: write --to hot, warm or cold');
    return { method: 'POST', path: '/v1/tiers/moves', body: { target, to }, bytesMax };
  },
  soFar: (ask, { id }) => ask(moveSchema, { path: `/v1/tiers/moves/${id}`, bytesMax }),
  isOver: ({ state }) => state === 'completed' || state === 'failed',
  progress: moveLine,
  lines: (answer) => [moveLine(answer)],
  isBad: ({ state }) => state === 'failed',
});

function moveLine({ id, state, target, to, objects, bytesMoved, failures, error }: MoveAnswer): string {
  const progress = `${objects} objects seen, ${roughQuantity(bytesMoved)} moved`;
  const trouble = failures === 0 ? '' : `, ${failures} migrations failed: ${error ?? 'see the log'}`;
  return `Move ${id} of ${target} to ${to}: ${state}, ${progress}${trouble}`;
}

const why = asking({
  name: 'tier why',
  operands: ['BUCKET/KEY'],
  summary: 'Explains why an object is on the tier where it is.',
  notes,
  schema: whySchema,
  request: ([path = '']) => ({ path: `/v1/tiers/why?path=${encodeURIComponent(path)}`, bytesMax }),
  lines: ({ slices }) =>
    slices.map(
      ({ slice, tier, bytes, versionId, explanation }) =>
        `${tier}, ${roughQuantity(bytes)}${versionId === undefined ? '' : `, version ${versionId}`}${slice === 0 ? '' : `, part ${slice}`}: ${explanation}`,
    ),
});

const plan = asking({
  name: 'tier plan',
  summary: 'Shows what the storage policies would move now.',
  flags: [
    { name: '--target', placeholder: 'BUCKET[/PREFIX]', description: 'Only there. Default: everywhere' },
  ],
  notes,
  schema: planSchema,
  request(_operands, flags) {
    const target = flags.get('--target');
    const query = target === undefined ? '' : `?target=${encodeURIComponent(target)}`;
    return { path: `/v1/tiers/plan${query}`, bytesMax };
  },
  lines: planLines,
});

function* planLines({ moves, to, complete }: PlanAnswer): Generator<string> {
  const rows = moves.map((it) => [
    it.from,
    it.to,
    roughQuantity(it.bytes),
    String(Math.round(it.iops)),
    `${it.bucket}/${it.key}`,
  ]);
  if (rows.length > 0) yield* columns([['from', 'to', 'bytes', 'iops', 'object'], ...rows]);
  const sums = tierNames
    .filter((tier) => to[tier].objects > 0)
    .map((tier) => `${to[tier].objects} (${roughQuantity(to[tier].bytes)}) to ${tier}`);
  yield sums.length === 0 ? 'Nothing would move.' : `In all: ${sums.join(', ')}.`;
  if (!complete) yield 'There are more objects than were looked at: say --target.';
}

const history = asking({
  name: 'tier history',
  summary: 'Lists the last migrations that no policy has ordered.',
  notes,
  schema: historySchema,
  request: () => ({ path: '/v1/tiers/migrations', bytesMax }),
  lines: historyLines,
});

export function historyLines({ migrations }: HistoryAnswer): readonly string[] {
  const rows = migrations.map((it) => [
    it.startedAt,
    it.from,
    it.to,
    it.trigger,
    String(it.blobs),
    roughQuantity(it.bytes),
    it.duration,
    it.error ?? it.outcome,
  ]);
  return columns([['started', 'from', 'to', 'trigger', 'blobs', 'bytes', 'took', 'outcome'], ...rows]);
}

const accept = asking({
  name: 'tier accept',
  operands: ['warm|cold'],
  summary:
    'Says that the metadata, restored from a backup, are what counts: content that only newer ones know is given up.',
  notes: [userKeysNote, 'Until then nothing is deleted in that tier. It cannot be taken back.'],
  schema: acceptSchema,
  request([tier = '']) {
    if (tier !== 'warm' && tier !== 'cold')
      throw new UsageError('terrace tier accept needs a tier: write warm or cold');
    return { method: 'POST', path: '/v1/tiers/accept', body: { tier }, bytesMax };
  },
  lines: ({ released }, [tier = '']) => [
    released
      ? `The metadata count: what only newer ones know in the ${tier} tier is deleted from now on.`
      : `Nothing is held in the ${tier} tier.`,
  ],
});

export const tierCommands: readonly Command[] = [status, move, why, plan, history, accept];
