import type { Bucket, BucketConfigurationName, ObjectStore } from '../../namespace/namespace.ts';

/**
 * A configuration of the bucket as `putBucketDocument` kept it; `undefined` when it has none, which costs no read: the
 * bucket's own row says so.
 */
export async function bucketDocument(
  objects: ObjectStore,
  { ino, configurations }: Bucket,
  name: BucketConfigurationName,
): Promise<unknown> {
  if (!configurations.includes(name)) return undefined;
  const bytes = await objects.bucketConfiguration(ino, name);
  return bytes === undefined ? undefined : JSON.parse(Buffer.from(bytes).toString('utf8'));
}

/** A checked document as it is kept. */
export const documentBytes = (document: unknown): Uint8Array => Buffer.from(JSON.stringify(document));

/** Keeps a checked document, as JSON. */
export const putBucketDocument = (
  objects: ObjectStore,
  bucket: Bucket,
  { name, document }: { readonly name: BucketConfigurationName; readonly document: unknown },
): Promise<void> => objects.putBucketConfiguration(bucket, name, documentBytes(document));
