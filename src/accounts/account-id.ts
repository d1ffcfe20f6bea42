import { hash } from 'node:crypto';
import type { Account } from './accounts.ts';

/** The account of the root keys. Its ids are the same in every gateway and outlive a change of keys. */
export const rootAccount: Account = {
  id: '000000000000',
  canonicalId: hash('sha256', 'terrace root account', 'hex'),
  displayName: 'root',
};

/** Derived, so that what an account owned names it rightly when its user is gone. */
const canonicalIdOf = (id: string): string => hash('sha256', `terrace account ${id}`, 'hex');

export const accountOf = (id: string, name: string): Account => ({
  id,
  canonicalId: canonicalIdOf(id),
  displayName: name,
});
