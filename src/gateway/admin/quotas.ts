import { Type, type Static } from '@sinclair/typebox';
import { QUOTA_GRACE_SECONDS_MAX } from '../../limits.ts';

const instant = Type.String({ description: 'ISO 8601, UTC.' });
const count = Type.Integer({ minimum: 0 });
/** full: the hard limit is reached. grace-over: the soft one counts as a hard one now. */
const states = ['ok', 'over-soft', 'grace-over', 'full'] as const;

/** In bytes, or inodes. */
const usageSchema = Type.Object({
  used: Type.Number(),
  soft: Type.Optional(Type.Integer()),
  hard: Type.Optional(Type.Integer()),
  state: Type.Unsafe<(typeof states)[number]>({ type: 'string', enum: states }),
  /** Since when more than the soft limit is used. */
  overSince: Type.Optional(instant),
  graceEnds: Type.Optional(instant),
});
export type UsageAnswer = Static<typeof usageSchema>;

export const quotaSchema = Type.Object({
  /** `bucket/NAME`, `user/UID`, `group/GID`, or either of these below `bucket/NAME/`. */
  subject: Type.String(),
  bytes: usageSchema,
  inodes: usageSchema,
  graceSeconds: Type.Integer(),
});
export type QuotaAnswer = Static<typeof quotaSchema>;

export const quotaListSchema = Type.Object({ quotas: Type.Array(quotaSchema) });

const limit = Type.Optional(Type.Union([count, Type.Null()]));
const limits = Type.Optional(Type.Object({ soft: limit, hard: limit }, { additionalProperties: false }));
/** What is not there stays as it is; `null` takes a limit away. */
export const quotaWish = Type.Object(
  {
    bytes: limits,
    inodes: limits,
    graceSeconds: Type.Optional(Type.Integer({ minimum: 0, maximum: QUOTA_GRACE_SECONDS_MAX })),
  },
  { additionalProperties: false },
);

/** The subject, with its slashes. */
export const quotaPath = Type.Object({ '*': Type.String() });
