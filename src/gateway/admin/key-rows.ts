import type { Static } from '@sinclair/typebox';
import type { Keyring, RingKey } from '../../keyring/keyring.ts';
import { keyListSchema, keyPathSchema, keySchema, keyWishSchema, type KeyAnswer } from './keys.ts';
import { isoTime, json, type AdminRow } from './row.ts';

const answerOf = ({ id, arn, alias, purpose, state, ...key }: RingKey): KeyAnswer => ({
  id,
  arn,
  ...(alias !== undefined && { alias }),
  purpose,
  state,
  createdAt: isoTime(key.createdAt),
  version: key.version,
  oldVersions: [...key.oldVersions],
  ...(key.progress !== undefined && {
    progress: {
      running: key.progress.isRunning,
      examined: key.progress.examined,
      matched: key.progress.matched,
    },
  }),
});

const listKeys: AdminRow = {
  name: 'ListKeys',
  method: 'GET',
  path: '/v1/keys',
  access: 'granted',
  response: { 200: keyListSchema },
  handle: async ({ keyring }) => json(200, { keys: keyring.list().map(answerOf) }),
};

const createKey: AdminRow = {
  name: 'CreateKey',
  method: 'POST',
  path: '/v1/keys',
  access: 'granted',
  body: keyWishSchema,
  response: { 201: keySchema },
  handle: async ({ keyring }, { body }) => {
    const { alias } = body as Static<typeof keyWishSchema>;
    return json(201, answerOf(await keyring.create(alias)));
  },
};

/** A row that does one thing to one key and answers what the key is then. */
const keyRow = (
  row: Pick<AdminRow, 'name' | 'method' | 'path'>,
  change: (keyring: Keyring, key: string) => Promise<RingKey>,
): AdminRow => ({
  ...row,
  access: 'granted',
  params: keyPathSchema,
  response: { 200: keySchema },
  handle: async ({ keyring }, { params }) => {
    const { key } = params as Static<typeof keyPathSchema>;
    return json(200, answerOf(await change(keyring, key)));
  },
});

/** The key ring. */
export const keyRows: readonly AdminRow[] = [
  listKeys,
  createKey,
  keyRow({ name: 'RotateKey', method: 'POST', path: '/v1/keys/:key/rotate' }, (keyring, key) =>
    keyring.rotate(key),
  ),
  keyRow({ name: 'DisableKey', method: 'POST', path: '/v1/keys/:key/disable' }, (keyring, key) =>
    keyring.setState(key, 'disabled'),
  ),
  keyRow({ name: 'EnableKey', method: 'POST', path: '/v1/keys/:key/enable' }, (keyring, key) =>
    keyring.setState(key, 'enabled'),
  ),
  keyRow({ name: 'DeleteKey', method: 'DELETE', path: '/v1/keys/:key' }, (keyring, key) =>
    keyring.remove(key),
  ),
];
