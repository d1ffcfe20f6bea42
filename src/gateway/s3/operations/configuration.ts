import { Type } from '@sinclair/typebox';
import type { Account } from '../../../accounts/accounts.ts';
import { S3Error } from '../errors.ts';
import type { S3ErrorCode } from '../error-codes.ts';
import { bucketMembers, bucketOf, objectMembers, ownerElement, ownerOf } from '../members.ts';
import { operation, type Operation } from '../operation.ts';
import { missing, versionAt, versionMembers } from '../version.ts';
import { xmlElement, xmlHead, xmlNamespace } from '../xml.ts';

/**
 * Configuration that no bucket has yet. Clients read it before they do anything; the answers are what AWS gives for a
 * bucket where it was never set.
 */
const unset: readonly {
  readonly name: string;
  readonly subresource: string;
  readonly action: Operation['action'];
  readonly answer: S3ErrorCode | ((owner: Account) => string);
}[] = [
  {
    name: 'GetBucketAccelerateConfiguration',
    subresource: 'accelerate',
    action: 's3:GetAccelerateConfiguration',
    answer: () => `<AccelerateConfiguration${xmlNamespace}/>`,
  },
  {
    name: 'GetBucketAcl',
    subresource: 'acl',
    action: 's3:GetBucketAcl',
    answer: ownerControls,
  },
  {
    name: 'GetBucketLifecycleConfiguration',
    subresource: 'lifecycle',
    action: 's3:GetLifecycleConfiguration',
    answer: 'NoSuchLifecycleConfiguration',
  },
  {
    name: 'GetBucketLogging',
    subresource: 'logging',
    action: 's3:GetBucketLogging',
    answer: () => `<BucketLoggingStatus${xmlNamespace}/>`,
  },
  {
    name: 'GetBucketNotificationConfiguration',
    subresource: 'notification',
    action: 's3:GetBucketNotification',
    answer: () => `<NotificationConfiguration${xmlNamespace}/>`,
  },
  {
    name: 'GetBucketPolicy',
    subresource: 'policy',
    action: 's3:GetBucketPolicy',
    answer: 'NoSuchBucketPolicy',
  },
  {
    name: 'GetBucketReplication',
    subresource: 'replication',
    action: 's3:GetReplicationConfiguration',
    answer: 'ReplicationConfigurationNotFoundError',
  },
  {
    name: 'GetBucketRequestPayment',
    subresource: 'requestPayment',
    action: 's3:GetBucketRequestPayment',
    answer: () =>
      `<RequestPaymentConfiguration${xmlNamespace}>${xmlElement('Payer', 'BucketOwner')}</RequestPaymentConfiguration>`,
  },
  {
    name: 'GetBucketWebsite',
    subresource: 'website',
    action: 's3:GetBucketWebsite',
    answer: 'NoSuchWebsiteConfiguration',
  },
];

export const unsetConfigurations = unset.map(({ name, subresource, action, answer }) =>
  operation({
    name,
    route: { method: 'GET', level: 'bucket', query: { [subresource]: true } },
    action,
    input: Type.Object(bucketMembers.input),
    bindings: bucketMembers.bindings,
    success: 200,
    handle(context) {
      if (typeof answer === 'string')
        return Promise.reject(new S3Error(answer, { members: { BucketName: bucketOf(context).name } }));
      return Promise.resolve({ headers: [], body: xmlHead + answer(ownerOf(context)) });
    },
  }),
);

/** Object ownership is BucketOwnerEnforced: the owner has full control of everything, and nobody else any. */
function ownerControls(owner: Account): string {
  const grantee =
    '<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser">' +
    `${xmlElement('ID', owner.canonicalId)}${xmlElement('DisplayName', owner.displayName)}</Grantee>`;
  const grant = `<Grant>${grantee}${xmlElement('Permission', 'FULL_CONTROL')}</Grant>`;
  return `<AccessControlPolicy${xmlNamespace}>${ownerElement('Owner', owner)}<AccessControlList>${grant}</AccessControlList></AccessControlPolicy>`;
}

/** AWS API reference, GetObjectAcl. */
export const getObjectAcl = operation({
  name: 'GetObjectAcl',
  route: { method: 'GET', level: 'object', query: { acl: true } },
  action: 's3:GetObjectAcl',
  input: Type.Object({ ...objectMembers.input, ...versionMembers.input }),
  bindings: { ...objectMembers.bindings, ...versionMembers.bindings },
  success: 200,
  async handle(context, input) {
    const found = await context.parts.objects.head(versionAt(context, input));
    if (found === undefined) throw await missing(context, input);
    return { headers: [], body: xmlHead + ownerControls(ownerOf(context)) };
  },
});
