import type { Time } from '../environment.ts';

/** Who asked, as the door knows it. Absent members are what the protocol does not say. */
export interface Actor {
  readonly door: 's3' | 'nfs';
  /** As the protocol names it: `DeleteObject`, `REMOVE`. */
  readonly operation: string;
  /** Address of the other end of the connection. */
  readonly client: string;
  /** ARN of who signed; absent over S3: nobody did. */
  readonly principal?: string | undefined;
  readonly accessKey?: string | undefined;
  /** As the credential of the NFS call says, before any squashing. */
  readonly uid?: number | undefined;
  /** Of the answer, over S3. */
  readonly requestId?: string | undefined;
}

/** What keeps a version, at the time of an event. */
export interface LockFacts {
  readonly retention: { readonly mode: 'GOVERNANCE' | 'COMPLIANCE'; readonly until: Time } | undefined;
  readonly legalHold: boolean;
}

/**
 * `refused`: object lock kept something as it was. `bypassed`: GOVERNANCE yielded to somebody who may bypass it.
 * `lock-changed`: retention or legal hold of a version. `configuration-changed`: object lock of a bucket.
 * `interrupted`: the gateway ended without being stopped.
 */
export const auditKinds = [
  'refused',
  'bypassed',
  'lock-changed',
  'configuration-changed',
  'interrupted',
] as const;
export type AuditKind = (typeof auditKinds)[number];

/** What the trail keeps of one moment. */
export interface AuditEvent {
  readonly kind: AuditKind;
  /** `undefined`: the gateway itself. */
  readonly actor: Actor | undefined;
  /** Name of the bucket. */
  readonly bucket?: string | undefined;
  /** In bytes; absent when it is about a bucket, or about many keys. */
  readonly key?: Uint8Array | undefined;
  /** 0 is the `null` version. */
  readonly versionId?: number | undefined;
  /** Of the version, before. */
  readonly lock?: LockFacts | undefined;
  /** What the lock is from now on. */
  readonly becomes?: LockFacts | undefined;
  /** Why, or what; one phrase. */
  readonly detail: string;
}

export interface AuditRow extends AuditEvent {
  /** Grows along the trail. */
  readonly order: number;
  readonly at: Time;
  /** How many times this happened between `at` and `lastAt`. */
  readonly count: number;
  readonly lastAt: Time;
}
