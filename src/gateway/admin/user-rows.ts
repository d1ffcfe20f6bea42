import type { Static } from '@sinclair/typebox';
import type { KeyPair, User } from '../../accounts/accounts.ts';
import { Fault } from '../../fault.ts';
import { isoTime, json, nothing, type AdminRow } from './row.ts';
import {
  createdUserSchema,
  keyPairSchema,
  keyPath,
  keyWish,
  userListSchema,
  userPath,
  userWish,
  type UserAnswer,
} from './users.ts';

const answerOf = ({ name, account, uid, gid, createdAt, accessKeys, policies }: User): UserAnswer => ({
  name,
  accountId: account.id,
  canonicalId: account.canonicalId,
  uid,
  gid,
  createdAt: isoTime(createdAt),
  accessKeys: accessKeys.map((key) => ({
    accessKey: key.accessKey,
    createdAt: isoTime(key.createdAt),
    declared: key.isDeclared,
  })),
  policies: policies.map((policy) => policy.name),
});

/** Both or none; `undefined` asks for a pair made at random. */
function pairOf({ accessKey, secretKey }: Static<typeof keyWish>): KeyPair | undefined {
  if (accessKey !== undefined && secretKey !== undefined) return { accessKey, secretKey };
  if (accessKey === undefined && secretKey === undefined) return undefined;
  throw new Fault(
    'invalid-argument',
    'request',
    'accessKey and secretKey belong together: give both or none',
  );
}

const listUsers: AdminRow = {
  name: 'ListUsers',
  method: 'GET',
  path: '/v1/users',
  access: 'granted',
  response: { 200: userListSchema },
  handle: async ({ accounts }) => json(200, { users: accounts.list().map(answerOf) }),
};

const createUser: AdminRow = {
  name: 'CreateUser',
  method: 'POST',
  path: '/v1/users',
  access: 'granted',
  body: userWish,
  response: { 201: createdUserSchema },
  handle: async ({ accounts }, { body }) => {
    const { name, uid, gid, ...keys } = body as Static<typeof userWish>;
    const pair = pairOf(keys);
    const { user, key } = await accounts.create({
      name,
      ...(pair !== undefined && { key: pair }),
      ...(uid !== undefined && { uid }),
      ...(gid !== undefined && { gid }),
    });
    return json(201, { ...answerOf(user), ...key });
  },
};

const deleteUser: AdminRow = {
  name: 'DeleteUser',
  method: 'DELETE',
  path: '/v1/users/:name',
  access: 'granted',
  params: userPath,
  response: {},
  handle: async ({ accounts, bucketsOf }, { params }) => {
    const { name } = params as Static<typeof userPath>;
    const user = accounts.list().find((it) => it.name === name);
    const owned = user === undefined ? [] : await bucketsOf(user.account.id);
    if (owned.length > 0) {
      const what =
        owned.length === 1 ? `the bucket ${owned[0]}` : `${owned.length} buckets, ${owned[0]} first`;
      throw new Fault('not-empty', 'user', `The user ${name} owns ${what}: delete what it owns before.`);
    }
    await accounts.remove(name);
    return nothing;
  },
};

const createUserKey: AdminRow = {
  name: 'CreateUserKey',
  method: 'POST',
  path: '/v1/users/:name/keys',
  access: 'granted',
  params: userPath,
  body: keyWish,
  response: { 201: keyPairSchema },
  handle: async ({ accounts }, { params, body }) => {
    const { name } = params as Static<typeof userPath>;
    const { accessKey, secretKey } = await accounts.addKey(name, pairOf(body as Static<typeof keyWish>));
    return json(201, { accessKey, secretKey });
  },
};

const deleteUserKey: AdminRow = {
  name: 'DeleteUserKey',
  method: 'DELETE',
  path: '/v1/users/:name/keys/:accessKey',
  access: 'granted',
  params: keyPath,
  response: {},
  handle: async ({ accounts }, { params }) => {
    const { name, accessKey } = params as Static<typeof keyPath>;
    await accounts.removeKey(name, accessKey);
    return nothing;
  },
};

/** Users and their keys. */
export const userRows: readonly AdminRow[] = [
  listUsers,
  createUser,
  deleteUser,
  createUserKey,
  deleteUserKey,
];
