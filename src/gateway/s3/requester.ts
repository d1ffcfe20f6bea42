import { anonymousAccount } from '../../accounts/account-id.ts';
import { ANONYMOUS_ID } from '../../limits.ts';
import { accountArn, canonicalName, userArn, type Requester } from '../../policy/principal.ts';
import type { Principal } from './operation.ts';

/** Who sends a request without a signature. */
export const anonymous: Principal = {
  account: anonymousAccount,
  isRoot: false,
  isAnonymous: true,
  accessKey: '',
  caller: { uid: ANONYMOUS_ID, gid: ANONYMOUS_ID, groups: [], bypassesModes: true },
  policies: undefined,
  sessionPolicies: undefined,
};

/** `undefined` for anonymous callers. */
export function principalArn({ account, isRoot, isAnonymous }: Principal): string | undefined {
  if (isAnonymous) return undefined;
  return isRoot ? accountArn(account.id) : userArn(account.id, account.displayName);
}

/** The names that policies may have for a principal. */
export function requesterOf(principal: Principal): Requester {
  const arn = principalArn(principal);
  if (arn === undefined) return { names: [], accountNames: [] };
  const { id, canonicalId } = principal.account;
  return { names: [arn], accountNames: [accountArn(id), canonicalName(canonicalId)] };
}
