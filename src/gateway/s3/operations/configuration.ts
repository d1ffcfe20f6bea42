import { Type } from '@sinclair/typebox';
import { S3Error } from '../errors.ts';
import type { S3ErrorCode } from '../error-codes.ts';
import { bucketMembers, bucketOf } from '../members.ts';
import { operation, type Operation } from '../operation.ts';
import { xmlHead, xmlNamespace } from '../xml.ts';

/**
 * Configuration that no bucket has yet. Clients read it before they do anything; the answers are what AWS gives for a
 * bucket where it was never set.
 */
const unset: readonly {
  readonly name: string;
  readonly subresource: string;
  readonly action: Operation['action'];
  readonly answer: S3ErrorCode | (() => string);
}[] = [
  {
    name: 'GetBucketLogging',
    subresource: 'logging',
    action: 's3:GetBucketLogging',
    answer: () => `<BucketLoggingStatus${xmlNamespace}/>`,
  },
  {
    name: 'GetBucketReplication',
    subresource: 'replication',
    action: 's3:GetReplicationConfiguration',
    answer: 'ReplicationConfigurationNotFoundError',
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
      return Promise.resolve({ headers: [], body: xmlHead + answer() });
    },
  }),
);
