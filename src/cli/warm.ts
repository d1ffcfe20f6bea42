import path from 'node:path';
import { roughQuantity } from '../config/quantity.ts';
import { columns } from '../config/render.ts';
import { warmSchema, type WarmAnswer } from '../gateway/admin/warm.ts';
import { WARM_ANSWER_BYTES_MAX } from '../limits/tiering.ts';
import { userKeysNote } from './admin-call.ts';
import { asking, ordering } from './admin-command.ts';
import type { Command } from './command.ts';

const bytesMax = WARM_ANSWER_BYTES_MAX;
const present = { path: '/v1/warm', bytesMax };

const list = asking({
  name: 'warm list',
  summary: 'Lists the devices of the warm pool, with what lies on them and what is missing.',
  notes: [userKeysNote],
  schema: warmSchema,
  request: () => present,
  lines: rendered,
});

const kindText = { directory: 'directory', 'block-device': 'disk', file: 'file', unknown: '-' } as const;

function* rendered(answer: WarmAnswer): Generator<string> {
  const { configured, shape, devices, segments, shardsMissing, alerts } = answer;
  const rows = devices.map((device) => [
    device.path,
    kindText[device.kind ?? 'unknown'],
    device.state,
    String(device.shards),
    roughQuantity(device.bytesStored),
    roughQuantity(device.bytesTotal),
    roughQuantity(device.bytesFree),
    String(device.errors),
    noteOf(device),
  ]);
  yield* columns([
    ['device', 'kind', 'state', 'shards', 'stored', 'capacity', 'free', 'errors', ''],
    ...rows,
  ]);
  yield '';
  const written = shape === undefined ? 'nothing can be written now' : `written now as ${shape}`;
  yield `${segments} segments, configured as ${configured}, ${written}; ${shardsMissing} shards missing.`;
  if (answer.repair.running) yield repairLine(answer);
  if (answer.balance.running) yield balanceLine(answer);
  yield* alerts;
}

function noteOf({ state, draining, reason, successor }: WarmAnswer['devices'][number]): string {
  const why = reason ?? '';
  if (!draining) return why;
  const to = successor === undefined ? 'to the others' : `to ${successor}`;
  return state === 'missing' ? `${why}; its shards are made anew ${to}` : `its shards go ${to}`;
}

const repairLine = ({ repair }: WarmAnswer): string =>
  `Repair: ${repair.done} of ${repair.total} segments, ${repair.changed} changed.`;
const balanceLine = ({ balance }: WarmAnswer): string =>
  `Balance: ${balance.done} of ${balance.total} segments, ${balance.moved} shards moved.`;

interface Order {
  readonly verb: 'rebuild' | 'add' | 'drain' | 'replace';
  readonly operands?: readonly string[];
  readonly summary: string;
  readonly notes?: readonly string[];
  readonly body?: (places: readonly string[]) => object;
  readonly isOver: (answer: WarmAnswer, places: readonly string[]) => boolean;
  readonly progress: (answer: WarmAnswer, places: readonly string[]) => string;
  /** What is said without `--wait`, and with it. */
  readonly begun: (places: readonly string[]) => string;
  readonly done: (answer: WarmAnswer, places: readonly string[]) => string;
  readonly isBad?: (answer: WarmAnswer) => boolean;
}

/** A command that orders something of the pool. Its operands are directories. */
function order({ verb, notes = [], body, done, ...rest }: Order): Command {
  const command = ordering({
    ...rest,
    name: `warm ${verb}`,
    notes: [userKeysNote, ...notes],
    schema: warmSchema,
    request: (places) => ({
      ...{ method: 'POST', path: `/v1/warm/${verb}`, bytesMax },
      ...(body !== undefined && { body: body(places) }),
    }),
    soFar: (ask) => ask(warmSchema, present),
    lines: (answer, places) => [done(answer, places)],
  });
  const resolved = (place: string): string => path.resolve(place);
  return { ...command, run: (cli, flags, places) => command.run(cli, flags, places.map(resolved)) };
}

const leaving = (
  { devices }: WarmAnswer,
  place: string | undefined,
): WarmAnswer['devices'][number] | undefined =>
  devices.find((device) => device.path === place && device.draining);
const shardsLeft = (answer: WarmAnswer, [place]: readonly string[]): string =>
  `${leaving(answer, place)?.shards ?? 0} shards left on ${place ?? ''}.`;

const rebuild = order({
  verb: 'rebuild',
  summary: 'Looks at every shard of the warm pool, and makes anew what is gone, also of missing devices.',
  isOver: ({ repair }) => !repair.running,
  progress: repairLine,
  begun: () => 'The rebuild has begun: terrace warm list shows how far it is.',
  done: ({ repair: { changed, waiting, lost } }) =>
    `${changed} segments rebuilt, ${waiting} without a device for all their shards, ${lost} lost.`,
  isBad: ({ repair: { waiting, lost } }) => waiting + lost > 0,
});

const add = order({
  verb: 'add',
  operands: ['PATH'],
  summary:
    'Takes an empty directory or disk into the warm pool, or one that is being drained back into service.',
  notes: ['Shards move to it until all devices are about as full.'],
  body: ([place]) => ({ path: place }),
  isOver: ({ repair, balance }) => !repair.running && !balance.running,
  progress: balanceLine,
  begun: ([place]) => `${place} is a device of the warm pool.`,
  done: ({ balance: { moved } }, [place]) =>
    `${place} is a device of the warm pool, ${moved} shards have moved.`,
});

const drain = order({
  verb: 'drain',
  operands: ['PATH'],
  summary: 'Moves all shards of a device to the others, and takes it out of the warm pool.',
  body: ([place]) => ({ path: place }),
  isOver: (answer, [place]) => leaving(answer, place) === undefined,
  progress: shardsLeft,
  begun: ([place]) => `${place} is being drained: terrace warm list shows how far it is.`,
  done: (_answer, [place]) => `${place} is no device of the warm pool any more.`,
});

const replace = order({
  verb: 'replace',
  operands: ['OLD', 'NEW'],
  summary: 'Gives all shards of a device, which may be gone, to a new one, and takes the old one out.',
  notes: ['NEW is an empty directory or disk; it may be OLD itself when a new disk is there.'],
  body: ([old, place]) => ({ old, new: place }),
  isOver: (answer, [old]) => leaving(answer, old) === undefined,
  progress: shardsLeft,
  begun: ([old, place]) => `${place} takes over from ${old}: terrace warm list shows how far it is.`,
  done: (_answer, [old, place]) => `${place} has taken over from ${old}.`,
});

export const warmCommands: readonly Command[] = [list, rebuild, add, drain, replace];
