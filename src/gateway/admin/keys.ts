import { Type, type Static } from '@sinclair/typebox';
import { KEY_ALIAS_CHARS_MAX } from '../../limits.ts';

/** A key of the ring, without its material. */
export const keySchema = Type.Object({
  id: Type.String(),
  arn: Type.String(),
  alias: Type.Optional(Type.String()),
  /** s3: of SSE-S3; default: of SSE-KMS without a key; named: made by somebody. */
  purpose: Type.Unsafe<'s3' | 'default' | 'named'>({ type: 'string', enum: ['s3', 'default', 'named'] }),
  state: Type.Unsafe<'enabled' | 'disabled' | 'deleting'>({
    type: 'string',
    enum: ['enabled', 'disabled', 'deleting'],
  }),
  createdAt: Type.String({ description: 'ISO 8601, UTC.' }),
  version: Type.Integer(),
  /** Older versions that may still seal something. */
  oldVersions: Type.Array(Type.Integer()),
  /** Of the background job, since the start of the gateway. */
  progress: Type.Optional(
    Type.Object({ running: Type.Boolean(), examined: Type.Integer(), matched: Type.Integer() }),
  ),
});
export type KeyAnswer = Static<typeof keySchema>;

export const keyListSchema = Type.Object({ keys: Type.Array(keySchema) });

/** AWS KMS, CreateAlias: without `alias/`; names that begin with aws/ are AWS's own. */
export const keyWishSchema = Type.Object(
  {
    alias: Type.Optional(
      Type.String({
        pattern: '^(alias/)?(?!aws/|terrace/|alias/)[a-zA-Z0-9/_-]+$',
        maxLength: KEY_ALIAS_CHARS_MAX,
      }),
    ),
  },
  { additionalProperties: false },
);

/** Id or alias, percent-encoded in the path. */
export const keyPathSchema = Type.Object({ key: Type.String() });
