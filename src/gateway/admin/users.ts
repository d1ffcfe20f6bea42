import { Type, type Static } from '@sinclair/typebox';
import { accessKey, policyName, secretKey, userName } from '../../config/credentials.ts';

const instant = Type.String({ description: 'ISO 8601, UTC.' });
const id = Type.Integer({ minimum: 0, maximum: 4_294_967_294 });

/** A user, without secrets. */
const userSchema = Type.Object({
  name: Type.String(),
  accountId: Type.String(),
  canonicalId: Type.String(),
  uid: Type.Integer(),
  gid: Type.Integer(),
  createdAt: instant,
  accessKeys: Type.Array(
    Type.Object({
      accessKey: Type.String(),
      createdAt: instant,
      /** It stands in the config and goes only with it. */
      declared: Type.Boolean(),
    }),
  ),
  /** Names. */
  policies: Type.Array(Type.String()),
});
export type UserAnswer = Static<typeof userSchema>;

export const userListSchema = Type.Object({ users: Type.Array(userSchema) });

/** The only answers with a secret, each given once. */
export const keyPairSchema = Type.Object({ accessKey: Type.String(), secretKey: Type.String() });
export const createdUserSchema = Type.Composite([userSchema, keyPairSchema]);

/** Absent: made at random. */
const keyMembers = {
  accessKey: Type.Optional(accessKey({})),
  secretKey: Type.Optional(secretKey({})),
};
export const keyWish = Type.Object(keyMembers, { additionalProperties: false });
export const userWish = Type.Object(
  { name: userName({}), ...keyMembers, uid: Type.Optional(id), gid: Type.Optional(id) },
  { additionalProperties: false },
);
export const userPath = Type.Object({ name: Type.String() });
/** A policy document as JSON. What it says is checked where it is parsed. */
export const policyDocument = Type.Object({}, { additionalProperties: true });
const policySummarySchema = Type.Object({
  name: Type.String(),
  /** It stands in the config and goes only with it. */
  declared: Type.Boolean(),
});
export const policyListSchema = Type.Object({ policies: Type.Array(policySummarySchema) });
export const policySchema = Type.Composite([policySummarySchema, Type.Object({ document: policyDocument })]);
export const policyPath = Type.Object({ name: Type.String(), policy: policyName({}) });
export const keyPath = Type.Object({ name: Type.String(), accessKey: Type.String() });
