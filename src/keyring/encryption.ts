import assert from 'node:assert/strict';
import type { RecordReader, RecordWriter } from '../codec.ts';

/**
 * Who holds the key that seals a content key: the gateway (`AES256`, S3's SSE-S3), a key of the ring that the client
 * names (`aws:kms`, SSE-KMS, and `aws:kms:dsse`, its name for two layers), or the client alone (`customer`, SSE-C).
 */
export type EncryptionMode = 'AES256' | 'aws:kms' | 'aws:kms:dsse' | 'customer';

/**
 * How a content is encrypted, kept with it. A content has one key for life, whoever edits it; the key lies here sealed,
 * and only this seal changes when keys of the ring rotate. Nothing here reveals a customer's key.
 */
export interface Encryption {
  readonly mode: EncryptionMode;
  /**
   * 16 random bytes that name the content key: what has the same one can share blobs. Empty: the content has no key of its
   * own, for tiering seals it (`AES256` only; before that it was as with the others, and what was made so stays so).
   */
  readonly contentKeyId: Uint8Array;
  /** The key of the ring and its version that seal the content key; empty and 0 for a customer's, and where there is none. */
  readonly keyId: string;
  readonly keyVersion: number;
  /**
   * One frame of workers/cipher.ts, with mode, `contentKeyId` and `context` authenticated. Empty: there is no content key, or
   * the record is only for show.
   */
  readonly sealed: Uint8Array;
  /** SSE-KMS: the encryption context as the client gave it, base64 of JSON; empty: none. */
  readonly context: string;
  /** SSE-KMS: said back to clients, no more: the ring needs no cache of keys for a bucket. */
  readonly bucketKey: boolean;
}

/** What a new content shall be encrypted with. */
export type EncryptionWish =
  | { readonly mode: 'AES256' }
  | {
      readonly mode: 'aws:kms' | 'aws:kms:dsse';
      /** Id, ARN or alias; absent: the default key `alias/aws/s3`. */
      readonly key: string | undefined;
      readonly context: string;
      readonly bucketKey: boolean;
    }
  | { readonly mode: 'customer'; readonly key: Uint8Array };

/** How a content is encrypted, with its key in the open. Never stored, never logged. */
export interface ContentKey {
  readonly encryption: Encryption;
  /** `undefined`: it has no key of its own. */
  readonly secret: Uint8Array | undefined;
}

/** Whether the content is encrypted above the blobs; else tiering does it. */
export const hasOwnKey = ({ contentKeyId }: Encryption): boolean => contentKeyId.length > 0;

const modes: readonly EncryptionMode[] = ['AES256', 'aws:kms', 'aws:kms:dsse', 'customer'];

export function writeEncryption(writer: RecordWriter, encryption: Encryption): void {
  const { mode, contentKeyId, keyId, keyVersion, sealed, context, bucketKey } = encryption;
  writer.number(modes.indexOf(mode)).bytes(contentKeyId).text(keyId).number(keyVersion);
  writer.bytes(sealed).text(context).number(Number(bucketKey));
}

export function readEncryption(reader: RecordReader): Encryption {
  const mode = modes[reader.number()];
  assert(mode !== undefined, 'encryption of an unknown mode');
  return {
    mode,
    contentKeyId: reader.bytes(),
    keyId: reader.text(),
    keyVersion: reader.number(),
    sealed: reader.bytes(),
    context: reader.text(),
    bucketKey: reader.number() === 1,
  };
}

/** Whether two contents have the same key, or none where tiering seals both: the blobs of one can be blobs of the other. */
export const hasSameKey = (one: Encryption | undefined, other: Encryption | undefined): boolean =>
  one === undefined || other === undefined
    ? one === other
    : Buffer.compare(one.contentKeyId, other.contentKeyId) === 0;
