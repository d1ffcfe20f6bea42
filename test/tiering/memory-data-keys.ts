import { Fault } from '../../src/fault.ts';
import type { DataKey, DataKeys } from '../../src/tiering/data-keys.ts';
import { SECRET_BYTES } from '../../src/workers/cipher.ts';

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
}
