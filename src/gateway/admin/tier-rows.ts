import type { Static } from '@sinclair/typebox';
import { roughDuration } from '../../config/quantity.ts';
import { Fault } from '../../fault.ts';
import type { Share } from '../../namespace/census/shares.ts';
import type { ChunkStoreUsage } from '../../tiering/reduction/chunk-store.ts';
import type { LowerTier, Tier } from '../../tiering/tier.ts';
import type { MigrationRecord } from '../../tiering/tiers.ts';
import { classTierOf } from '../../storage-policy/class-tier.ts';
import type { Explanation } from '../../storage-policy/explain.ts';
import type { MoveStatus } from '../../storage-policy/moves.ts';
import type { MoveRow } from '../../storage-policy/records.ts';
import { targetOf } from '../../storage-policy/target.ts';
import { coldFormAnswer, type ColdFormAnswer } from './cold-form.ts';
import { isoTime, json, type AdminRow, type AdminSources } from './row.ts';
import {
  acceptSchema,
  acceptWish,
  historySchema,
  moveListSchema,
  movePath,
  moveSchema,
  moveWish,
  planQuery,
  planSchema,
  tiersSchema,
  whyQuery,
  whySchema,
  type HistoryAnswer,
  type MoveAnswer,
  type PlanAnswer,
  type TiersAnswer,
  type WhyAnswer,
} from './tiers.ts';

const getTiers: AdminRow = {
  name: 'GetTiers',
  method: 'GET',
  path: '/v1/tiers',
  access: 'granted',
  response: { 200: tiersSchema },
  handle: async (sources) => json(200, await tiersAnswer(sources)),
};

async function tiersAnswer({ namespace, tiers }: AdminSources): Promise<TiersAnswer> {
  const { tiers: shares, isWhole, countedAt } = await namespace.census.now();
  const counted = { hot: share(shares.hot), warm: share(shares.warm), cold: share(shares.cold) };
  const usage = tiers.usage();
  const lower = (tier: LowerTier): TiersAnswer['warm'] => {
    const used = usage[tier];
    return used && { ...counted[tier], ...known(used), copies: copiesOf(used) };
  };
  const warm = lower('warm');
  const cold = lower('cold');
  return {
    hot: { ...counted.hot, ...known(usage.hot) },
    ...(warm !== undefined && { warm }),
    ...(cold !== undefined && { cold }),
    complete: isWhole,
    countedAt: isoTime(countedAt),
    flashMode: tiers.flashMode(),
    migrations: tiers.totals(),
  };
}

const share = ({ objects, bytes }: Share): { objects: number; bytes: number } => ({
  objects: Number(objects),
  bytes: Number(bytes),
});

/** What is infinite is not known. */
const known = (space: { readonly bytesTotal: number; readonly bytesFree: number }) => ({
  ...(Number.isFinite(space.bytesTotal) && { bytesTotal: space.bytesTotal }),
  ...(Number.isFinite(space.bytesFree) && { bytesFree: space.bytesFree }),
});

const copiesOf = ({
  blobs,
  bytesLogical,
  bytesUnique,
  bytesLive,
  bytesStored,
  chunks,
  deltas,
  segments,
}: ChunkStoreUsage): ChunkStoreUsage => ({
  blobs,
  bytesLogical,
  bytesUnique,
  bytesLive,
  bytesStored,
  chunks,
  deltas,
  segments,
});

const moveAnswer = (move: MoveStatus): MoveAnswer => ({ ...move, orderedAt: isoTime(move.orderedAt) });

const orderMove: AdminRow = {
  name: 'OrderMove',
  method: 'POST',
  path: '/v1/tiers/moves',
  access: 'granted',
  body: moveWish,
  response: { 202: moveSchema },
  handle: async ({ storage, jobs }, { body }) => {
    const move = await storage.moves.order(body as MoveRow);
    jobs.run('moves');
    return json(202, moveAnswer(move));
  },
};

const acceptMetadata: AdminRow = {
  name: 'AcceptMetadata',
  method: 'POST',
  path: '/v1/tiers/accept',
  access: 'granted',
  body: acceptWish,
  response: { 200: acceptSchema },
  handle: async ({ tiers }, { body }) => {
    const { tier } = body as Static<typeof acceptWish>;
    return json(200, { released: await tiers.accept(tier) });
  },
};

const listMoves: AdminRow = {
  name: 'ListMoves',
  method: 'GET',
  path: '/v1/tiers/moves',
  access: 'granted',
  response: { 200: moveListSchema },
  handle: async ({ storage }) => json(200, { moves: storage.moves.list().map(moveAnswer) }),
};

const getMove: AdminRow = {
  name: 'GetMove',
  method: 'GET',
  path: '/v1/tiers/moves/:move',
  access: 'granted',
  params: movePath,
  response: { 200: moveSchema },
  handle: async ({ storage }, { params }) => {
    const { move: id } = params as Static<typeof movePath>;
    const move = storage.moves.get(Number(id));
    if (move === undefined) throw new Fault('not-found', 'request', `There is no move ${id} any more.`);
    return json(200, moveAnswer(move));
  },
};

