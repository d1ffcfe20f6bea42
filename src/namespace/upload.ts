import type { Time } from '../environment.ts';
import type { Encryption } from '../keyring/encryption.ts';
import type { Checksum, Expectation, ObjectAt, ObjectFacet, ObjectKey } from './namespace.ts';

/** Multipart uploads as ObjectStore speaks of them. */

export interface UploadSummary {
  readonly key: ObjectKey;
  readonly uploadId: string;
  readonly initiatedAt: Time;
  /** As given to createUpload. */
  readonly facet: ObjectFacet;
  /** Wanted for the parts and the whole, as given to createUpload. */
  readonly checksum: Pick<Checksum, 'algorithm' | 'type'> | undefined;
  /** Drafts of its parts have this key. */
  readonly encryption: Encryption | undefined;
  /** Id of the account that began it, as given to createUpload. */
  readonly initiator?: string | undefined;
}

export interface PartSummary {
  readonly number: number;
  readonly etag: string;
  readonly size: number;
  readonly modifiedAt: Time;
  readonly checksums: readonly Checksum[];
}

export interface UploadAt extends ObjectAt {
  readonly uploadId: string;
}

export interface Completion extends UploadAt {
  readonly parts: readonly { readonly number: number; readonly etag: string }[];
  readonly facet: ObjectFacet;
  readonly expect: Expectation;
}
