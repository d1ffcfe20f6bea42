import { decodeBucketEncryption, wishOf } from '../keyring/bucket-encryption.ts';
import { Fault } from '../fault.ts';
import type { ContentKey, Encryption } from '../keyring/encryption.ts';
import type { KvTransaction } from '../kv/kv.ts';
import { sealedBlobs, sealedFrames, type BlobContent, type BlobFrames } from '../tiering/sealed-blobs.ts';
import { configurationKey } from './keys.ts';
import type { Ino } from './namespace.ts';
import type { Parts } from './parts.ts';

/**
 * Content as its key makes it: every read and write of bytes of a file goes through this. Without a key of its own it may
 * be plain or sealed below, which only who writes must know.
 */
export function contentUnder(parts: Parts, key: ContentKey | undefined): BlobContent {
  const { blobs, cipher, environment, rooms } = parts;
  if (key === undefined) return blobs;
  if (key.secret !== undefined) return sealedBlobs({ blobs, cipher, environment, rooms }, key.secret);
  return {
    stage: (pieces, lifetime) => blobs.stageSealed(pieces, lifetime),
    read: (id, offset, length) => blobs.read(id, offset, length),
  };
}

/** The content of a file that needs no key, or one that the ring has. Fault('access-denied', 'key') for a customer's. */
export const contentOf = (
  parts: Parts,
  encryption: Encryption | undefined,
  customerKey?: Uint8Array,
): BlobContent => contentUnder(parts, encryption && parts.keyring.open(encryption, customerKey));

/** Whether somebody without a customer's key can get at the content at all: the key is the ring's, and enabled. */
export function isOpenable({ keyring }: Pick<Parts, 'keyring'>, encryption: Encryption | undefined): boolean {
  try {
    if (encryption !== undefined) keyring.open(encryption, undefined);
    return true;
  } catch (failure) {
    if (failure instanceof Fault && failure.subject === 'key') return false;
    throw failure;
  }
}

/** Where memory takes the content of a file from. Fault('access-denied', 'key') for a customer's, which memory must not keep. */
export function framesOf(parts: Parts, encryption: Encryption | undefined): BlobFrames {
  const { blobs, cipher, environment, rooms } = parts;
  const secret = encryption && parts.keyring.open(encryption).secret;
  if (secret === undefined) return blobs;
  return sealedFrames({ blobs, cipher, environment, rooms }, secret);
}

/** How a file that is made over NFS is encrypted: as its bucket says, in the transaction that makes it. */
export async function encryptionOfNew(
  parts: Parts,
  tx: KvTransaction,
  bucket: Ino,
): Promise<Encryption | undefined> {
  const document = await tx.get(configurationKey(bucket, 'encryption'));
  const chosen = document === undefined ? parts.defaultEncryption : decodeBucketEncryption(document);
  return chosen && settled(parts, tx, parts.keyring.make(wishOf(chosen)).encryption);
}

/** `encryption` as it must be written in `tx`. */
export const settled = async (
  { keyring }: Parts,
  tx: KvTransaction,
  encryption: Encryption | undefined,
): Promise<Encryption | undefined> => encryption && keyring.settle(tx, encryption);
