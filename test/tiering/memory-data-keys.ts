import { Fault } from '../../src/fault.ts';
import type { DataKey, DataKeys } from '../../src/tiering/data-keys.ts';
import { envelopeKeys, sealEnvelope } from '../../src/keyring/envelope.ts';
import { SECRET_BYTES } from '../../src/workers/cipher.ts';
import { referenceCipher } from '../../src/workers/reference-cipher.ts';
import { seededRandom } from '../kv/seeded-random.ts';

const master = { cipher: referenceCipher(), secretsKey: Buffer.alloc(SECRET_BYTES, 0xee) };

/** Opens the envelopes of all `MemoryDataKeys`. */
export const recoveryKeys = envelopeKeys(master);

/** Data keys that a test makes: the last one seals. */
export class MemoryDataKeys implements DataKeys {
  keyIdNow = 1;

  current(): DataKey {
    return { keyId: this.keyIdNow, secret: this.secretOf(this.keyIdNow) };
  }

  secretOf(keyId: number): Uint8Array {
    if (keyId > this.keyIdNow) throw new Fault('corrupt', 'key', `there is no data key ${keyId}`);
    return Buffer.alloc(SECRET_BYTES, keyId);
  }

  envelopeOf(keyId: number): Uint8Array {
    return sealEnvelope({ ...master, random: seededRandom(keyId) }, keyId, this.secretOf(keyId));
  }
}
