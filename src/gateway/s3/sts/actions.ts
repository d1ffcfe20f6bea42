import type { IssuedKeys } from '../../../accounts/sessions.ts';
import type { ActiveRole } from '../../../accounts/roles.ts';
import {
  CHAINED_SESSION_SECONDS_MAX,
  ROLE_SESSION_SECONDS_MAX,
  ROOT_SESSION_SECONDS_MAX,
  SESSION_POLICY_CHARS_MAX,
  SESSION_SECONDS_MIN,
  USER_SESSION_SECONDS_MAX,
} from '../../../limits.ts';
import { evaluate, type Question } from '../../../policy/evaluate.ts';
import { parsePolicy } from '../../../policy/parse.ts';
import { xmlElement } from '../xml.ts';
import { callerIdentity, ownVerdicts, questionOf, sessionOf, type StsCall, type StsCaller } from './call.ts';
import { ParameterReader, type TextRule } from './parameters.ts';
import { StsError } from './sts-error.ts';

/** One action of STS: the AWS API reference name and what it answers inside of `<…Result>`. */
export interface StsAction {
  readonly name: string;
  readonly handle: (call: StsCall) => string;
}

const name = (lengthMin: number, lengthMax: number): TextRule => ({
  isRequired: true,
  lengthMin,
  lengthMax,
  pattern: '[\\w+=,.@-]*',
});
const policyRule: TextRule = {
  isRequired: false,
  lengthMin: 1,
  lengthMax: SESSION_POLICY_CHARS_MAX,
  pattern: '[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+',
};
const arnRule: TextRule = {
  isRequired: true,
  lengthMin: 20,
  lengthMax: 2048,
  pattern: '[\\u0009\\u000A\\u000D\\u0020-\\u007E\\u0085\\u00A0-\\uD7FF\\uE000-\\uFFFD]+',
};
const externalIdRule: TextRule = {
  isRequired: false,
  lengthMin: 2,
  lengthMax: 1224,
  pattern: '[\\w+=,.@:\\/-]*',
};

/** They would cut a session down or name its bearer in other ways; there are no managed policies, tags or devices. */
const unsupported = ['PolicyArns', 'ProvidedContexts', 'SerialNumber', 'SourceIdentity', 'Tags', 'TokenCode'];

/** AWS STS API reference, AssumeRole. */
const assumeRole: StsAction = {
  name: 'AssumeRole',
  handle(call) {
    const reader = new ParameterReader(call.parameters);
    reader.refuse(unsupported);
    const limits = { min: SESSION_SECONDS_MIN, max: ROLE_SESSION_SECONDS_MAX, otherwise: 3600 };
    const seconds = reader.number('DurationSeconds', limits);
    const arn = reader.text('RoleArn', arnRule) ?? '';
    const sessionName = reader.text('RoleSessionName', name(2, 64)) ?? '';
    const policy = reader.text('Policy', policyRule);
    reader.text('ExternalId', externalIdRule);
    reader.finish();
    const role = assumable(call, arn);
    if (sessionOf(call.caller)?.kind === 'role' && seconds > CHAINED_SESSION_SECONDS_MAX)
      throw new StsError(
        'ValidationError',
        'The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining',
      );
    checkPolicy(policy);
    const subject = { kind: 'role', name: role.name, id: role.id, sessionName } as const;
    const keys = call.sessions.issue({ subject, seconds, policy });
    const user =
      xmlElement('AssumedRoleId', `${role.id}:${sessionName}`) +
      xmlElement('Arn', `arn:aws:sts::${role.account.id}:assumed-role/${role.name}/${sessionName}`);
    return `<AssumedRoleUser>${user}</AssumedRoleUser>${credentials(keys)}${packedSize(policy)}`;
  },
};

const arnForm = /^arn:aws:iam::(\d{12}):role\/([\w+=,.@-]+)$/;

/** The role, when its trust and the caller's own policies let the caller have it. */
function assumable(call: StsCall, arn: string): ActiveRole {
  const { caller, roles } = call;
  if (!arn.startsWith('arn:')) throw new StsError('ValidationError', `${arn} is invalid`);
  const role = roles.find(arnForm.exec(arn)?.[2] ?? '');
  const question = questionOf(call, { action: 'sts:AssumeRole', resource: arn });
  if (role?.arn === arn && isTrusted(role, caller, question)) return role;
  throw new StsError(
    'AccessDenied',
    `User: ${callerIdentity(caller).arn} is not authorized to perform: sts:AssumeRole on resource: ${arn}`,
  );
}

/**
 * In one account, a trust that names the caller itself is enough; else both sides must allow it. What cuts a session down
 * counts in either case. AWS: sessions of federated users assume no roles.
 */
