import { Type, type Static } from '@sinclair/typebox';

const word = <const Words extends readonly string[]>(words: Words) =>
  Type.Unsafe<Words[number]>({ type: 'string', enum: words });
const address = Type.Object({ host: Type.String(), port: Type.Integer() });

/** The answer of `/v1/status`: what one gateway knows of itself. */
export const statusSchema = Type.Object({
  version: Type.String(),
  uptimeSeconds: Type.Number(),
  region: Type.String(),
  addresses: Type.Object({ s3: address, nfs: address, admin: address }),
  buckets: Type.Object({ count: Type.Integer() }),
  hot: Type.Object({ bytesTotal: Type.Integer(), bytesFree: Type.Integer() }),
  /** What the tiers below it hold, in blobs, chunks, segments and bytes; sizes that nobody knows are left out. */
  tiers: Type.Object({
    mode: word(['normal', 'critical', 'write-through']),
    warm: Type.Optional(Type.Record(Type.String(), Type.Integer())),
    cold: Type.Optional(Type.Record(Type.String(), Type.Integer())),
  }),
  /** Between tiers. */
  migrations: Type.Object({
    completed: Type.Integer(),
    failed: Type.Integer(),
    bytes: Type.Integer(),
    queued: Type.Integer(),
    running: Type.Integer(),
  }),
  /** What lifecycle rules have done since the start. */
  lifecycle: Type.Object({
    secondsPerDay: Type.Integer(),
    passes: Type.Integer(),
    counts: Type.Record(Type.String(), Type.Integer()),
  }),
  steps: Type.Array(
    Type.Object({
      name: Type.String(),
      state: word(['running', 'waiting', 'paused', 'failing']),
      unitsDone: Type.Integer(),
      failuresInRow: Type.Integer(),
      failure: Type.Optional(Type.String()),
    }),
  ),
  health: Type.Object({
    state: word(['healthy', 'degraded', 'critical']),
    /** One sentence each; when healthy, only what somebody should know all the same. */
    alerts: Type.Array(Type.String()),
  }),
});
export type Status = Static<typeof statusSchema>;
