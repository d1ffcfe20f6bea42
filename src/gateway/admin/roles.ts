import { Type, type Static } from '@sinclair/typebox';
import { userName } from '../../config/credentials.ts';
import { ROLE_POLICIES_MAX } from '../../limits.ts';
import { policyDocument } from './users.ts';

export const roleSchema = Type.Object({
  name: Type.String(),
  id: Type.String(),
  arn: Type.String(),
  /** Name of the user whose account it belongs to, or `root`. */
  user: Type.String(),
  accountId: Type.String(),
  trust: policyDocument,
  policies: Type.Array(policyDocument),
  createdAt: Type.Optional(Type.String({ description: 'ISO 8601, UTC.' })),
  /** It stands in the config and goes only with it. */
  declared: Type.Boolean(),
});
export type RoleAnswer = Static<typeof roleSchema>;

export const roleListSchema = Type.Object({ roles: Type.Array(roleSchema) });
export const roleWish = Type.Object(
  {
    name: userName({}),
    /** Absent: root. */
    user: Type.Optional(userName({})),
    trust: policyDocument,
    policies: Type.Optional(Type.Array(policyDocument, { maxItems: ROLE_POLICIES_MAX })),
  },
  { additionalProperties: false },
);
export const rolePath = Type.Object({ role: Type.String() });
