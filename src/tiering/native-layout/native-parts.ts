import type { Environment } from '../../environment.ts';
import type { Kv } from '../../kv/kv.ts';
import type { Compute } from '../../workers/compute.ts';
import type { BlobLabels } from '../blob-labels.ts';
import type { BlobId } from '../blobs.ts';
import type { ColdPlace } from '../cold/cold-place.ts';
import type { ObjectStore } from '../cold/object-store.ts';
import type { Copies } from '../copies.ts';
import type { Descriptions } from '../descriptions.ts';
import type { ForeignCopies } from '../foreign/foreign-copies.ts';
import type { WholeObjects } from '../whole-objects.ts';
import type { ChangedOutside } from './changed-outside.ts';
import type { KeyLocks } from './key-locks.ts';
import type { UploadSizes } from './upload-object.ts';

/** The cold store as a place for objects under their own keys. */
export interface NativeStore {
  /** With all layers; whoever has opened it closes it. */
  readonly objects: ObjectStore;
  readonly place: Pick<ColdPlace, 'prefix'>;
  readonly compute: Compute;
  readonly sizes?: UploadSizes;
  /** Whether it keeps encrypted what it is asked to; known once it has answered. */
  readonly seals: () => boolean;
  /** What moves there from now on lies so; else only what does already is kept. */
  readonly isWanted: boolean;
  /** Whether what these rows do not need may be deleted or replaced there: not while newer metadata may (ADR 42, 45). */
  readonly mayForget: () => boolean;
}

export interface NativeParts {
  readonly store: NativeStore;
  readonly kv: Kv;
  readonly environment: Environment;
  readonly nextId: () => number;
  readonly wholes: WholeObjects;
  readonly labels: BlobLabels;
  readonly descriptions: Pick<Descriptions, 'keep'>;
  readonly copies: Copies;
  readonly foreign: ForeignCopies;
  /** Uploads and deletions of one key follow one another. */
  readonly locks: KeyLocks;
  readonly changed: ChangedOutside;
  /** A copy that has lost its lower one is the only one from now on. */
  readonly isOnly: (id: BlobId) => void;
}
