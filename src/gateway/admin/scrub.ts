import { Type, type Static } from '@sinclair/typebox';

/** A scrub on demand: the one that runs, else the last one since the start of the gateway. */
export const scrubSchema = Type.Object({
  state: Type.Unsafe<'none' | 'running' | 'completed' | 'failed'>({
    type: 'string',
    enum: ['none', 'running', 'completed', 'failed'],
  }),
  /** ISO 8601, UTC. */
  startedAt: Type.Optional(Type.String()),
  error: Type.Optional(Type.String()),
  /** Shards, objects and hot blobs that were read. */
  checked: Type.Integer(),
  corrupt: Type.Integer(),
  healed: Type.Integer(),
  /** Pieces of content of which no copy can be read. */
  unrecoverable: Type.Integer(),
  /** Segments that their store did not answer for. */
  unknown: Type.Integer(),
});
export type ScrubAnswer = Static<typeof scrubSchema>;

/** Scrubs of everything, one at a time. */
export interface ScrubRuns {
  /** Begins one, unless one runs. */
  start(): ScrubAnswer;
  state(): ScrubAnswer;
}
