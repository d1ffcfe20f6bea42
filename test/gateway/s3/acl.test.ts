import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { accountOf, anonymousAccount, ec2Account, rootAccount } from '../../../src/accounts/account-id.ts';
import type { Account, Accounts } from '../../../src/accounts/accounts.ts';
import {
  accessControlPolicy,
  aclDocument,
  type AccessControlPolicy,
} from '../../../src/gateway/s3/acl-document.ts';
import { headerWish, wholeWish, wishedAcl, type AclHeaders } from '../../../src/gateway/s3/acl-request.ts';
import {
  aclAllows,
  cannedAcl,
  groups,
  isPrivateAcl,
  isPublicAcl,
  privateAcl,
  type CannedAcl,
} from '../../../src/gateway/s3/acl.ts';
import { S3Error } from '../../../src/gateway/s3/errors.ts';
import { fromXml } from '../../../src/gateway/s3/xml-schema.ts';
import { parseXml } from '../../../src/gateway/s3/xml.ts';
import type { Grant, Permission } from '../../../src/namespace/access-control.ts';

const alice = accountOf('100000000001', 'alice');
const bob = accountOf('100000000002', 'bob');
const all: readonly Account[] = [rootAccount, anonymousAccount, ec2Account, alice, bob];
const accounts: Pick<Accounts, 'account' | 'accountOfCanonicalId'> = {
  account: (id) => all.find((it) => it.id === id) ?? rootAccount,
  accountOfCanonicalId: (canonicalId) => all.find((it) => it.canonicalId === canonicalId),
};

const permissions: readonly Permission[] = ['READ', 'WRITE', 'READ_ACP', 'WRITE_ACP', 'FULL_CONTROL'];
const owned = (...grants: Grant[]): { owner: string; grants: Grant[] } => ({ owner: alice.id, grants });
const to = (grantee: string, permission: Permission): Grant => ({ grantee, permission });

const answers = [
  { name: 'the owner may, without a grant', acl: owned(), asker: alice, want: 'WRITE_ACP', allowed: true },
  { name: 'others may not', acl: privateAcl(alice.id), asker: bob, want: 'READ', allowed: false },
  { name: 'the grantee may', acl: owned(to(bob.id, 'READ')), asker: bob, want: 'READ', allowed: true },
  { name: 'and nothing more', acl: owned(to(bob.id, 'READ')), asker: bob, want: 'READ_ACP', allowed: false },
  {
    name: 'nor anybody else',
    acl: owned(to(bob.id, 'READ')),
    asker: rootAccount,
    want: 'READ',
    allowed: false,
  },
  {
    name: 'full control is each of them',
    acl: owned(to(bob.id, 'FULL_CONTROL')),
    asker: bob,
    want: 'WRITE',
    allowed: true,
  },
  {
    name: 'all users are anonymous ones too',
    acl: owned(to('AllUsers', 'READ')),
    asker: anonymousAccount,
    want: 'READ',
    allowed: true,
  },
  {
    name: 'who signs is authenticated',
    acl: owned(to('AuthenticatedUsers', 'READ')),
    asker: bob,
    want: 'READ',
    allowed: true,
  },
  {
    name: 'who does not is not',
    acl: owned(to('AuthenticatedUsers', 'READ')),
    asker: anonymousAccount,
    want: 'READ',
    allowed: false,
  },
  {
    name: 'nobody is the log delivery',
    acl: owned(to('LogDelivery', 'WRITE')),
    asker: bob,
    want: 'WRITE',
    allowed: false,
  },
  {
    name: 'public grants can be ignored',
    acl: owned(to('AllUsers', 'READ')),
    asker: bob,
    want: 'READ',
    ignoresPublic: true,
    allowed: false,
  },
  {
    name: 'those to accounts then still count',
    acl: owned(to(bob.id, 'READ')),
    asker: bob,
    want: 'READ',
    ignoresPublic: true,
    allowed: true,
  },
] as const; // AWS, "Access control list (ACL) overview"

for (const { name, acl, asker, want, allowed, ...more } of answers) {
  test(`an ACL decides: ${name}`, () => {
    const ignoresPublic = 'ignoresPublic' in more;
    assert.equal(aclAllows(acl, { asker: asker.id, permission: want, ignoresPublic }), allowed);
  });
}

const canned: readonly {
  readonly name: CannedAcl;
  readonly extra: readonly Grant[];
  readonly isPublic?: true;
}[] = [
  { name: 'private', extra: [] },
  { name: 'public-read', extra: [to('AllUsers', 'READ')], isPublic: true },
  { name: 'public-read-write', extra: [to('AllUsers', 'READ'), to('AllUsers', 'WRITE')], isPublic: true },
  { name: 'authenticated-read', extra: [to('AuthenticatedUsers', 'READ')], isPublic: true },
  { name: 'aws-exec-read', extra: [to(ec2Account.id, 'READ')] },
  { name: 'bucket-owner-read', extra: [to(bob.id, 'READ')] },
  { name: 'bucket-owner-full-control', extra: [to(bob.id, 'FULL_CONTROL')] },
  { name: 'log-delivery-write', extra: [to('LogDelivery', 'WRITE'), to('LogDelivery', 'READ_ACP')] },
];

for (const { name, extra, isPublic = false } of canned) {
  test(`the canned ACL ${name} gives what AWS documents`, () => {
    const acl = cannedAcl(name, { owner: alice.id, bucketOwner: bob.id });
    assert.deepEqual(acl, owned(to(alice.id, 'FULL_CONTROL'), ...extra));
    assert.equal(isPublicAcl(acl), isPublic);
    assert.equal(isPrivateAcl(acl), extra.length === 0);
  });
}

