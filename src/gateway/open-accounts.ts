import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { Accounts } from '../accounts/accounts.ts';
import { openAccounts } from '../accounts/open-accounts.ts';
import { openRoles, type Roles } from '../accounts/roles.ts';
import { Sessions } from '../accounts/sessions.ts';
import type { Config } from '../config.ts';
import type { Environment, Random } from '../environment.ts';
import { Fault } from '../fault.ts';
import type { Kv } from '../kv/kv.ts';
import { SECRETS_KEY_BYTES } from '../limits.ts';
import { readPrivateFile, writePrivateFile } from './private-file.ts';
import type { RootKeys } from './root-keys.ts';

/** In the data directory; only its owner can read it. Seals the secret keys of users and the key ring in the store. */
export const secretsKeyPath = ({ data }: Pick<Config, 'data'>): string => path.join(data, 'secrets.key');

/** Who may call, and what for. */
export interface Identities {
  readonly accounts: Accounts;
  readonly roles: Roles;
  readonly sessions: Sessions;
}

/** Root, the users and roles of the store and those of the config. */
export async function openGatewayAccounts(
  config: Config,
  rootKeys: RootKeys,
  given: { readonly kv: Kv; readonly environment: Environment; readonly secretsKey: Uint8Array },
): Promise<Identities> {
  const { kv, environment, secretsKey } = given;
  // Files that S3 makes belong to whom the data directory belongs to, usually the user that started the gateway, unless
  // the user has ids of its own.
  const { uid, gid } = await stat(config.data);
  const { accessKey, secretKey } = rootKeys;
  const accounts = await openAccounts({
    ...given,
    root: { accessKey, secretKey, uid, gid },
    declared: config.users.map((user) => ({ uid, gid, ...user, policies: user.policies.map(documentText) })),
  });
  const declared = config.roles.map((role) => ({
    ...role,
    trust: documentText(role.trust),
    policies: role.policies.map(documentText),
  }));
  const roles = await openRoles({ kv, environment, accounts, declared });
  return { accounts, roles, sessions: new Sessions({ environment, accounts, roles, secretsKey }) };
}

/** Policies of the config are JSON, or the same written as YAML. */
const documentText = (document: string | object): string =>
  typeof document === 'string' ? document : JSON.stringify(document);

/** Made at the first start and kept durably before anything is sealed with it. */
export async function openSecretsKey(random: Random, file: string): Promise<Uint8Array> {
  const kept = await readPrivateFile(file);
  if (kept !== undefined) {
    const key = Buffer.from(kept.trim(), 'hex');
    if (key.length === SECRETS_KEY_BYTES) return key;
    throw new Fault(
      'corrupt',
      'store',
      `${file} holds no key: bring it back from a copy of the data directory`,
    );
  }
  const made = random.bytes(SECRETS_KEY_BYTES);
  await writePrivateFile(file, `${Buffer.from(made).toString('hex')}\n`);
  return made;
}
