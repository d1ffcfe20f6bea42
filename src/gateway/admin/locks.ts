import { Type, type Static } from '@sinclair/typebox';
import { LOCK_CLIENT_NAME_CHARS_MAX } from '../../limits.ts';

const lockSchema = Type.Object({
  /** Inode number of the file, as `ls -i` shows it on a mount. */
  ino: Type.Integer(),
  address: Type.String(),
  client: Type.String(),
  process: Type.Integer(),
  offset: Type.Integer(),
  /** 0: to the end of the file. */
  length: Type.Integer(),
  exclusive: Type.Boolean(),
  state: Type.Unsafe<'held' | 'waiting'>({ type: 'string', enum: ['held', 'waiting'] }),
});

const clientSchema = Type.Object({
  address: Type.String(),
  name: Type.String(),
  held: Type.Integer(),
  waiting: Type.Integer(),
  shares: Type.Integer(),
  /** It will be told of a restart of this server. */
  monitored: Type.Boolean(),
});

/** The answer of `/v1/locks`. */
export const lockListSchema = Type.Object({
  /** State number of this server's status monitor. */
  state: Type.Integer(),
  /** 0: there is no grace period now. */
  graceSecondsLeft: Type.Integer(),
  clients: Type.Array(clientSchema),
  locks: Type.Array(lockSchema),
  /** There are more clients or locks than are listed. */
  truncated: Type.Boolean(),
});
export type LockListAnswer = Static<typeof lockListSchema>;

/** Which client to release, as `/v1/locks` names it. */
export const releaseWish = Type.Object(
  {
    address: Type.String({ minLength: 1, maxLength: LOCK_CLIENT_NAME_CHARS_MAX }),
    name: Type.String({ minLength: 1, maxLength: LOCK_CLIENT_NAME_CHARS_MAX }),
  },
  { additionalProperties: false },
);
export const releasedSchema = Type.Object({
  /** Locks, waits and shares that it had. */
  released: Type.Integer(),
});
