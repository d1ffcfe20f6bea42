import type { Time } from '../environment.ts';
import type { KvTransaction } from '../kv/kv.ts';
import type { DataKeys } from '../tiering/data-keys.ts';
import type { ContentKey, Encryption, EncryptionWish } from './encryption.ts';

/** `s3` seals the data keys of the tiers, `default` those of SSE-KMS without a key: both are there from the start. */
export type KeyPurpose = 's3' | 'default' | 'named';

/** A disabled key neither seals nor opens; a deleting one goes when nothing is sealed by it. */
export type KeyState = 'enabled' | 'disabled' | 'deleting';

/** What the background job has done for a key in the pass that is under way or was the last. */
export interface RewrapProgress {
  readonly isRunning: boolean;
  /** Contents and uploads looked at. */
  readonly examined: number;
  /** Of this key: sealed anew; for a key that is deleted: found to need it still. */
  readonly matched: number;
}

/** A key of the ring, without its material. */
export interface RingKey {
  /** Like a UUID. */
  readonly id: string;
  /** As AWS writes it: `arn:aws:kms:REGION:ACCOUNT:key/ID`. */
  readonly arn: string;
  /** With `alias/` before it. */
  readonly alias: string | undefined;
  readonly purpose: KeyPurpose;
  readonly state: KeyState;
  readonly createdAt: Time;
  /** Counts from 1 and grows with each rotation. */
  readonly version: number;
  /** Older ones that may still seal something. */
  readonly oldVersions: readonly number[];
  /** Since the start of the gateway. */
  readonly progress: RewrapProgress | undefined;
}

/** Content keys: made, sealed and opened with what the ring has in memory. Faults have the subject 'key'. */
export interface ContentKeys {
  /**
   * A key for a new content; the one of `like` where both may have the same: its content is shared then, not read.
   * Fault('not-found') for a key that there is not, Fault('not-permitted') for one that is not enabled.
   */
  make(wish: EncryptionWish, like?: ContentKey): ContentKey;
  /** Fault('access-denied') without the customer's key or with another; otherwise as `make`. */
  open(encryption: Encryption, customerKey?: Uint8Array): ContentKey;
  /**
   * What must be written in `tx` in the place of `encryption`: sealed by the version of its key that counts in that
   * transaction, which conflicts with every change of the key. So nothing gets behind a rewrap that has begun.
   */
  settle(tx: KvTransaction, encryption: Encryption): Promise<Encryption>;
  /** As AWS writes the key: `arn:aws:kms:REGION:ACCOUNT:key/ID`. */
  arnOf(keyId: string): string;
}

/** Keys, and what is left to do for each when one of them has rotated or shall go. */
export interface Rewrapping {
  /** The keys that need a pass over all content as they are now; `undefined`: none does. */
  goal(): RewrapGoal | undefined;
  /** `encryption` under the present version when the goal wants that. */
  rewrapped(goal: RewrapGoal, encryption: Encryption): Encryption | undefined;
  /** Whether the goal is to remove the key of `encryption`. */
  isInTheWay(goal: RewrapGoal, encryption: Encryption): boolean;
  note(goal: RewrapGoal, progress: PassProgress): void;
  /** Everything was looked at, and every change is durable: old versions go, and keys that nothing needs. */
  finish(goal: RewrapGoal, progress: PassProgress): Promise<void>;
}

/** By id of a key: the version that all of its contents shall have at least, or that it shall go. */
export type RewrapGoal = ReadonlyMap<string, { readonly versionMin: number; readonly removes: boolean }>;

export interface PassProgress {
  readonly examined: number;
  /** By id of a key. */
  readonly matched: ReadonlyMap<string, number>;
}

/**
 * The key ring: named keys with versions, sealed in the store by the gateway's own key, in memory while it runs. Changes
 * are durable when they resolve and count from then on. Keys are named by id, ARN, alias or ARN of an alias.
 */
export interface Keyring extends ContentKeys, Rewrapping {
  readonly dataKeys: DataKeys;
  list(): readonly RingKey[];
  /** Fault('not-found'). Also of one that is disabled. */
  find(name: string): RingKey;
  /** Fault('exists') when the alias is taken, Fault('quota-exceeded') when there are too many. */
  create(alias: string | undefined): Promise<RingKey>;
  /** Makes a version that seals from now on. Fault('not-permitted') unless the key is enabled. */
  rotate(name: string): Promise<RingKey>;
  /** Fault('not-permitted') for the two keys that are always there. */
  setState(name: string, state: 'enabled' | 'disabled'): Promise<RingKey>;
  /**
   * A disabled key goes in the background once a pass has found nothing that it seals; else it is disabled again.
   * Fault('not-permitted') unless the key is disabled.
   */
  remove(name: string): Promise<RingKey>;
}
