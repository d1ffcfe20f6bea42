import { Fault } from '../fault.ts';
import type { EncryptionWish } from './encryption.ts';

/**
 * What new content of a bucket is encrypted with unless the request says otherwise: the bucket's configuration document
 * `encryption`. Below the door too, because files made over NFS follow it.
 */
export interface BucketEncryption {
  readonly algorithm: 'AES256' | 'aws:kms' | 'aws:kms:dsse';
  /** As it was given; absent: the default key. */
  readonly key?: string;
  readonly bucketKey: boolean;
  /** Uploads with customers' keys are refused. */
  readonly blocksCustomerKeys: boolean;
}

export const encodeBucketEncryption = (encryption: BucketEncryption): Uint8Array =>
  Buffer.from(JSON.stringify(encryption));

export function decodeBucketEncryption(document: Uint8Array): BucketEncryption {
  const found = JSON.parse(Buffer.from(document).toString('utf8')) as BucketEncryption;
  const isKnown = ['AES256', 'aws:kms', 'aws:kms:dsse'].includes(found.algorithm);
  if (!isKnown) throw new Fault('corrupt', 'store', `a bucket's encryption by ${found.algorithm}`);
  return found;
}

export const wishOf = ({ algorithm, key, bucketKey }: BucketEncryption): EncryptionWish =>
  algorithm === 'AES256' ? { mode: algorithm } : { mode: algorithm, key, context: '', bucketKey };
