import type { Account, Accounts } from '../../accounts/accounts.ts';
import { ACL_GRANTS_MAX } from '../../limits/s3.ts';
import type { AccessControl, Grant, Permission } from '../../namespace/access-control.ts';
import type { AccessControlPolicy, GranteeElement } from './acl-document.ts';
import { cannedAcl, groups, isCannedAcl, type CannedAcl, type Group, type Owners } from './acl.ts';
import { invalidArgument, S3Error } from './errors.ts';

/** Input members of aclMembers. */
export interface AclHeaders {
  readonly acl?: string;
  readonly grantFullControl?: string;
  readonly grantRead?: string;
  readonly grantReadAcp?: string;
  readonly grantWrite?: string;
  readonly grantWriteAcp?: string;
}

/** What a request says about an ACL, checked. */
export type AclWish =
  | { readonly kind: 'canned'; readonly name: CannedAcl }
  | {
      readonly kind: 'grants';
      readonly grants: readonly Grant[];
      /** Id of the account that a document calls the owner; headers name none. */
      readonly owner: string | undefined;
    };

type Directory = Pick<Accounts, 'accountOfCanonicalId'>;

/** The ACL that a wish comes to; `undefined` means what is written when nothing is said. */
export function wishedAcl(wish: AclWish | undefined, owners: Owners): AccessControl {
  if (wish?.kind === 'grants') return { owner: owners.owner, grants: wish.grants };
  return cannedAcl(wish?.name ?? 'private', owners);
}

/** The wish in the headers; `undefined` when there are none. AWS API reference, PutObject; texts as the service sends them. */
export function headerWish(accounts: Directory, headers: AclHeaders): AclWish | undefined {
  const grants = headerGrants(accounts, headers);
  const { acl } = headers;
  if (acl !== undefined && grants.length > 0)
    throw new S3Error('InvalidRequest', {
      message: 'Specifying both Canned ACLs and Header Grants is not allowed',
    });
  if (acl !== undefined && !isCannedAcl(acl)) throw invalidArgument('', 'x-amz-acl', acl);
  if (acl !== undefined) return { kind: 'canned', name: acl };
  if (grants.length > ACL_GRANTS_MAX) throw new S3Error('MalformedACLError');
  return grants.length === 0 ? undefined : { kind: 'grants', grants, owner: undefined };
}

/** The wish of PutBucketAcl and PutObjectAcl: in headers or in the body, never in both, and never in none. */
export function wholeWish(
  accounts: Directory,
  headers: AclHeaders,
  policy: AccessControlPolicy | undefined,
): AclWish {
  const wish = headerWish(accounts, headers);
  if (wish !== undefined && policy !== undefined) throw new S3Error('UnexpectedContent');
  if (wish !== undefined) return wish;
  if (policy !== undefined) return documentWish(accounts, policy);
  throw new S3Error('MissingSecurityHeader', { members: { MissingHeaderName: 'x-amz-acl' } });
}

/** An ACL cannot give its resource away. */
export function refuseAnotherOwner(wish: AclWish, owner: string): void {
  if (wish.kind === 'grants' && (wish.owner ?? owner) !== owner) throw new S3Error('AccessDenied');
}

function documentWish(accounts: Directory, { Owner, AccessControlList }: AccessControlPolicy): AclWish {
  const owner = accountOf(accounts, Owner.ID, 'CanonicalUser/ID').id;
  const grants = AccessControlList.Grant.map(({ Grantee, Permission: permission }) => ({
    grantee: granteeOf(accounts, Grantee),
    permission,
  }));
  return { kind: 'grants', grants, owner };
}

function granteeOf(accounts: Directory, element: GranteeElement): string {
  switch (element['@type']) {
    case 'CanonicalUser':
      return accountOf(accounts, element.ID ?? '', 'CanonicalUser/ID').id;
    case 'Group':
      return groupOf(element.URI ?? '', 'Group/URI');
    case 'AmazonCustomerByEmail':
      throw unresolvableEmail();
  }
}

const headerPermissions: readonly (readonly [
  member: Exclude<keyof AclHeaders, 'acl'>,
  header: string,
  Permission,
])[] = [
  ['grantRead', 'x-amz-grant-read', 'READ'],
  ['grantWrite', 'x-amz-grant-write', 'WRITE'],
  ['grantReadAcp', 'x-amz-grant-read-acp', 'READ_ACP'],
  ['grantWriteAcp', 'x-amz-grant-write-acp', 'WRITE_ACP'],
  ['grantFullControl', 'x-amz-grant-full-control', 'FULL_CONTROL'],
];

function headerGrants(accounts: Directory, headers: AclHeaders): readonly Grant[] {
  const grants: Grant[] = [];
  for (const [member, name, permission] of headerPermissions) {
    const value = headers[member];
    if (value === undefined || value.trim() === '') continue;
    for (const one of value.split(',')) {
      grants.push({ grantee: headerGrantee(accounts, name, one.trim()), permission });
    }
  }
  return grants;
}

/** `id="…"`, `uri="…"` or `emailAddress="…"`, also without quotes. */
const granteeForm = /^(id|uri|emailAddress)\s*=\s*(?:"([^"]*)"|([^"]*))$/;

function headerGrantee(accounts: Directory, header: string, text: string): string {
  const found = granteeForm.exec(text);
  if (found === null) throw invalidArgument('Argument format not recognized', header, text);
  const [, form = '', quoted, plain = ''] = found;
  const value = quoted ?? plain;
  if (form === 'emailAddress') throw unresolvableEmail();
  return form === 'uri' ? groupOf(value, 'uri') : accountOf(accounts, value, 'id').id;
}

function accountOf(accounts: Directory, canonicalId: string, argument: string): Account {
  const account = accounts.accountOfCanonicalId(canonicalId);
  if (account === undefined) throw invalidArgument('Invalid id', argument, canonicalId);
  return account;
}

const groupOfUri = new Map(Object.entries(groups).map(([name, uri]) => [uri as string, name as Group]));

function groupOf(uri: string, argument: string): Group {
  const group = groupOfUri.get(uri);
  if (group === undefined) throw invalidArgument('Invalid group uri', argument, uri);
  return group;
}

/** Accounts have no addresses here, and AWS has stopped to take them as well. */
const unresolvableEmail = (): S3Error => new S3Error('UnresolvableGrantByEmailAddress');