function isTrusted(role: ActiveRole, caller: StsCaller, question: Question): boolean {
  const trust = evaluate(role.trusting, question);
  const { identity, session } = ownVerdicts(caller, question);
  if (session !== 'allow' || identity === 'deny' || sessionOf(caller)?.kind === 'federated') return false;
  const isSameAccount = role.account.id === caller.account.id;
  if (trust === 'allow') return identity === 'allow' || isSameAccount;
  return trust === 'delegate' && identity === 'allow';
}

/** AWS STS API reference, GetSessionToken. */
const getSessionToken: StsAction = {
  name: 'GetSessionToken',
  handle(call) {
    const { caller, sessions } = call;
    refuseSession(call, 'GetSessionToken');
    const reader = new ParameterReader(call.parameters);
    reader.refuse(unsupported);
    const limits = { min: SESSION_SECONDS_MIN, max: USER_SESSION_SECONDS_MAX, otherwise: 43_200 };
    const seconds = capped(call, reader.number('DurationSeconds', limits));
    reader.finish();
    const subject = {
      kind: 'user',
      accountId: caller.account.id,
      parentKey: caller.accessKey,
      federatedName: undefined,
    } as const;
    return credentials(sessions.issue({ subject, seconds, policy: undefined }));
  },
};

/** AWS STS API reference, GetFederationToken. */
const getFederationToken: StsAction = {
  name: 'GetFederationToken',
  handle(call) {
    const { caller, sessions } = call;
    refuseSession(call, 'GetFederationToken');
    const reader = new ParameterReader(call.parameters);
    reader.refuse(unsupported);
    const limits = { min: SESSION_SECONDS_MIN, max: USER_SESSION_SECONDS_MAX, otherwise: 43_200 };
    const seconds = capped(call, reader.number('DurationSeconds', limits));
    const federatedName = reader.text('Name', name(2, 32)) ?? '';
    const policy = reader.text('Policy', policyRule);
    reader.finish();
    const { id } = caller.account;
    const arn = `arn:aws:sts::${id}:federated-user/${federatedName}`;
    const question = questionOf(call, { action: 'sts:GetFederationToken', resource: arn });
    if (ownVerdicts(caller, question).identity !== 'allow')
      throw new StsError(
        'AccessDenied',
        `User: ${callerIdentity(caller).arn} is not authorized to perform: sts:GetFederationToken on resource: ${arn}`,
      );
    checkPolicy(policy);
    const subject = { kind: 'user', accountId: id, parentKey: caller.accessKey, federatedName } as const;
    const keys = sessions.issue({ subject, seconds, policy });
    const user = xmlElement('FederatedUserId', `${id}:${federatedName}`) + xmlElement('Arn', arn);
    return `${credentials(keys)}<FederatedUser>${user}</FederatedUser>${packedSize(policy)}`;
  },
};

/** AWS STS API reference, GetCallerIdentity. No permission is needed for it. */
const getCallerIdentity: StsAction = {
  name: 'GetCallerIdentity',
  handle({ caller }) {
    const { arn, userId } = callerIdentity(caller);
    return xmlElement('Arn', arn) + xmlElement('UserId', userId) + xmlElement('Account', caller.account.id);
  },
};

/** Every action that STS speaks here. */
export const stsActions: readonly StsAction[] = [
  assumeRole,
  getCallerIdentity,
  getFederationToken,
  getSessionToken,
];

function refuseSession({ caller }: StsCall, action: string): void {
  if (sessionOf(caller) !== undefined)
    throw new StsError('AccessDenied', `Cannot call ${action} with session credentials`);
}

/** AWS: sessions of who owns the account as a whole are cut to an hour. */
const capped = ({ caller }: StsCall, seconds: number): number =>
  caller.isRoot ? Math.min(seconds, ROOT_SESSION_SECONDS_MAX) : seconds;

function checkPolicy(policy: string | undefined): void {
  if (policy !== undefined) parsePolicy(policy, 'identity');
}

function credentials({ accessKey, secretKey, token, expiresAt }: IssuedKeys): string {
  const members =
    xmlElement('AccessKeyId', accessKey) +
    xmlElement('SecretAccessKey', secretKey) +
    xmlElement('SessionToken', token) +
    xmlElement('Expiration', `${new Date(expiresAt * 1000).toISOString().slice(0, 19)}Z`);
  return `<Credentials>${members}</Credentials>`;
}

/** How much of the room for session policies is used, in percent. */
const packedSize = (policy: string | undefined): string =>
  policy === undefined
    ? ''
    : xmlElement('PackedPolicySize', Math.ceil((policy.length * 100) / SESSION_POLICY_CHARS_MAX));
