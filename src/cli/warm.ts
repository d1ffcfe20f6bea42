import path from 'node:path';
import { roughQuantity } from '../config/quantity.ts';
import { columns } from '../config/render.ts';
import { warmSchema, type WarmAnswer } from '../gateway/admin/warm.ts';
import { WARM_ANSWER_BYTES_MAX } from '../limits/tiering.ts';
import { adminFlag, askAdmin, jsonFlag, printAnswer, userKeysNote } from './admin-call.ts';
import type { Cli, Command } from './command.ts';
import { untilOver, waitFlag } from './wait.ts';

type Flags = ReadonlyMap<string, string>;
const bytesMax = WARM_ANSWER_BYTES_MAX;

const ask = (cli: Cli, flags: Flags): Promise<WarmAnswer> =>
  askAdmin(cli, flags, warmSchema, { method: 'GET', path: '/v1/warm', bytesMax });

const list: Command = {
  name: 'warm list',
  summary: 'Lists the devices of the warm pool, with what lies on them and what is missing.',
  flags: [jsonFlag, adminFlag],
  notes: [userKeysNote],
  async run(cli, flags) {
    const answer = await ask(cli, flags);
    return printAnswer(cli, flags, answer, rendered(answer));
  },
};

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
  readonly line: (answer: WarmAnswer, places: readonly string[]) => string;
  /** What is said without `--wait`, and with it. */
  readonly begun: (places: readonly string[]) => string;
  readonly done: (answer: WarmAnswer, places: readonly string[]) => string;
  /** It came to an end, but not to a good one. */
  readonly hasFailed?: (answer: WarmAnswer) => boolean;
}

/** A command that orders something, and waits for its end when told so. */
const order = (it: Order): Command => ({
  name: `warm ${it.verb}`,
  ...(it.operands !== undefined && { operands: it.operands }),
  summary: it.summary,
  flags: [waitFlag, jsonFlag, adminFlag],
  notes: [userKeysNote, ...(it.notes ?? [])],
  async run(cli, flags, operands) {
    const places = operands.map((place) => path.resolve(place));
    const ordered = await askAdmin(cli, flags, warmSchema, {
      method: 'POST',
      path: `/v1/warm/${it.verb}`,
      ...(it.body !== undefined && { body: it.body(places) }),
      bytesMax,
    });
    if (!flags.has('--wait')) return printAnswer(cli, flags, ordered, [it.begun(places)]);
    const answer = await untilOver(cli, {
      ask: () => ask(cli, flags),
      isOver: (soFar) => it.isOver(soFar, places),
      line: (soFar) => it.line(soFar, places),
    });
    printAnswer(cli, flags, answer, [it.done(answer, places)]);
    return it.hasFailed?.(answer) === true ? 1 : 0;
  },
});

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
  line: repairLine,
  begun: () => 'The rebuild has begun: terrace warm list shows how far it is.',
  done: ({ repair: { changed, waiting, lost } }) =>
    `${changed} segments rebuilt, ${waiting} without a device for all their shards, ${lost} lost.`,
  hasFailed: ({ repair: { waiting, lost } }) => waiting + lost > 0,
});

const add = order({
  verb: 'add',
  operands: ['PATH'],
  summary:
    'Takes an empty directory or disk into the warm pool, or one that is being drained back into service.',
  notes: ['Shards move to it until all devices are about as full.'],
  body: ([place]) => ({ path: place }),
  isOver: ({ repair, balance }) => !repair.running && !balance.running,
  line: balanceLine,
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
  line: shardsLeft,
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
  line: shardsLeft,
  begun: ([old, place]) => `${place} takes over from ${old}: terrace warm list shows how far it is.`,
  done: (_answer, [old, place]) => `${place} has taken over from ${old}.`,
});

export const warmCommands: readonly Command[] = [list, rebuild, add, drain, replace];
