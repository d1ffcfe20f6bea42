import assert from 'node:assert/strict';
import type { Environment } from '../environment.ts';
import { Fault } from '../fault.ts';
import type { Entry, Kv, KvReader, KvTransaction } from '../kv/kv.ts';
import { DATA_KEYS_MAX, PAGE_ENTRIES_MAX } from '../limits.ts';
import type { DataKey, DataKeys } from '../tiering/data-keys.ts';
import { SALT_BYTES, SECRET_BYTES, type Cipher } from '../workers/cipher.ts';
import { sealEnvelope } from './envelope.ts';
import {
  dataKeyKey,
  dataKeyRange,
  decodeDataKey,
  encodeDataKey,
  idOfDataKeyKey,
  type DataKeyRow,
} from './records.ts';
import type { LoadedKey, Ring } from './ring.ts';

export interface DataKeysOptions {
  readonly kv: Kv;
  readonly ring: Ring;
  readonly cipher: Cipher;
  readonly environment: Pick<Environment, 'random'>;
  /** Seals envelopes. */
  readonly secretsKey: Uint8Array;
  /** The store may hold what they seal: none of them is made in the place of one that is lost. */
  readonly expectsDataKeys: boolean;
}

/** Data keys that follow the ring's key of SSE-S3. */
export interface RotatingDataKeys extends DataKeys {
  /**
   * Seals all of them with the present version of `key`, in the transaction that makes that version, and adds one, which
   * seals from then on. Fault('quota-exceeded', 'key') when there are DATA_KEYS_MAX, from then on for good: none is removed.
   */
  rotate(tx: KvTransaction, key: LoadedKey): Promise<void>;
}

/**
 * All data keys of the store; makes the first one where none is expected. Fault('corrupt', 'store') when one is missing or does
 * not open.
 */
export async function openDataKeys(options: DataKeysOptions): Promise<RotatingDataKeys> {
  const { kv, ring, expectsDataKeys } = options;
  const key = ring.always('s3');
  const secrets = await readAll(options, kv, key).catch((fault: unknown) => {
    // A first start that ended early leaves rows, and older programs, which know none, may have rotated the ring since.
    if (expectsDataKeys || !(fault instanceof Fault)) throw fault;
    return [];
  });
  if (secrets.length === 0 && expectsDataKeys) throw missing(1, 1);
  const keys = new OpenDataKeys(options, secrets);
  if (secrets.length === 0)
    await kv.transact('durable', async (tx) => {
      await deleteAll(tx);
      await keys.rotate(tx, key);
    });
  return keys;
}

async function deleteAll(tx: KvTransaction): Promise<void> {
  for await (const page of tx.scan(dataKeyRange(), { pageEntries: PAGE_ENTRIES_MAX }))
    for (const { key } of page) tx.delete(key);
}

const NO_MORE = `The key of SSE-S3 cannot be rotated again: each rotation adds a data key, none is ever removed, and there are ${DATA_KEYS_MAX}. What is encrypted stays readable. To go on rotating, give buckets a key of their own (terrace key create, then SSE-KMS in PutBucketEncryption).`;

class OpenDataKeys implements RotatingDataKeys {
  readonly #options: DataKeysOptions;
  /** The one with the id n is at n - 1. */
  #secrets: readonly Uint8Array[];
  readonly #envelopes = new Map<number, Uint8Array>();

  constructor(options: DataKeysOptions, secrets: readonly Uint8Array[]) {
    this.#options = options;
    this.#secrets = secrets;
  }

