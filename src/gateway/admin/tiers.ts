import { Type, type Static } from '@sinclair/typebox';
import { tiers, type LowerTier, type Tier } from '../../tiering/tier.ts';
import type { FlashMode, MigrationTrigger } from '../../tiering/tiers.ts';
import type { MoveStatus } from '../../storage-policy/moves.ts';
import type { PlacementReason } from '../../storage-policy/placement.ts';

const texts = <Text extends string>(...values: readonly Text[]) =>
  Type.Unsafe<Text>({ type: 'string', enum: values });
/** Warmest first. */
export const tierNames: readonly Tier[] = tiers;
export const tierSchema = texts<Tier>(...tiers);
const instant = Type.String({ description: 'ISO 8601, UTC.' });
const bytes = Type.Number();
/** JSON has no infinity: absent where nobody knows. */
const bytesOfDevice = Type.Optional(bytes);
const share = Type.Object({ objects: Type.Integer(), bytes });

/** What lies in one tier. */
const tierStatusSchema = Type.Object({
  /** Those whose reads the tier answers. */
  objects: Type.Integer(),
  bytes,
  bytesTotal: bytesOfDevice,
  bytesFree: bytesOfDevice,
  /** Of lower tiers: what all copies there hold, how much of that is distinct, and what it takes. */
  copies: Type.Optional(
    Type.Object({
      blobs: Type.Integer(),
      bytesLogical: bytes,
      bytesUnique: bytes,
      bytesLive: bytes,
      bytesStored: bytes,
      chunks: Type.Integer(),
      deltas: Type.Integer(),
      segments: Type.Integer(),
    }),
  ),
});

export const tiersSchema = Type.Object({
  hot: tierStatusSchema,
  warm: Type.Optional(tierStatusSchema),
  cold: Type.Optional(tierStatusSchema),
  /** False: where some content is, is still being counted. */
  complete: Type.Boolean(),
  /** Of this moment. */
  countedAt: instant,
  flashMode: texts<FlashMode>('normal', 'critical', 'write-through'),
  migrations: Type.Object({
    completed: Type.Integer(),
    failed: Type.Integer(),
    bytes,
    queued: Type.Integer(),
    running: Type.Integer(),
  }),
});
export type TiersAnswer = Static<typeof tiersSchema>;

export const moveSchema = Type.Object({
  id: Type.Integer(),
  target: Type.String(),
  to: tierSchema,
  state: texts<MoveStatus['state']>('waiting', 'running', 'completed', 'failed'),
  objects: Type.Integer(),
  bytes,
  blobsMoved: Type.Integer(),
  bytesMoved: bytes,
  failures: Type.Integer(),
  error: Type.Optional(Type.String()),
  orderedAt: instant,
});
export type MoveAnswer = Static<typeof moveSchema>;
export const moveListSchema = Type.Object({ moves: Type.Array(moveSchema) });
export const moveWish = Type.Object(
  { target: Type.String({ minLength: 1, maxLength: 1100 }), to: tierSchema },
  { additionalProperties: false },
);
export const acceptWish = Type.Object(
  { tier: Type.Unsafe<LowerTier>({ type: 'string', enum: ['warm', 'cold'] }) },
  { additionalProperties: false },
);
/** Whether anything was held there. */
export const acceptSchema = Type.Object({ released: Type.Boolean() });
export const movePath = Type.Object({ move: Type.String({ pattern: '^[0-9]{1,16}$' }) });

const reasons = texts<PlacementReason>(
  'score',
  'storage-class',
  'score-unknown',
  'written-recently',
  'moved-recently',
  'observing',
);

export const whySchema = Type.Object({
  slices: Type.Array(
    Type.Object({
      versionId: Type.Optional(Type.String()),
      /** Of the first byte of a slice, a part of a large object that is placed on its own. */
      slice: Type.Integer(),
      bytes,
      tier: tierSchema,
      /** Bytes that have a copy there: more than one tier may have one. */
      copies: Type.Object({ hot: bytes, warm: bytes, cold: bytes }),
      /** Absent: no policy is about the object. */
      policy: Type.Optional(Type.String()),
      wanted: Type.Optional(tierSchema),
      reason: Type.Optional(reasons),
      /** 0 also where it is unknown. */
      iops: Type.Optional(Type.Number()),
      idleSeconds: Type.Optional(Type.Number()),
      reviewSeconds: Type.Optional(Type.Number()),
      /** The key of the object in the cold store, where it lies there as it is. */
      coldKey: Type.Optional(Type.String()),
      explanation: Type.String(),
    }),
  ),
});
export type WhyAnswer = Static<typeof whySchema>;
export const whyQuery = Type.Object(
  { path: Type.String({ minLength: 3, maxLength: 1100 }) },
  { additionalProperties: false },
);

export const planSchema = Type.Object({
  moves: Type.Array(
    Type.Object({
      bucket: Type.String(),
      key: Type.String(),
      bytes,
      from: tierSchema,
      to: tierSchema,
      iops: Type.Number(),
    }),
  ),
  /** All of them, also those that are not listed. */
  to: Type.Object({ hot: share, warm: share, cold: share }),
  complete: Type.Boolean(),
});
export type PlanAnswer = Static<typeof planSchema>;
export const planQuery = Type.Object(
  { target: Type.Optional(Type.String({ minLength: 1, maxLength: 1100 })) },
  { additionalProperties: false },
);

const migrationSchema = Type.Object({
  id: Type.Integer(),
  from: tierSchema,
  to: tierSchema,
  trigger: texts<MigrationTrigger>('order', 'policy', 'pressure', 'read', 'repair'),
  policy: Type.Optional(Type.String()),
  blobs: Type.Integer(),
  bytes,
  startedAt: instant,
  /** As people read it: 12ms, 3.5s, 2m, 1.2h. */
  duration: Type.String(),
  milliseconds: Type.Integer(),
  outcome: texts('completed', 'failed'),
  error: Type.Optional(Type.String()),
});
export const historySchema = Type.Object({ migrations: Type.Array(migrationSchema) });
export type HistoryAnswer = Static<typeof historySchema>;
