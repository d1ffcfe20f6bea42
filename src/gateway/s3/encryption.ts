import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { Fault } from '../../fault.ts';
import { decodeBucketEncryption, wishOf, type BucketEncryption } from '../../keyring/bucket-encryption.ts';
import type { ContentKey, Encryption, EncryptionWish } from '../../keyring/encryption.ts';
import { ENCRYPTION_CONTEXT_CHARS_MAX } from '../../limits.ts';
import type { Bucket } from '../../namespace/namespace.ts';
import { customerKeyMembers, customerKeyOf, md5Of, type CustomerKeyInput } from './customer-key.ts';
import { invalidArgument, S3Error } from './errors.ts';
import { bucketOf, header, text } from './members.ts';
import type { S3Context, S3Parts } from './operation.ts';

const algorithmHeader = 'x-amz-server-side-encryption';

/** What a client says about the encryption of the object it makes. */
export const encryptionMembers = {
  input: {
    serverSideEncryption: text,
    kmsKeyId: text,
    encryptionContext: text,
    bucketKeyEnabled: text,
    ...customerKeyMembers.input,
  },
  bindings: {
    serverSideEncryption: header(algorithmHeader),
    kmsKeyId: header('x-amz-server-side-encryption-aws-kms-key-id'),
    encryptionContext: header('x-amz-server-side-encryption-context'),
    bucketKeyEnabled: header('x-amz-server-side-encryption-bucket-key-enabled'),
    ...customerKeyMembers.bindings,
  },
} as const;

export interface EncryptionInput extends CustomerKeyInput {
  readonly serverSideEncryption?: string;
  readonly kmsKeyId?: string;
  readonly encryptionContext?: string;
  readonly bucketKeyEnabled?: string;
}

/** The key of a new object, as the request or else its bucket wants; `undefined`: it stays plain. */
export async function newContentKey(
  context: S3Context,
  input: EncryptionInput,
): Promise<ContentKey | undefined> {
  const wish = await encryptionWish(context, input);
  return wish && context.parts.keyring.make(wish);
}

/** The same, with the key of `source` where that may be shared, so that the content is, too. */
export async function copyContentKey(
  context: S3Context,
  input: EncryptionInput,
  source: ContentKey | undefined,
): Promise<ContentKey | undefined> {
  const wish = await encryptionWish(context, input);
  // A customer's content is never under a key that somebody else can open.
  const isShared = source?.encryption.mode !== 'customer' && wish?.mode !== 'customer';
  return wish && context.parts.keyring.make(wish, isShared ? source : undefined);
}

async function encryptionWish(
  context: S3Context,
  input: EncryptionInput,
): Promise<EncryptionWish | undefined> {
  const customerKey = customerKeyOf(context.parts, input);
  const stated = statedWish(input);
  if (customerKey === undefined) {
    if (stated !== undefined) return stated;
    const chosen = await bucketEncryption(context.parts, bucketOf(context));
    return chosen && wishOf(chosen);
  }
  if (stated !== undefined)
    throw invalidArgument(
      'Server Side Encryption with Customer provided key is incompatible with the encryption method specified',
      algorithmHeader,
      stated.mode,
    );
  const chosen = await bucketEncryption(context.parts, bucketOf(context));
  if (chosen?.blocksCustomerKeys === true) throw new S3Error('AccessDenied');
  return { mode: 'customer', key: customerKey };
}

/** What buckets without a configuration have is the gateway's setting, as on AWS it is AES256. */
export async function bucketEncryption(
  { objects, encryption }: S3Parts,
  { ino, configurations }: Bucket,
): Promise<BucketEncryption | undefined> {
  if (!configurations.includes('encryption')) return encryption.default;
  const document = await objects.bucketConfiguration(ino, 'encryption');
  return document === undefined ? encryption.default : decodeBucketEncryption(document);
}

function statedWish(input: EncryptionInput): EncryptionWish | undefined {
  const { serverSideEncryption: mode, kmsKeyId, encryptionContext, bucketKeyEnabled } = input;
  const isKms = mode === 'aws:kms' || mode === 'aws:kms:dsse';
  if (!isKms && (kmsKeyId !== undefined || encryptionContext !== undefined))
    throw invalidArgument(
      'Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms',
      algorithmHeader,
      mode ?? 'null',
    );
  if (mode === undefined) return undefined;
  if (mode === 'AES256') return { mode };
  if (!isKms)
    throw invalidArgument('The encryption method specified is not supported', algorithmHeader, mode);
  const context = encryptionContext ?? '';
  if (context !== '') checkContext(context);
  return { mode, key: kmsKeyId, context, bucketKey: bucketKeyEnabled?.toLowerCase() === 'true' };
}

/** AWS: base64 of UTF-8 of a JSON object of texts. */
function checkContext(encoded: string): void {
  const name = 'x-amz-server-side-encryption-context';
  const refused = invalidArgument(
    `The header '${name}' shall be Base64-encoded UTF-8 string holding JSON which represents a string-string map`,
    name,
    encoded,
  );
  const decoded = Buffer.from(encoded, 'base64');
  const isTooLong = encoded.length > ENCRYPTION_CONTEXT_CHARS_MAX;
  if (isTooLong || decoded.toString('base64') !== encoded) throw refused;
  const map = parsedJson(decoded.toString('utf8'));
  const isMap =
    typeof map === 'object' &&
    map !== null &&
    !Array.isArray(map) &&
    Object.values(map).every((value) => typeof value === 'string');
  if (!isMap) throw refused;
}

