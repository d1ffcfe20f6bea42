import { hash } from 'node:crypto';
import type { Account } from './accounts.ts';

/** The account of the root keys. Its ids are the same in every gateway and outlive a change of keys. */
export const rootAccount: Account = {
  id: '000000000000',
  canonicalId: hash('sha256', 'terrace root account', 'hex'),
  displayName: 'root',
};

/** Who does not sign. The id is AWS's own: what it owns looks the same in every S3. */
export const anonymousAccount: Account = {
  id: 'anonymous',
  canonicalId: '65a011a29cdf8ec533ec3d1ccaae921c',
  displayName: 'anonymous',
};

/** The service that the canned ACL aws-exec-read names. Nobody has its keys here. */
export const ec2Account: Account = {
  id: 'ec2',
  canonicalId: '6aa5a366c34c1cbe25dc49211496e913e0351eb0e8c37aa3477e40942ec6b97c',
  displayName: 'za-team',
};

/** Derived, so that what an account owned names it rightly when its user is gone. */
const canonicalIdOf = (id: string): string => hash('sha256', `terrace account ${id}`, 'hex');

export const accountOf = (id: string, name: string): Account => ({
  id,
  canonicalId: canonicalIdOf(id),
  displayName: name,
});
