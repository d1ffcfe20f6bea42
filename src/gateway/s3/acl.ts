import { anonymousAccount, ec2Account } from '../../accounts/account-id.ts';
import type { AccessControl, Grant, Permission } from '../../namespace/access-control.ts';

/** AWS, "Amazon S3 predefined groups". A grantee is one of these names or the id of an account. */
export const groups = {
  AllUsers: 'http://acs.amazonaws.com/groups/global/AllUsers',
  AuthenticatedUsers: 'http://acs.amazonaws.com/groups/global/AuthenticatedUsers',
  LogDelivery: 'http://acs.amazonaws.com/groups/s3/LogDelivery',
} as const;

export type Group = keyof typeof groups;

export const isGroup = (grantee: string): grantee is Group => Object.hasOwn(groups, grantee);

/** AWS, "Using public access block": both groups have members that the owner does not know. */
const isPublicGroup = (grantee: string): boolean =>
  grantee === 'AllUsers' || grantee === 'AuthenticatedUsers';

/** Whether it lets in anybody whom the owner does not know. */
export const isPublicAcl = ({ grants }: Pick<AccessControl, 'grants'>): boolean =>
  grants.some(({ grantee }) => isPublicGroup(grantee));

/** What a new bucket or object has: AWS, "Access control list (ACL) overview". */
export const privateAcl = (owner: string): AccessControl => ({
  owner,
  grants: [{ grantee: owner, permission: 'FULL_CONTROL' }],
});

/** Whether it says that the owner has full control, and nothing else. */
export function isPrivateAcl({ owner, grants }: AccessControl): boolean {
  const [grant] = grants;
  return grants.length === 1 && grant?.grantee === owner && grant.permission === 'FULL_CONTROL';
}

export interface AclQuestion {
  /** Id of the account that asks; that of the anonymous account for requests without a signature. */
  readonly asker: string;
  readonly permission: Permission;
  /** The public access block IgnorePublicAcls. */
  readonly ignoresPublic: boolean;
}

/**
 * May the asker do what the permission stands for? The owner always may: also without a grant it can read and write the
 * ACL, and with that give itself the rest.
 */
export function aclAllows(acl: AccessControl, question: AclQuestion): boolean {
  if (question.asker === acl.owner) return true;
  return acl.grants.some((grant) => grantAllows(grant, question));
}

function grantAllows({ grantee, permission: given }: Grant, question: AclQuestion): boolean {
  if (given !== 'FULL_CONTROL' && given !== question.permission) return false;
  if (question.ignoresPublic && isPublicGroup(grantee)) return false;
  if (grantee === 'AllUsers') return true;
  if (grantee === 'AuthenticatedUsers') return question.asker !== anonymousAccount.id;
  return grantee === question.asker;
}

/** Whose they are: the owner of what the ACL is about, and the owner of its bucket. */
export interface Owners {
  readonly owner: string;
  readonly bucketOwner: string;
}

type Extra = (owners: Owners) => readonly Grant[];

const bucketOwnerHas =
  (permission: Permission): Extra =>
  ({ owner, bucketOwner }) =>
    owner === bucketOwner ? [] : [{ grantee: bucketOwner, permission }];

/** AWS, "Canned ACL": what each gives besides full control to the owner. */
const canned = {
  private: () => [],
  'public-read': () => [{ grantee: 'AllUsers', permission: 'READ' }],
  'public-read-write': () => [
    { grantee: 'AllUsers', permission: 'READ' },
    { grantee: 'AllUsers', permission: 'WRITE' },
  ],
  'authenticated-read': () => [{ grantee: 'AuthenticatedUsers', permission: 'READ' }],
  'aws-exec-read': () => [{ grantee: ec2Account.id, permission: 'READ' }],
  'bucket-owner-read': bucketOwnerHas('READ'),
  'bucket-owner-full-control': bucketOwnerHas('FULL_CONTROL'),
  'log-delivery-write': () => [
    { grantee: 'LogDelivery', permission: 'WRITE' },
    { grantee: 'LogDelivery', permission: 'READ_ACP' },
  ],
} as const satisfies Readonly<Record<string, Extra>>;

export type CannedAcl = keyof typeof canned;

export const isCannedAcl = (name: string): name is CannedAcl => Object.hasOwn(canned, name);

export function cannedAcl(name: CannedAcl, owners: Owners): AccessControl {
  const { owner, grants } = privateAcl(owners.owner);
  return { owner, grants: [...grants, ...canned[name](owners)] };
}