function parsedJson(document: string): unknown {
  try {
    return JSON.parse(document);
  } catch {
    return undefined; // No JSON is no map: the caller says so.
  }
}

/** Answer headers that say how an object is encrypted. `customerKey` is what the request came with. */
export function encryptionHeaders(
  { keyring }: S3Parts,
  encryption: Encryption | undefined,
  customerKey?: Uint8Array,
): string[] {
  if (encryption === undefined) return [];
  const { mode, keyId, bucketKey } = encryption;
  if (mode === 'AES256') return [algorithmHeader, mode];
  if (mode === 'customer') {
    const algorithm = [`${algorithmHeader}-customer-algorithm`, 'AES256'];
    return customerKey === undefined
      ? algorithm
      : [...algorithm, `${algorithmHeader}-customer-key-MD5`, md5Of(customerKey)];
  }
  const headers = [algorithmHeader, mode, `${algorithmHeader}-aws-kms-key-id`, keyring.arnOf(keyId)];
  if (bucketKey) headers.push(`${algorithmHeader}-bucket-key-enabled`, 'true');
  return headers;
}

/** The same for answers of PutObject, CopyObject and CreateMultipartUpload, which also repeat the context. */
export function madeHeaders(
  parts: S3Parts,
  encryption: Encryption | undefined,
  customerKey?: Uint8Array,
): string[] {
  const headers = encryptionHeaders(parts, encryption, customerKey);
  const context = encryption?.context ?? '';
  return context === '' ? headers : [...headers, `${algorithmHeader}-context`, context];
}

/** Reads that name a method themselves: AWS refuses, for the object knows. */
export function refuseMethod(serverSideEncryption: string | undefined): void {
  if (serverSideEncryption === undefined) return;
  const message = `${algorithmHeader} header is not supported for this operation.`;
  throw invalidArgument(message, algorithmHeader, serverSideEncryption);
}

/** The key of an object that is read; `undefined` for a plain one. */
export function unlocked(
  { keyring }: S3Parts,
  encryption: Encryption | undefined,
  customerKey: Uint8Array | undefined,
): ContentKey | undefined {
  checkApplies(encryption, customerKey, {
    missing:
      'The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.',
  });
  return encryption && matching(() => keyring.open(encryption, customerKey), otherParameters);
}

/** Whether the request could read the object, without the use of a key of the ring: HEAD works when that is disabled. */
export function checkReadable(
  parts: S3Parts,
  encryption: Encryption | undefined,
  customerKey: Uint8Array | undefined,
): void {
  if (customerKey !== undefined || encryption?.mode === 'customer') unlocked(parts, encryption, customerKey);
}

/** The key of a part: the one of its upload. */
export function partContentKey(
  { keyring }: S3Parts,
  encryption: Encryption | undefined,
  customerKey: Uint8Array | undefined,
): ContentKey | undefined {
  checkApplies(encryption, customerKey, {
    missing:
      'The multipart upload initiate requested encryption. Subsequent part requests must include the appropriate encryption parameters.',
  });
  return encryption && matching(() => keyring.open(encryption, customerKey), otherParameters);
}

function checkApplies(
  encryption: Encryption | undefined,
  customerKey: Uint8Array | undefined,
  { missing }: { readonly missing: string },
): void {
  if (encryption?.mode === 'customer') {
    if (customerKey === undefined) throw new S3Error('InvalidRequest', { message: missing });
  } else if (customerKey !== undefined) {
    const message = 'The encryption parameters are not applicable to this object.';
    throw new S3Error('InvalidRequest', { message });
  }
}

/** The content key, or what AWS says of a customer's key that does not open it. */
function matching(open: () => ContentKey, refusal: () => S3Error): ContentKey {
  try {
    return open();
  } catch (failure) {
    if (!(failure instanceof Fault) || failure.code !== 'access-denied') throw failure;
    throw refusal();
  }
}

const otherParameters = (): S3Error =>
  new S3Error('InvalidRequest', {
    message: 'The provided encryption parameters did not match the ones used originally.',
  });

/** AWS, "Object": the ETag of content under SSE-KMS or SSE-C is not its MD5. */
export const hasMd5Etag = (encryption: Encryption | undefined): boolean =>
  encryption === undefined || encryption.mode === 'AES256';

const etagBytes = 16;

/** The ETag of content with that MD5: the MD5 itself, or what only the content key makes of it. */
export function etagOf(key: ContentKey | undefined, md5: Uint8Array): string {
  if (key === undefined || hasMd5Etag(key.encryption)) return Buffer.from(md5).toString('hex');
  assert(key.secret !== undefined, 'content under a key that clients name has a key of its own');
  return createHmac('sha256', key.secret).update(md5).digest().subarray(0, etagBytes).toString('hex');
}
