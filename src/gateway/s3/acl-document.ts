import { Type, type Static } from '@sinclair/typebox';
import type { Accounts } from '../../accounts/accounts.ts';
import { ACL_GRANTS_MAX } from '../../limits/s3.ts';
import type { AccessControl, Grant } from '../../namespace/access-control.ts';
import { groups, isGroup } from './acl.ts';
import { aclMembers, ownerElement, text } from './members.ts';
import { xmlElement, xmlHead, xmlNamespace } from './xml.ts';

const grantee = Type.Object({
  '@type': Type.Union([
    Type.Literal('CanonicalUser'),
    Type.Literal('Group'),
    Type.Literal('AmazonCustomerByEmail'),
  ]),
  ID: text,
  DisplayName: text,
  EmailAddress: text,
  URI: text,
});

const permission = Type.Union([
  Type.Literal('READ'),
  Type.Literal('WRITE'),
  Type.Literal('READ_ACP'),
  Type.Literal('WRITE_ACP'),
  Type.Literal('FULL_CONTROL'),
]);

/** AWS API reference, AccessControlPolicy. */
export const accessControlPolicy = Type.Object({
  Owner: Type.Object({ ID: Type.String(), DisplayName: text }),
  AccessControlList: Type.Object({
    Grant: Type.Array(Type.Object({ Grantee: grantee, Permission: permission }), {
      maxItems: ACL_GRANTS_MAX,
    }),
  }),
});

/** Members of PutBucketAcl and PutObjectAcl: headers or a document. */
export const putAclMembers = {
  input: { ...aclMembers.input, policy: Type.Optional(accessControlPolicy) },
  bindings: {
    ...aclMembers.bindings,
    policy: { in: 'xml', root: 'AccessControlPolicy', integrity: 'optional', malformed: 'MalformedACLError' },
  },
} as const;

export type AccessControlPolicy = Static<typeof accessControlPolicy>;
export type GranteeElement = Static<typeof grantee>;

/** Answer of GetBucketAcl and GetObjectAcl. A list is a set: grants to groups come first, as most clients look for them. */
export function aclDocument(accounts: Pick<Accounts, 'account'>, { owner, grants }: AccessControl): string {
  const shown = [
    ...grants.filter(({ grantee: who }) => isGroup(who)),
    ...grants.filter(({ grantee: who }) => !isGroup(who)),
  ];
  return (
    `${xmlHead}<AccessControlPolicy${xmlNamespace}>${ownerElement('Owner', accounts.account(owner))}` +
    `<AccessControlList>${shown.map((grant) => grantXml(accounts, grant)).join('')}</AccessControlList></AccessControlPolicy>`
  );
}

const grantXml = (accounts: Pick<Accounts, 'account'>, { grantee: who, permission: what }: Grant): string =>
  `<Grant>${granteeXml(accounts, who)}${xmlElement('Permission', what)}</Grant>`;

const instance = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"';

function granteeXml(accounts: Pick<Accounts, 'account'>, who: string): string {
  if (isGroup(who))
    return `<Grantee ${instance} xsi:type="Group">${xmlElement('URI', groups[who])}</Grantee>`;
  const { canonicalId, displayName } = accounts.account(who);
  const members = xmlElement('ID', canonicalId) + xmlElement('DisplayName', displayName);
  return `<Grantee ${instance} xsi:type="CanonicalUser">${members}</Grantee>`;
}
