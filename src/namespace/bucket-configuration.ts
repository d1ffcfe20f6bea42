import { Fault } from '../fault.ts';
import { BUCKET_CONFIGURATION_BYTES_MAX } from '../limits.ts';
import { noSuchBucket } from './attributes.ts';
import { bucketOf } from './buckets.ts';
import { bucketKey, configurationKey } from './keys.ts';
import type { ObjectOwnership } from './access-control.ts';
import type { Bucket, BucketConfigurationName, Ino } from './namespace.ts';
import type { Parts } from './parts.ts';
import { encodeBucket } from './records.ts';

/** See ObjectStore.bucketConfiguration. */
export async function bucketConfiguration(
  { kv }: Pick<Parts, 'kv'>,
  bucket: Ino,
  name: BucketConfigurationName,
): Promise<Uint8Array | undefined> {
  return kv.get(configurationKey(bucket, name));
}

interface DocumentChange {
  readonly name: BucketConfigurationName;
  readonly document: Uint8Array | undefined;
  /** With it, nothing changes unless this is the document now. */
  readonly from?: { readonly document: Uint8Array | undefined };
}

/**
 * See ObjectStore.putBucketConfiguration, replaceBucketConfiguration and deleteBucketConfiguration (no document). The bucket's row lists the names, so
 * that who has read the row knows what there is; the row's change also keeps a document out of a bucket that goes.
 */
export async function changeBucketConfiguration(
  { kv }: Pick<Parts, 'kv'>,
  { ino, name: bucketName }: Pick<Bucket, 'ino' | 'name'>,
  { name, document, from }: DocumentChange,
): Promise<boolean> {
  if (document !== undefined && document.length > BUCKET_CONFIGURATION_BYTES_MAX)
    throw new Fault('too-large', 'bucket', `${name} of ${document.length} bytes`);
  return kv.transact('durable', async (tx) => {
    const known = await bucketOf(tx, bucketName);
    if (known?.ino !== ino) throw noSuchBucket(bucketName);
    if (from !== undefined && !isSame(await tx.get(configurationKey(ino, name)), from.document)) return false;
    const others = known.configurations.filter((it) => it !== name);
    const isListed = others.length < known.configurations.length;
    if (document !== undefined) tx.put(configurationKey(ino, name), document);
    else if (isListed) tx.delete(configurationKey(ino, name));
    if (isListed === (document !== undefined)) return true;
    const configurations = document === undefined ? others : [...others, name];
    tx.put(bucketKey(bucketName), encodeBucket({ ...known, configurations }));
    return true;
  });
}

const isSame = (one: Uint8Array | undefined, other: Uint8Array | undefined): boolean =>
  one === undefined || other === undefined ? one === other : Buffer.compare(one, other) === 0;
/** See ObjectStore.setBucketOwnership. */
export async function setBucketOwnership(
  { kv }: Pick<Parts, 'kv'>,
  { ino, name }: Pick<Bucket, 'ino' | 'name'>,
  objectOwnership: ObjectOwnership | undefined,
): Promise<void> {
  await kv.transact('durable', async (tx) => {
    const known = await bucketOf(tx, name);
    if (known?.ino !== ino) throw noSuchBucket(name);
    tx.put(bucketKey(name), encodeBucket({ ...known, objectOwnership }));
  });
}
