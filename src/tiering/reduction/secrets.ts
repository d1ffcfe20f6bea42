import assert from 'node:assert/strict';
import { RecordReader, RecordWriter } from '../../codec.ts';
import type { Random } from '../../environment.ts';
import { Fault } from '../../fault.ts';
import type { Kv, Value } from '../../kv/kv.ts';
import { SALT_BYTES } from '../../workers/cipher.ts';
import { FRAME_SECRET_BYTES } from '../../workers/frame.ts';
import { referenceCipher } from '../../workers/reference-cipher.ts';
import type { DataKeys } from '../data-keys.ts';
import type { LowerTier } from '../tier.ts';
import type { ChunkTables } from './tables.ts';

const seedBytes = 8;
const identityBytes = 4;
const secretsBytes = seedBytes + FRAME_SECRET_BYTES + identityBytes;
const VERSION = 1;

/** Made at the first start of a chunk store, the same for ever: with others, equal content would not be found again. */
export interface StoreSecrets {
  /** Of the chunker. */
  readonly seed: Uint8Array;
  readonly fingerprintKey: Uint8Array;
  /** 4 bytes in every id of a segment: no other store's segments are taken for this one's. */
  readonly identity: Uint8Array;
}

interface SecretsParts {
  readonly kv: Kv;
  readonly random: Random;
  readonly dataKeys: DataKeys;
  readonly tables: ChunkTables;
  readonly tier: LowerTier;
}

/**
 * The secrets in their row, sealed by a data key; sealed anew where another one seals by now. A few bytes once a start: the
 * plain cipher does. Fault('corrupt', 'key') when the row does not open.
 */
export async function openSecrets(parts: SecretsParts): Promise<StoreSecrets> {
  const { kv, random, dataKeys, tables } = parts;
  const fresh = random.bytes(secretsBytes);
  const salt = random.bytes(SALT_BYTES);
  const current = dataKeys.current();
  const bytes = await kv.transact('durable', async (tx) => {
    const row = await tx.get(tables.secrets);
    const known = row === undefined ? undefined : opened(parts, row);
    if (known?.keyId === current.keyId) return known.bytes;
    const plain = known?.bytes ?? fresh;
    const writer = new RecordWriter().number(VERSION).number(current.keyId);
    tx.put(
      tables.secrets,
      writer.bytes(sealed(parts.tier, { secret: current.secret, salt }, plain)).finish(),
    );
    return plain;
  });
  return secretsIn(bytes);
}

/** The same sealed by any data key, for the frames of keys in segments. */
export function sealSecrets(
  { random, dataKeys, tier }: Pick<SecretsParts, 'random' | 'dataKeys' | 'tier'>,
  keyId: number,
  { seed, fingerprintKey, identity }: StoreSecrets,
): Uint8Array {
  const key = { secret: dataKeys.secretOf(keyId), salt: random.bytes(SALT_BYTES) };
  return sealed(tier, key, Buffer.concat([seed, fingerprintKey, identity]));
}

/** `undefined` when they were sealed with another key, or for another tier. */
export function unsealSecrets(
  tier: LowerTier,
  secret: Uint8Array,
  bytes: Uint8Array,
): StoreSecrets | undefined {
  const plain = referenceCipher().openNow({ secret, context: contextOf(tier), firstFrame: 0 }, bytes);
  return plain?.length === secretsBytes ? secretsIn(plain) : undefined;
}

const secretsIn = (bytes: Uint8Array): StoreSecrets => ({
  seed: bytes.subarray(0, seedBytes),
  fingerprintKey: bytes.subarray(seedBytes, seedBytes + FRAME_SECRET_BYTES),
  identity: bytes.subarray(seedBytes + FRAME_SECRET_BYTES),
});

const sealed = (
  tier: LowerTier,
  key: { readonly secret: Uint8Array; readonly salt: Uint8Array },
  plain: Uint8Array,
): Uint8Array => referenceCipher().sealNow({ ...key, context: contextOf(tier) }, [plain]);

function opened(
  { dataKeys, tier }: SecretsParts,
  row: Value,
): { readonly keyId: number; readonly bytes: Uint8Array } {
  const reader = new RecordReader(row);
  assert.equal(reader.number(), VERSION, 'a row of another version');
  const keyId = reader.number();
  const opening = { secret: dataKeys.secretOf(keyId), context: contextOf(tier), firstFrame: 0 };
  const bytes = referenceCipher().openNow(opening, reader.bytes());
  reader.end();
  if (bytes?.length !== secretsBytes) {
    throw new Fault('corrupt', 'key', `the secrets of the ${tier} tier do not open`);
  }
  return { keyId, bytes };
}

const contextOf = (tier: LowerTier): Uint8Array => Buffer.from(`terrace chunk store ${tier}`);
