import type { Time } from '../environment.ts';
import type { Found, ObjectAt, ObjectKey } from './namespace.ts';

/**
 * Names a version of an object within its key and grows with time. 0 is the `null` version: what was written while the
 * bucket had no versioning, or had it suspended.
 */
export type VersionId = number & { readonly brand: 'VersionId' };
export const NULL_VERSION = 0 as VersionId;

const ID_DIGITS = 16;

/** A version as clients see it: `null`, or 16 hexadecimal digits. */
export const versionText = (versionId: VersionId): string =>
  versionId === NULL_VERSION ? 'null' : versionId.toString(16).padStart(ID_DIGITS, '0');

/** AWS: object retention modes. GOVERNANCE yields to those who may bypass it, COMPLIANCE to nobody. */
export interface Retention {
  readonly mode: 'GOVERNANCE' | 'COMPLIANCE';
  readonly until: Time;
}

/** What keeps a version from being removed or changed, through either door. */
export interface ObjectLock {
  readonly retention: Retention | undefined;
  readonly legalHold: boolean;
}

/** Retention of versions that come without one of their own. */
export interface DefaultRetention {
  readonly mode: Retention['mode'];
  readonly unit: 'days' | 'years';
  readonly amount: number;
}

/** What holds for every change in a bucket, through either door. */
export interface BucketRules {
  /** Once enabled it can be suspended, never be off again. */
  readonly versioning: 'off' | 'enabled' | 'suspended';
  /** Object lock, when it is on: it stays on, and versioning with it. */
  readonly objectLock: { readonly defaultRetention: DefaultRetention | undefined } | undefined;
}

/** An object as it is now, or one of its versions. */
export interface VersionAt extends ObjectAt {
  readonly versionId?: VersionId | undefined;
}

export interface LockChange {
  readonly retention?: Retention | 'none';
  readonly legalHold?: boolean;
  /** The caller may bypass GOVERNANCE, and said so. */
  readonly bypassesGovernance: boolean;
}

/** What stands where an object was deleted. */
export interface DeleteMarker {
  readonly versionId: VersionId;
  readonly modifiedAt: Time;
}

/** What a removal did. */
export interface Removal {
  /** Of the delete marker that was made, or of what was removed for good; `undefined` where there is no versioning. */
  readonly versionId: VersionId | undefined;
  /** A delete marker was made or removed. */
  readonly isDeleteMarker: boolean;
}

export interface VersionsOptions {
  readonly prefix: Uint8Array;
  /** Go on behind this version of this key; without a version, behind all of its. */
  readonly after: { readonly key: Uint8Array; readonly versionId: VersionId | undefined };
  readonly delimiter: Uint8Array | undefined;
  readonly entriesMax: number;
}

export type VersionEntry =
  | {
      readonly kind: 'version';
      readonly key: ObjectKey;
      readonly found: Found;
      readonly isLatest: boolean;
      /** When its name began to lead elsewhere or nowhere; `undefined` of the latest. */
      readonly noncurrentSince: Time | undefined;
    }
  | {
      readonly kind: 'deleteMarker';
      readonly key: ObjectKey;
      readonly versionId: VersionId;
      readonly modifiedAt: Time;
      readonly isLatest: boolean;
    }
  | { readonly kind: 'prefix'; readonly prefix: Uint8Array };
