import { anonymousAccount } from '../../accounts/account-id.ts';
import { identityOf, type Identity } from '../../accounts/sessions.ts';
import { ANONYMOUS_ID } from '../../limits.ts';
import { accountArn, canonicalName, type Requester } from '../../policy/principal.ts';
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
  session: undefined,
};

/** By which names a principal is known; `undefined` for anonymous callers. */
export function identityOfPrincipal(principal: Principal): Identity | undefined {
  if (principal.isAnonymous) return undefined;
  return principal.session?.identity ?? identityOf(principal);
}

/** The last of its names: sessions of a role go by the role. IAM User Guide, aws:PrincipalArn. */
export const principalArn = (principal: Principal): string | undefined =>
  identityOfPrincipal(principal)?.names.at(-1);

/** The names that policies may have for a principal. */
export function requesterOf(principal: Principal): Requester {
  const identity = identityOfPrincipal(principal);
  if (identity === undefined) return { names: [], accountNames: [] };
  const { id, canonicalId } = principal.account;
  return { names: identity.names, accountNames: [accountArn(id), canonicalName(canonicalId)] };
}
