/** A secret that seals content below the namespace. */
export interface DataKey {
  /** Written beside what it seals; below 2^53, never reused. */
  readonly keyId: number;
  /** 32 bytes. */
  readonly secret: Uint8Array;
}

/**
 * Secrets of the tiers, made by the key ring and sealed by it where they lie. A rotation of the ring seals them anew and adds
 * one that seals from then on. Old ones stay for good: nobody counts what is sealed with them.
 */
export interface DataKeys {
  /** What seals now. */
  current(): DataKey;
  /** Fault('corrupt', 'key') for one that there is not. */
  secretOf(keyId: number): Uint8Array;
  /** The secret once more, sealed for who has lost the ring and has kept its master key: it may lie anywhere. Opaque. */
  envelopeOf(keyId: number): Uint8Array;
}

/** What opens envelopes. */
export interface RecoveryKeys {
  /** `undefined`: it was sealed with another master key, or for another number, or is damaged. */
  secretIn(keyId: number, envelope: Uint8Array): Uint8Array | undefined;
}
