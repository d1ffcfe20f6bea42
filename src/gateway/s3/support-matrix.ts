import type { Route } from './operation.ts';
import { operations } from './table.ts';
import { unbuiltOperations } from './unbuilt.ts';

const express = 'S3 Express One Zone; every bucket here is a general purpose bucket';
const metadataTables = 'Needs S3 Tables, which is another service';
const annotations = 'Not built; tags and metadata hold up to 2 KiB';

/** Why AWS has it and the gateway has not. One reason each; what is missing here is still to be built. */
const reasons: Readonly<Record<string, string>> = {
  CreateBucketMetadataConfiguration: metadataTables,
  CreateBucketMetadataTableConfiguration: metadataTables,
  CreateSession: express,
  DeleteBucketMetadataConfiguration: metadataTables,
  DeleteBucketMetadataTableConfiguration: metadataTables,
  DeleteObjectAnnotation: annotations,
  GetBucketAbac: 'Access by tags of buckets is not weighed, so it cannot be switched on',
  GetBucketMetadataConfiguration: metadataTables,
  GetBucketMetadataTableConfiguration: metadataTables,
  GetObjectAnnotation: annotations,
  GetObjectTorrent: 'AWS answers it for buckets made before 2022 only',
  ListDirectoryBuckets: express,
  ListObjectAnnotations: annotations,
  PutBucketAbac: 'Access by tags of buckets is not weighed, so it cannot be switched on',
  PutObjectAnnotation: annotations,
  SelectObjectContent: 'AWS has closed it to new customers',
  UpdateBucketMetadataAnnotationTableConfiguration: metadataTables,
  UpdateBucketMetadataInventoryTableConfiguration: metadataTables,
  UpdateBucketMetadataJournalTableConfiguration: metadataTables,
  UpdateObjectEncryption: 'A copy onto itself changes the encryption of an object',
  WriteGetObjectResponse: 'Needs AWS Lambda',
};

/** Operations of AWS that no request of this door can be told to be. */
const withoutRoute = ['ListDirectoryBuckets', 'WriteGetObjectResponse'];

/** Names of all operations in the document. */
export const documentedOperations = (): readonly string[] =>
  [...operations, ...unbuiltOperations].map(({ name }) => name).concat(withoutRoute);

/** docs/s3.md: every operation of the AWS API reference, and what becomes of a request for it. */
export function renderSupport(): string {
  const built = operations.map(({ name, route }) => [name, `\`${requestOf(route)}\``, 'yes']);
  const unbuilt = unbuiltOperations.map(({ name, route }) => [
    name,
    `\`${requestOf(route)}\``,
    reasonOf(name),
  ]);
  const others = withoutRoute.map((name) => [name, '', reasonOf(name)]);
  const rows = [...built, ...unbuilt, ...others].sort(([one = ''], [other = '']) => (one < other ? -1 : 1));
  const [done, all] = [operations.length, rows.length];
  return `${head}\n${done} of ${all} operations.\n\n${table([['operation', 'request', 'supported'], ...rows])}\n`;
}

const reasonOf = (name: string): string => `no: ${reasons[name] ?? 'not built yet'}`;

function requestOf({ method, level, query = {}, header }: Route): string {
  const path = { service: '/', bucket: '/bucket', object: '/bucket/key' }[level];
  const parameters = Object.entries(query).map(([name, value]) =>
    value === true ? name : `${name}=${value}`,
  );
  const target = parameters.length === 0 ? path : `${path}?${parameters.join('&')}`;
  return `${method} ${target}${header === undefined ? '' : ` with ${header}`}`;
}

/** In the form that prettier gives to a table, so that both leave each other's work alone. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_cell, index) =>
    Math.max(...rows.map((row) => row[index]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join(' | ')} |`;
  const [first = [], ...rest] = rows;
  return [line(first), line(widths.map((width) => '-'.repeat(width))), ...rest.map(line)].join('\n');
}

const head = `# S3 operations

Generated from the operation table by \`npm run docs\`; a test compares the two. The judge of every behaviour is the AWS API
reference; this page says what there is, and where the gateway decides otherwise.

## Where it differs from AWS

- Storage classes (\`x-amz-storage-class\`) stand for tiers (ADR 39). What is read, and what RestoreObject is for, is decided by
  where content lies: in an archive behind the cold tier it must be restored, whatever its class; everywhere else objects of
  \`GLACIER\` and \`DEEP_ARCHIVE\` can be read at once, and RestoreObject answers 200 as for an object that was restored before.
  Classes of other kinds of buckets are InvalidStorageClass, as on AWS.
- RenameObject works on every bucket. AWS has it for directory buckets only. \`x-amz-client-token\` makes a rename repeatable.
- DeleteObject and DeleteObjects take conditions on size and time of modification on every bucket, not only on directory buckets.
- Notification, replication, inventory, analytics, metrics, intelligent-tiering, accelerate and request payment
  configurations are checked, kept and returned. Nothing acts on them yet.
- A copy of an object that NFS has written, or that was uploaded in parts, gets an MD5 as its ETag: the gateway reads the
  bytes once for it. The content itself is shared, never copied.
- The ETag of an object that NFS has written is opaque and ends in \`-0\`; it changes with every change of content.
- Names that NFS made of bytes that are no UTF-8 are listed with replacement characters, and S3 cannot read them. A page of ListObjects
  that ends at such a name has NextMarker also without a delimiter: only it, not the last key, says where the next page begins.
`;
