import type { Accounts, Credential } from '../../../accounts/accounts.ts';
import type { Roles } from '../../../accounts/roles.ts';
import { identityOf, type Identity, type Session, type Sessions } from '../../../accounts/sessions.ts';
import type { Time } from '../../../environment.ts';
import { evaluateAll, type Question, type Verdict } from '../../../policy/evaluate.ts';
import type { Policy } from '../../../policy/policy.ts';
import { accountArn, canonicalName } from '../../../policy/principal.ts';
import type { Parameters } from './parameters.ts';

/** Who calls: a permanent key, or temporary ones. */
export type StsCaller = Credential | Session;

/** What an action works with. */
export interface StsCall {
  readonly caller: StsCaller;
  readonly parameters: Parameters;
  readonly accounts: Accounts;
  readonly roles: Roles;
  readonly sessions: Sessions;
  readonly now: Time;
}

export const sessionOf = (caller: StsCaller): Session | undefined => ('kind' in caller ? caller : undefined);

export const callerIdentity = (caller: StsCaller): Identity =>
  sessionOf(caller)?.identity ?? identityOf(caller);

/** An action on a resource, as policies see it. */
export function questionOf(
  { caller, parameters, now }: StsCall,
  { action, resource }: { readonly action: string; readonly resource: string },
): Question {
  const { account } = caller;
  const { userId, names } = callerIdentity(caller);
  const instant = new Date(now.seconds * 1000).toISOString();
  const values: Readonly<Record<string, string | undefined>> = {
    'aws:currenttime': instant,
    'aws:epochtime': String(now.seconds),
    'aws:principalaccount': account.id,
    'aws:principalarn': names.at(-1),
    'aws:userid': userId,
    'sts:externalid': parameters.get('ExternalId'),
    'sts:rolesessionname': parameters.get('RoleSessionName'),
  };
  const lookup = (key: string): readonly string[] | undefined => {
    const value = Object.hasOwn(values, key) ? values[key] : undefined;
    return value === undefined ? undefined : [value];
  };
  const accountNames = [accountArn(account.id), canonicalName(account.canonicalId)];
  return { action, resource, requester: { names, accountNames }, lookup };
}

/** What the caller's own policies say of each kind; where there are none, it may do whatever its account may. */
export interface OwnVerdicts {
  readonly identity: Verdict;
  readonly session: Verdict;
}

export function ownVerdicts(caller: StsCaller, question: Question): OwnVerdicts {
  const session = sessionOf(caller);
  const of = (policies: readonly Policy[] | undefined): Verdict =>
    policies === undefined ? 'allow' : evaluateAll(policies, question);
  return { identity: of(caller.policies), session: of(session?.sessionPolicies) };
}