const why: AdminRow = {
  name: 'ExplainPlacement',
  method: 'GET',
  path: '/v1/tiers/why',
  access: 'granted',
  query: whyQuery,
  response: { 200: whySchema },
  handle: async ({ storage, tiers }, { query }) => {
    const { path } = query as Static<typeof whyQuery>;
    const { bucket, prefix: key } = targetOf(path);
    const found = await storage.explain(bucket, key);
    if (found.length === 0) throw new Fault('not-found', 'object', `There is no object ${path}.`);
    const slices = await Promise.all(
      found.map(async (it) => withColdForm(explained(it), await coldFormAnswer(tiers, it.slice))),
    );
    return json(200, { slices } satisfies WhyAnswer);
  },
};

const withColdForm = (
  slice: WhyAnswer['slices'][number],
  { coldKey, sentence }: ColdFormAnswer,
): WhyAnswer['slices'][number] => ({
  ...slice,
  ...(coldKey !== undefined && { coldKey }),
  ...(sentence !== undefined && { explanation: `${slice.explanation} ${sentence}` }),
});

function explained({ slice, policy, assessment }: Explanation): WhyAnswer['slices'][number] {
  const copies: Record<Tier, number> = { hot: 0, warm: 0, cold: 0 };
  for (const { length, tiers } of slice.blobs) for (const tier of tiers) copies[tier] += length;
  const { versionId, index, bytes, at } = slice;
  const where = {
    ...(versionId !== undefined && { versionId: String(versionId) }),
    slice: index,
    bytes,
    tier: at,
    copies,
  };
  if (policy === undefined || assessment === undefined) {
    const named = classTierOf(slice.storageClass);
    if (named !== undefined) return { ...where, explanation: sentenceOfClass(slice.storageClass, named) };
    const explanation =
      'No storage policy is about it: it goes down when the hot tier is short of space, and up when it is read often.';
    return { ...where, explanation };
  }
  const { facts, placement } = assessment;
  const { reviewSeconds } = placement;
  return {
    ...where,
    policy: policy.name,
    wanted: placement.tier,
    reason: placement.reason,
    iops: facts.iops ?? 0,
    idleSeconds: facts.idleSeconds,
    ...(reviewSeconds !== undefined && { reviewSeconds }),
    explanation: sentenceOf({ slice, policy, assessment }),
  };
}

function sentenceOf({ slice, policy, assessment }: Required<Explanation>): string {
  if (policy === undefined || assessment === undefined) return '';
  const { facts, placement } = assessment;
  const wait = `for ${Math.ceil(placement.reviewSeconds ?? 0)} s more`;
  const iops = Math.round((facts.iops ?? 0) * 100) / 100;
  switch (placement.reason) {
    case 'score': {
      const rule = `above ${policy.hotAboveIops} IOPS hot, at or below ${policy.coldAtOrBelowIops} cold, else warm`;
      const place =
        placement.tier === slice.at ? 'is where it belongs' : `belongs on the ${placement.tier} tier`;
      return `With ${iops} IOPS it ${place}: ${policy.name} says ${rule}.`;
    }
    case 'storage-class':
      return sentenceOfClass(slice.storageClass, placement.tier);
    case 'score-unknown':
      return `Nobody tells how busy it is: ${policy.name} asks a Prometheus that does not answer, so nothing moves.`;
    case 'moved-recently':
      return `It was moved lately and stays ${wait}.`;
    case 'written-recently':
      return `It was written lately and stays ${wait}.`;
    case 'observing':
      return `The gateway has started lately and does not know yet how busy it is: it stays ${wait}.`;
  }
}

const sentenceOfClass = (storageClass: string, tier: Tier): string =>
  `Its storage class, ${storageClass}, stands for the ${tier} tier, or the next warmer one that there is.`;

const plan: AdminRow = {
  name: 'PlanMoves',
  method: 'GET',
  path: '/v1/tiers/plan',
  access: 'granted',
  query: planQuery,
  response: { 200: planSchema },
  handle: async ({ storage }, { query }) => {
    const { target } = query as Static<typeof planQuery>;
    const { moves, to, isWhole } = await storage.plan(target === undefined ? undefined : targetOf(target));
    const answer: PlanAnswer = {
      moves: moves.map(({ slice, facts, placement, due }) => ({
        bucket: slice.bucket,
        key: Buffer.from(slice.key).toString('utf8'),
        bytes: due.reduce((sum, { length }) => sum + length, 0),
        from: slice.at,
        to: placement.tier,
        iops: facts.iops ?? 0,
      })),
      to,
      complete: isWhole,
    };
    return json(200, answer);
  },
};

/** Of migrations that no policy has ordered: those of operators, of pressure and of reads. */
const history: AdminRow = {
  name: 'GetMigrations',
  method: 'GET',
  path: '/v1/tiers/migrations',
  access: 'granted',
  response: { 200: historySchema },
  handle: async ({ tiers }) => json(200, historyAnswer(await tiers.history())),
};

export const historyAnswer = (records: readonly MigrationRecord[]): HistoryAnswer => ({
  migrations: records.map(({ startedAt, milliseconds, ...record }) => ({
    ...record,
    startedAt: isoTime({ seconds: startedAt, nanoseconds: 0 }),
    duration: roughDuration(milliseconds),
    milliseconds,
  })),
});

/** Where content is, why, and how it is moved by hand. */
export const tierRows: readonly AdminRow[] = [
  getTiers,
  acceptMetadata,
  orderMove,
  listMoves,
  getMove,
  why,
  plan,
  history,
];