test('a canned ACL names the owner of the bucket once', () => {
  for (const name of ['bucket-owner-read', 'bucket-owner-full-control'] as const)
    assert(isPrivateAcl(cannedAcl(name, { owner: alice.id, bucketOwner: alice.id })));
});

const hex = alice.canonicalId;
const headerCases = [
  {
    name: 'ids with and without quotes',
    headers: { grantRead: `id="${hex}", id=${bob.canonicalId}` },
    want: [to(alice.id, 'READ'), to(bob.id, 'READ')],
  },
  {
    name: 'groups',
    headers: { grantWriteAcp: `uri="${groups.AllUsers}"` },
    want: [to('AllUsers', 'WRITE_ACP')],
  },
  {
    name: 'several headers',
    headers: { grantFullControl: `id=${hex}`, grantReadAcp: `uri=${groups.LogDelivery}` },
    want: [to('LogDelivery', 'READ_ACP'), to(alice.id, 'FULL_CONTROL')],
  },
  { name: 'an empty header', headers: { grantRead: ' ' }, want: undefined },
  { name: 'no header', headers: {}, want: undefined },
  { name: 'an unknown id', headers: { grantRead: 'id="_foo"' }, want: 'InvalidArgument', text: 'Invalid id' },
  {
    name: 'a well-formed id of nobody',
    headers: { grantRead: `id=${'0'.repeat(64)}` },
    want: 'InvalidArgument',
    text: 'Invalid id',
  },
  {
    name: 'an unknown group',
    headers: { grantWrite: 'uri="http://acs.amazonaws.com/groups/none"' },
    want: 'InvalidArgument',
    text: 'Invalid group uri',
  },
  {
    name: 'another form',
    headers: { grantRead: 'name=alice' },
    want: 'InvalidArgument',
    text: 'Argument format not recognized',
  },
  {
    name: 'an open quote',
    headers: { grantRead: `id="${hex}` },
    want: 'InvalidArgument',
    text: 'Argument format not recognized',
  },
  {
    name: 'an e-mail address',
    headers: { grantRead: 'emailAddress="a@b.example"' },
    want: 'UnresolvableGrantByEmailAddress',
    text: 'The e-mail address you provided does not match any account on record.',
  },
  { name: 'an unknown canned ACL', headers: { acl: 'nonsense' }, want: 'InvalidArgument', text: '' },
  {
    name: 'canned and grants',
    headers: { acl: 'private', grantRead: `id=${hex}` },
    want: 'InvalidRequest',
    text: 'Specifying both Canned ACLs and Header Grants is not allowed',
  },
  {
    name: 'more than 100 grants',
    headers: { grantRead: Array.from({ length: 101 }, () => `id=${hex}`).join() },
    want: 'MalformedACLError',
    text: 'The XML you provided was not well-formed or did not validate against our published schema',
  },
] as const satisfies readonly { name: string; headers: AclHeaders; want: unknown; text?: string }[];

for (const { name, headers, want, ...more } of headerCases) {
  test(`ACL headers: ${name}`, () => {
    if (typeof want !== 'string')
      return assert.deepEqual(
        headerWish(accounts, headers),
        want && { kind: 'grants', grants: want, owner: undefined },
      );
    const isRight = (error: unknown): boolean =>
      error instanceof S3Error && error.code === want && error.message === ('text' in more ? more.text : '');
    assert.throws(() => headerWish(accounts, headers), isRight);
  });
}

test('any header is an ACL or an error of S3, and never more than 100 grants', () => {
  const piece = fc.oneof(
    fc.string({ maxLength: 12 }),
    fc.constantFrom('id=', 'uri=', 'emailAddress=', '"', ',', hex, groups.AllUsers, `id=${hex}`, ' '),
  );
  const value = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(''));
  fc.assert(
    fc.property(
      fc.record({ acl: value, grantRead: value, grantWrite: value }, { requiredKeys: [] }),
      (headers) => {
        try {
          const wish = headerWish(accounts, headers);
          if (wish?.kind === 'grants') assert(wish.grants.length > 0 && wish.grants.length <= 100);
        } catch (error) {
          assert(error instanceof S3Error);
        }
      },
    ),
  );
});

const policyOf = (document: string): AccessControlPolicy =>
  fromXml(accessControlPolicy, parseXml([Buffer.from(document)])) as AccessControlPolicy;

test('what is answered can be sent back and means the same', () => {
  const grant = fc.record({
    grantee: fc.constantFrom(...all.map(({ id }) => id), ...Object.keys(groups)),
    permission: fc.constantFrom(...permissions),
  });
  fc.assert(
    fc.property(fc.array(grant, { maxLength: 100 }), (grants) => {
      const document = aclDocument(accounts, { owner: alice.id, grants });
      const wish = wholeWish(accounts, {}, policyOf(document));
      assert(wish.kind === 'grants');
      assert.equal(wish.owner, alice.id);
      const sorted = (list: readonly Grant[]): string[] => list.map((it) => JSON.stringify(it)).sort();
      assert.deepEqual(sorted(wish.grants), sorted(grants));
      assert.equal(
        aclDocument(accounts, wishedAcl(wish, { owner: alice.id, bucketOwner: bob.id })),
        document,
      );
    }),
  );
});
