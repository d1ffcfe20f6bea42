import { hash } from 'node:crypto';
import { SECRET_BYTES } from '../../workers/cipher.ts';
import { invalidArgument, S3Error } from './errors.ts';
import { header, text } from './members.ts';
import type { S3Parts } from './operation.ts';

/** Three headers that carry a customer's key (SSE-C). AWS: "Using server-side encryption with customer-provided keys". */
export const customerKeyMembers = {
  input: { customerAlgorithm: text, customerKey: text, customerKeyMd5: text },
  bindings: {
    customerAlgorithm: header('x-amz-server-side-encryption-customer-algorithm'),
    customerKey: header('x-amz-server-side-encryption-customer-key'),
    customerKeyMd5: header('x-amz-server-side-encryption-customer-key-md5'),
  },
} as const;

/** The same for the source of a copy. */
export const sourceKeyMembers = {
  input: { sourceKeyAlgorithm: text, sourceKey: text, sourceKeyMd5: text },
  bindings: {
    sourceKeyAlgorithm: header('x-amz-copy-source-server-side-encryption-customer-algorithm'),
    sourceKey: header('x-amz-copy-source-server-side-encryption-customer-key'),
    sourceKeyMd5: header('x-amz-copy-source-server-side-encryption-customer-key-md5'),
  },
} as const;

export interface CustomerKeyInput {
  readonly customerAlgorithm?: string;
  readonly customerKey?: string;
  readonly customerKeyMd5?: string;
}

export interface SourceKeyInput {
  readonly sourceKeyAlgorithm?: string;
  readonly sourceKey?: string;
  readonly sourceKeyMd5?: string;
}

/** The customer's key of a request that writes; `undefined` when it has none of the headers. */
export function customerKeyOf(parts: S3Parts, input: CustomerKeyInput): Uint8Array | undefined {
  const key = keyOf(parts, input);
  if (key !== undefined && input.customerKeyMd5 === undefined) throw refusal(missingMd5);
  return key;
}

/** The same of one that reads, where AWS does without the MD5. */
export const readingKeyOf = (parts: S3Parts, input: CustomerKeyInput): Uint8Array | undefined =>
  keyOf(parts, input);

export const sourceKeyOf = (parts: S3Parts, input: SourceKeyInput): Uint8Array | undefined =>
  keyOf(parts, {
    ...(input.sourceKeyAlgorithm !== undefined && { customerAlgorithm: input.sourceKeyAlgorithm }),
    ...(input.sourceKey !== undefined && { customerKey: input.sourceKey }),
    ...(input.sourceKeyMd5 !== undefined && { customerKeyMd5: input.sourceKeyMd5 }),
  });

/** Base64, as the headers have it. */
export const md5Of = (key: Uint8Array): string => hash('md5', key, 'base64');

const about = 'Requests specifying Server Side Encryption with Customer provided keys must';
const missingMd5 = `${about} provide the client calculated MD5 of the secret key.`;
const refusal = (message: string): S3Error =>
  invalidArgument(message, 'x-amz-server-side-encryption', 'null');

function keyOf({ encryption }: S3Parts, input: CustomerKeyInput): Uint8Array | undefined {
  const { customerAlgorithm: algorithm, customerKey: encoded, customerKeyMd5: md5 } = input;
  if (algorithm === undefined && encoded === undefined && md5 === undefined) return undefined;
  if (!encryption.takesCustomerKeys)
    throw new S3Error('InvalidRequest', { message: `${about} be made over a secure connection.` });
  if (encoded === undefined) throw refusal(`${about} provide an appropriate secret key.`);
  if (algorithm === undefined) throw refusal(`${about} provide a valid encryption algorithm.`);
  if (algorithm !== 'AES256') throw new S3Error('InvalidEncryptionAlgorithmError');
  const key = Buffer.from(encoded, 'base64');
  if (key.length !== SECRET_BYTES) throw refusal('The secret key was invalid for the specified algorithm.');
  if (md5 !== undefined && md5 !== md5Of(key))
    throw refusal('The calculated MD5 hash of the key did not match the hash that was provided.');
  return key;
}
