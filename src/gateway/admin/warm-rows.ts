import type { Static } from '@sinclair/typebox';
import { Fault } from '../../fault.ts';
import { shapeText } from '../../tiering/warm/shape.ts';
import type { WarmDevice } from '../../tiering/warm/warm-pool.ts';
import { json, type AdminRow, type WarmControl } from './row.ts';
import { deviceWish, replacementWish, warmSchema, type WarmAnswer } from './warm.ts';

const deviceOf = ({ isDraining: draining, ...device }: WarmDevice): WarmAnswer['devices'][number] => ({
  ...device,
  draining,
});

function answerOf(pool: WarmControl): WarmAnswer {
  const { configured, shape, devices, segments, shardsMissing, repair, balance } = pool.state();
  const { isRunning: isRepairing, ...repaired } = repair;
  const { isRunning: isBalancing, ...balanced } = balance;
  return {
    configured: shapeText(configured),
    ...(shape !== undefined && { shape: shapeText(shape) }),
    devices: devices.map(deviceOf),
    segments,
    shardsMissing,
    repair: { running: isRepairing, ...repaired },
    balance: { running: isBalancing, ...balanced },
    alerts: pool.alerts().map(({ text }) => text),
  };
}

function required(warm: WarmControl | undefined): WarmControl {
  if (warm !== undefined) return warm;
  const detail = 'There is no warm pool: start the gateway with --warm PATH, once for each device.';
  throw new Fault('not-found', 'request', detail);
}

/** A row that orders something of the pool. */
const order = (
  row: Pick<AdminRow, 'name' | 'path' | 'body'>,
  carryOut: (pool: WarmControl, body: unknown) => Promise<void> | void,
): AdminRow => ({
  ...row,
  method: 'POST',
  access: 'granted',
  response: { 200: warmSchema },
  handle: async ({ warm }, { body }) => {
    const pool = required(warm);
    await carryOut(pool, body);
    return json(200, answerOf(pool));
  },
});

const pathIn = (body: unknown): string => (body as Static<typeof deviceWish>).path;

const getWarm: AdminRow = {
  name: 'GetWarmPool',
  method: 'GET',
  path: '/v1/warm',
  access: 'granted',
  response: { 200: warmSchema },
  handle: async ({ warm }) => json(200, answerOf(required(warm))),
};

/** Devices of the warm pool. */
export const warmRows: readonly AdminRow[] = [
  getWarm,
  order({ name: 'RebuildWarmPool', path: '/v1/warm/rebuild' }, (pool) => pool.rebuild()),
  order({ name: 'AddWarmDevice', path: '/v1/warm/add', body: deviceWish }, (pool, body) =>
    pool.add(pathIn(body)),
  ),
  order({ name: 'DrainWarmDevice', path: '/v1/warm/drain', body: deviceWish }, (pool, body) =>
    pool.drain(pathIn(body)),
  ),
  order({ name: 'ReplaceWarmDevice', path: '/v1/warm/replace', body: replacementWish }, (pool, body) => {
    const { old, new: place } = body as Static<typeof replacementWish>;
    return pool.replace(old, place);
  }),
];
