import assert from 'node:assert/strict';
import { timingSafeEqual } from 'node:crypto';
import type { Random } from '../environment.ts';
import { Fault } from '../fault.ts';
import type { KvTransaction } from '../kv/kv.ts';
import { SALT_BYTES, SECRET_BYTES, type Cipher } from '../workers/cipher.ts';
import { hasOwnKey, type ContentKey, type Encryption, type EncryptionWish } from './encryption.ts';
import type { ContentKeys } from './keyring.ts';
import { ringKeyKey } from './records.ts';
import type { LoadedKey, Ring } from './ring.ts';

const CONTENT_KEY_ID_BYTES = 16;

/** Content that tiering seals. */
const SEALED_BELOW: ContentKey = {
  encryption: {
    ...{ mode: 'AES256', contentKeyId: new Uint8Array(0), keyId: '', keyVersion: 0 },
    ...{ sealed: new Uint8Array(0), context: '', bucketKey: false },
  },
  secret: undefined,
};

/** What is sealed and how, without the seal. */
type Unsealed = Omit<Encryption, 'sealed'>;

interface Parts {
  readonly ring: Ring;
  readonly cipher: Cipher;
  readonly random: Random;
}

/** See ContentKeys. */
export function contentKeys(parts: Parts): ContentKeys {
  return {
    make: (wish, like) => make(parts, wish, like),
    open: (encryption, customerKey) => open(parts, encryption, customerKey),
    settle: (tx, encryption) => settle(parts, tx, encryption),
    arnOf: (keyId) => parts.ring.arnOf(keyId),
  };
}

function make(parts: Parts, wish: EncryptionWish, like: ContentKey | undefined): ContentKey {
  // Who has a key of its own from earlier passes it on, so that copies of old content move nothing either.
  const isLikeOld = like?.secret !== undefined && like.encryption.mode === 'AES256';
  if (wish.mode === 'AES256' && !isLikeOld) return SEALED_BELOW;
  const fresh = parts.random.bytes(CONTENT_KEY_ID_BYTES + SECRET_BYTES);
  const secret = like?.secret ?? fresh.subarray(CONTENT_KEY_ID_BYTES);
  const contentKeyId =
    like?.secret === undefined ? fresh.subarray(0, CONTENT_KEY_ID_BYTES) : like.encryption.contentKeyId;
  if (wish.mode === 'customer') {
    const unsealed = {
      mode: wish.mode,
      contentKeyId,
      keyId: '',
      keyVersion: 0,
      context: '',
      bucketKey: false,
    };
    return { encryption: sealedBy(parts, wish.key, unsealed, secret), secret };
  }
  const key = wish.mode === 'AES256' ? parts.ring.always('s3') : keyNamed(parts, wish.key);
  requireEnabled(parts, key);
  const { context, bucketKey } = wish.mode === 'AES256' ? { context: '', bucketKey: false } : wish;
  const unsealed = { mode: wish.mode, contentKeyId, context, bucketKey };
  return { encryption: underPresentVersion(parts, key, unsealed, secret), secret };
}

/** The key of SSE-S3 is the gateway's own: no client names it. */
function keyNamed({ ring }: Parts, name: string | undefined): LoadedKey {
  const key = name === undefined ? ring.always('default') : ring.byName(name);
  if (key.row.purpose === 's3') throw new Fault('not-permitted', 'key', `${ring.arnOf(key.id)} is reserved`);
  return key;
}

function open(parts: Parts, encryption: Encryption, customerKey: Uint8Array | undefined): ContentKey {
  if (!hasOwnKey(encryption)) return { encryption, secret: undefined };
  if (encryption.mode === 'customer') {
    const secret = customerKey?.length === SECRET_BYTES ? opened(parts, customerKey, encryption) : undefined;
    if (secret === undefined) throw new Fault('access-denied', 'key', 'not the key of the customer');
    return { encryption, secret };
  }
  const key = parts.ring.byName(encryption.keyId);
  requireEnabled(parts, key);
  return { encryption, secret: openedByRing(parts, key, encryption) };
}

/** The row is read in the transaction: a change of the key and this commit cannot pass each other by. */
async function settle(parts: Parts, tx: KvTransaction, encryption: Encryption): Promise<Encryption> {
  const { mode, keyId } = encryption;
  if (mode === 'customer' || !hasOwnKey(encryption)) return encryption;
  const bytes = await tx.get(ringKeyKey(keyId));
  if (bytes === undefined)
    throw new Fault('not-found', 'key', `Key '${parts.ring.arnOf(keyId)}' does not exist`);
  const known = parts.ring.byId(keyId);
  const isKnown =
    known !== undefined && bytes.length === known.bytes.length && timingSafeEqual(bytes, known.bytes);
  const key = isKnown ? known : parts.ring.load(keyId, bytes);
  requireEnabled(parts, key);
  return rewrapped(parts, key, encryption) ?? encryption;
}

/** `encryption` under the present version of its key; `undefined` when it is already. */
export function rewrapped(parts: Parts, key: LoadedKey, encryption: Encryption): Encryption | undefined {
  if (encryption.keyVersion === presentVersion(key)) return undefined;
  return underPresentVersion(parts, key, encryption, openedByRing(parts, key, encryption));
}

const presentVersion = ({ row }: LoadedKey): number => row.versions.at(-1)?.number ?? 0;

function underPresentVersion(
  parts: Parts,
  key: LoadedKey,
  unsealed: Omit<Unsealed, 'keyId' | 'keyVersion'>,
  secret: Uint8Array,
): Encryption {
  const keyVersion = presentVersion(key);
  const wrapping = key.secrets.get(keyVersion);
  assert(wrapping !== undefined, 'a key has its present version');
  return sealedBy(parts, wrapping, { ...unsealed, keyId: key.id, keyVersion }, secret);
}

function openedByRing(parts: Parts, key: LoadedKey, encryption: Encryption): Uint8Array {
  const wrapping = key.secrets.get(encryption.keyVersion);
  const secret = wrapping && opened(parts, wrapping, encryption);
  if (secret !== undefined) return secret;
  throw new Fault(
    'corrupt',
    'key',
    `a content key does not open with version ${encryption.keyVersion} of ${key.id}`,
  );
}

function sealedBy(
  { cipher, random }: Parts,
  wrapping: Uint8Array,
  unsealed: Unsealed,
  secret: Uint8Array,
): Encryption {
  const seal = { secret: wrapping, salt: random.bytes(SALT_BYTES), context: sealContext(unsealed) };
  const { mode, contentKeyId, keyId, keyVersion, context, bucketKey } = unsealed;
  const sealed = cipher.sealNow(seal, [secret]);
  return { mode, contentKeyId, keyId, keyVersion, sealed, context, bucketKey };
}

const opened = ({ cipher }: Parts, wrapping: Uint8Array, encryption: Encryption): Uint8Array | undefined =>
  cipher.openNow({ secret: wrapping, context: sealContext(encryption), firstFrame: 0 }, encryption.sealed);

/** Authenticated with the seal: a content key opens only for the content, the mode and the context it was made for. */
const sealContext = ({ mode, contentKeyId, context }: Unsealed): Uint8Array =>
  Buffer.concat([contentKeyId, Buffer.from(`${mode} ${context}`)]);

function requireEnabled({ ring }: Parts, { id, row }: LoadedKey): void {
  if (row.state === 'enabled') return;
  const what = row.state === 'disabled' ? 'disabled' : 'pending deletion';
  throw new Fault('not-permitted', 'key', `${ring.arnOf(id)} is ${what}.`);
}
