import assert from 'node:assert/strict';
import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { Random } from '../environment.ts';
import { Fault } from '../fault.ts';
import { SECRETS_KEY_BYTES } from '../limits.ts';

const cipher = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;

/** Seals secret keys for the store, so that a copy of the store alone signs nothing. NIST SP 800-38D; ADR 9. */
export class SecretBox {
  readonly #key: Uint8Array;
  readonly #random: Random;

  constructor(key: Uint8Array, random: Random) {
    assert.equal(key.length, SECRETS_KEY_BYTES);
    this.#key = key;
    this.#random = random;
  }

  /** Nonce, tag and ciphertext. What is sealed for one access key opens for no other. */
  seal(accessKey: string, secretKey: string): Uint8Array {
    const nonce = this.#random.bytes(nonceBytes);
    const sealing = createCipheriv(cipher, this.#key, nonce).setAAD(Buffer.from(accessKey));
    const text = Buffer.concat([sealing.update(secretKey, 'utf8'), sealing.final()]);
    return Buffer.concat([nonce, sealing.getAuthTag(), text]);
  }

  /** Fault('corrupt', 'store') when it was sealed with another key. */
  open(accessKey: string, sealed: Uint8Array): string {
    const opening = createDecipheriv(cipher, this.#key, sealed.subarray(0, nonceBytes), {
      authTagLength: tagBytes,
    });
    opening.setAAD(Buffer.from(accessKey)).setAuthTag(sealed.subarray(nonceBytes, nonceBytes + tagBytes));
    try {
      return (
        opening.update(sealed.subarray(nonceBytes + tagBytes), undefined, 'utf8') + opening.final('utf8')
      );
    } catch (cause) {
      const detail = `The secret key of ${accessKey} cannot be opened: bring back the file secrets.key that belongs to the data directory.`;
      throw new Fault('corrupt', 'store', detail, { cause });
    }
  }
}
