import type { Random } from '../environment.ts';
import type { RecoveryKeys } from '../tiering/data-keys.ts';
import { SALT_BYTES, SECRET_BYTES, type Cipher } from '../workers/cipher.ts';

interface SealingParts {
  readonly cipher: Cipher;
  /** The master key: of the file secrets.key. */
  readonly secretsKey: Uint8Array;
  readonly random: Random;
}

/**
 * A data key sealed by the master key alone, past the ring, whose rows are in the metadata: segments carry it, so that they can
 * be read when those are gone. A rotation of the ring changes neither.
 */
export function sealEnvelope(parts: SealingParts, keyId: number, secret: Uint8Array): Uint8Array {
  const { cipher, secretsKey, random } = parts;
  const seal = { secret: secretsKey, salt: random.bytes(SALT_BYTES), context: contextOf(keyId) };
  return cipher.sealNow(seal, [secret]);
}

/** What is sealed in envelopes, with nothing but the master key. */
export const envelopeKeys = ({ cipher, secretsKey }: Omit<SealingParts, 'random'>): RecoveryKeys => ({
  secretIn(keyId, envelope) {
    const opening = { secret: secretsKey, context: contextOf(keyId), firstFrame: 0 };
    const secret = cipher.openNow(opening, envelope);
    return secret?.length === SECRET_BYTES ? secret : undefined;
  },
});

const contextOf = (keyId: number): Uint8Array => Buffer.from(`terrace envelope of data key ${keyId}`);