  current(): DataKey {
    return { keyId: this.#secrets.length, secret: this.secretOf(this.#secrets.length) };
  }

  secretOf(keyId: number): Uint8Array {
    const secret = this.#secrets[keyId - 1];
    if (secret === undefined) throw new Fault('corrupt', 'key', `there is no data key ${keyId}`);
    return secret;
  }

  envelopeOf(keyId: number): Uint8Array {
    const { cipher, secretsKey, environment } = this.#options;
    const made = this.#envelopes.get(keyId);
    if (made !== undefined) return made;
    const parts = { cipher, secretsKey, random: environment.random };
    const envelope = sealEnvelope(parts, keyId, this.secretOf(keyId));
    this.#envelopes.set(keyId, envelope);
    return envelope;
  }

  async rotate(tx: KvTransaction, key: LoadedKey): Promise<void> {
    const { random } = this.#options.environment;
    const kept = await readAll(this.#options, tx, key);
    if (kept.length >= DATA_KEYS_MAX) throw new Fault('quota-exceeded', 'key', NO_MORE);
    const secrets = [...kept, random.bytes(SECRET_BYTES)];
    for (const [index, secret] of secrets.entries()) {
      const id = index + 1;
      const sealed = sealedBy(this.#options, key, { id, secret });
      tx.put(dataKeyKey(id), encodeDataKey({ keyVersion: versionOf(key), count: secrets.length, sealed }));
    }
    tx.whenCommitted(() => (this.#secrets = secrets));
  }
}

/** In the order of their ids, which count from 1. All of them say how many there are, so that none is lost unnoticed. */
async function readAll(
  options: DataKeysOptions,
  reader: KvReader,
  key: LoadedKey,
): Promise<readonly Uint8Array[]> {
  const secrets: Uint8Array[] = [];
  let count = 0;
  for await (const page of reader.scan(dataKeyRange(), { pageEntries: PAGE_ENTRIES_MAX })) {
    for (const entry of page) {
      if (idOfDataKeyKey(entry.key) !== secrets.length + 1) throw missing(secrets.length + 1, count);
      const opened = openedBy(options, key, entry);
      secrets.push(opened.secret);
      count = Math.max(count, opened.count);
    }
  }
  if (count > secrets.length) throw missing(secrets.length + 1, count);
  return secrets;
}

const versionOf = ({ row }: LoadedKey): number => row.versions.at(-1)?.number ?? 0;

function sealedBy(
  { cipher, environment }: DataKeysOptions,
  key: LoadedKey,
  { id, secret }: { readonly id: number; readonly secret: Uint8Array },
): Uint8Array {
  const wrapping = key.secrets.get(versionOf(key));
  assert(wrapping !== undefined, 'a key has its present version');
  const seal = { secret: wrapping, salt: environment.random.bytes(SALT_BYTES), context: contextOf(id) };
  return cipher.sealNow(seal, [secret]);
}

function openedBy(
  { cipher }: DataKeysOptions,
  key: LoadedKey,
  { key: rowKey, value }: Entry,
): { readonly secret: Uint8Array; readonly count: number } {
  const id = idOfDataKeyKey(rowKey);
  const row = decodedOrDamaged(id, value);
  const wrapping = key.secrets.get(row.keyVersion);
  const secret =
    wrapping && cipher.openNow({ secret: wrapping, context: contextOf(id), firstFrame: 0 }, row.sealed);
  if (secret?.length !== SECRET_BYTES) throw damaged(id);
  return { secret, count: row.count };
}

/** To whom the gateway does not start because of it, a broken assertion would not say what to do. */
function decodedOrDamaged(id: number, value: Uint8Array): DataKeyRow {
  try {
    return decodeDataKey(value);
  } catch (failure) {
    if (failure instanceof assert.AssertionError) throw damaged(id);
    throw failure;
  }
}

const contextOf = (id: number): Uint8Array => Buffer.from(`terrace data key ${id}`);

const damaged = (id: number): Fault => unusable(`Data key ${id} in the metadata is damaged`);

const missing = (id: number, count: number): Fault =>
  unusable(`Data key ${id}${count > 1 ? ` of ${count}` : ''} is missing in the metadata`);

const unusable = (what: string): Fault => {
  const detail = `${what}: content that it seals cannot be read. Bring back the whole data directory, with the hot device, from one backup.`;
  return new Fault('corrupt', 'store', detail);
};
