import { Type, type Static } from '@sinclair/typebox';
import { KEY_BYTES_MAX } from '../../limits.ts';
import type { Bucket } from '../../namespace/namespace.ts';
import { bucketDocument } from './bucket-document.ts';
import { S3Error } from './errors.ts';
import type { S3Parts } from './operation.ts';
import { xmlElement, xmlHead, xmlNamespace } from './xml.ts';

const keyFormat = Type.Object({
  SimplePrefix: Type.Optional(Type.Object({})),
  PartitionedPrefix: Type.Optional(
    Type.Object({
      PartitionDateSource: Type.Union([Type.Literal('EventTime'), Type.Literal('DeliveryTime')]),
    }),
  ),
});

const targetGrants = Type.Object({ Grant: Type.Array(Type.Object({ Permission: Type.String() })) });

/** AWS API reference, LoggingEnabled. */
const loggingEnabled = Type.Object({
  TargetBucket: Type.String({ minLength: 1 }),
  TargetPrefix: Type.String({ maxLength: KEY_BYTES_MAX / 2 }),
  TargetGrants: Type.Optional(targetGrants),
  TargetObjectKeyFormat: Type.Optional(keyFormat),
});

/** AWS API reference, BucketLoggingStatus: without a member, logging is off. */
export const loggingStatus = Type.Object({ LoggingEnabled: Type.Optional(loggingEnabled) });

export type LoggingEnabled = Static<typeof loggingEnabled>;

const invalidTarget = (message: string): S3Error => new S3Error('InvalidTargetBucketForLogging', { message });

/** What the schema cannot say. AWS API reference, PutBucketLogging. */
export async function checkLogging(
  { objects, accounts }: Pick<S3Parts, 'objects' | 'accounts'>,
  source: Bucket,
  { TargetBucket, TargetGrants, TargetObjectKeyFormat: format }: LoggingEnabled,
): Promise<void> {
  if (format?.SimplePrefix !== undefined && format.PartitionedPrefix !== undefined)
    throw new S3Error('MalformedXML');
  const target = await objects.bucket(TargetBucket);
  if (target === undefined) throw invalidTarget('The target bucket for logging does not exist');
  if (accounts.account(target.owner).id !== accounts.account(source.owner).id)
    throw invalidTarget('The owner for the bucket to be logged and the target bucket must be the same.');
  // Grants need ACLs, and AWS takes none for a bucket whose owner is enforced.
  if (TargetGrants !== undefined && TargetGrants.Grant.length > 0)
    throw new S3Error('AccessControlListNotSupported');
}

/** Where requests to the bucket are logged; a bucket without logging costs no read. */
export const loggingOf = async (
  objects: S3Parts['objects'],
  bucket: Bucket,
): Promise<LoggingEnabled | undefined> =>
  (await bucketDocument(objects, bucket, 'logging')) as LoggingEnabled | undefined;

/** Answer of GetBucketLogging. */
export function loggingDocument(enabled: LoggingEnabled | undefined): string {
  if (enabled === undefined) return `${xmlHead}<BucketLoggingStatus${xmlNamespace}/>`;
  const inner =
    `${xmlElement('TargetBucket', enabled.TargetBucket)}${xmlElement('TargetPrefix', enabled.TargetPrefix)}` +
    formatXml(enabled);
  return `${xmlHead}<BucketLoggingStatus${xmlNamespace}><LoggingEnabled>${inner}</LoggingEnabled></BucketLoggingStatus>`;
}

function formatXml({ TargetObjectKeyFormat: format }: LoggingEnabled): string {
  if (format === undefined) return '';
  const { PartitionedPrefix: partitioned } = format;
  const inner =
    partitioned === undefined
      ? '<SimplePrefix></SimplePrefix>'
      : `<PartitionedPrefix>${xmlElement('PartitionDateSource', partitioned.PartitionDateSource)}</PartitionedPrefix>`;
  return `<TargetObjectKeyFormat>${inner}</TargetObjectKeyFormat>`;
}
