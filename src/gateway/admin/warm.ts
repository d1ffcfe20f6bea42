import { Type, type Static } from '@sinclair/typebox';
import { WARM_PATH_CHARS_MAX } from '../../limits/tiering.ts';
import type { DeviceKind } from '../../tiering/warm/shard-device.ts';
import type { WarmDevice } from '../../tiering/warm/warm-pool.ts';

const deviceStates = [
  'in-service',
  'draining',
  'missing',
  'failing',
] as const satisfies readonly WarmDevice['state'][];

const deviceKinds = ['directory', 'block-device', 'file'] as const satisfies readonly DeviceKind[];

const deviceSchema = Type.Object({
  path: Type.String(),
  /** Absent for one that has been missing since the start. */
  kind: Type.Optional(Type.Unsafe<DeviceKind>({ type: 'string', enum: deviceKinds })),
  state: Type.Unsafe<WarmDevice['state']>({ type: 'string', enum: deviceStates }),
  /** It leaves the pool when its shards are elsewhere. */
  draining: Type.Boolean(),
  /** Why it is missing or failing. */
  reason: Type.Optional(Type.String()),
  /** Who gets its shards. */
  successor: Type.Optional(Type.String()),
  bytesTotal: Type.Number(),
  bytesFree: Type.Number(),
  shards: Type.Integer(),
  bytesStored: Type.Number(),
  /** Since the start of the gateway. */
  errors: Type.Integer(),
});

/** The answer of `/v1/warm` and of every order: what the pool is now. */
export const warmSchema = Type.Object({
  /** `K+M`. */
  configured: Type.String(),
  /** Of what is written now; absent when nothing can be. */
  shape: Type.Optional(Type.String()),
  devices: Type.Array(deviceSchema),
  segments: Type.Integer(),
  /** On no device that is there. */
  shardsMissing: Type.Integer(),
  /** The walk over all segments that makes shards anew and moves them; counts of segments. */
  repair: Type.Object({
    running: Type.Boolean(),
    done: Type.Integer(),
    total: Type.Integer(),
    changed: Type.Integer(),
    /** No device has room for some shard of them. */
    waiting: Type.Integer(),
    /** Too few of their shards are left. */
    lost: Type.Integer(),
  }),
  /** The walk that makes devices about as full. */
  balance: Type.Object({
    running: Type.Boolean(),
    done: Type.Integer(),
    total: Type.Integer(),
    moved: Type.Integer(),
  }),
  /** One sentence each. */
  alerts: Type.Array(Type.String()),
});
export type WarmAnswer = Static<typeof warmSchema>;

const path = Type.String({ pattern: '^/', maxLength: WARM_PATH_CHARS_MAX, description: 'Absolute.' });
export const deviceWish = Type.Object({ path }, { additionalProperties: false });
export const replacementWish = Type.Object({ old: path, new: path }, { additionalProperties: false });
