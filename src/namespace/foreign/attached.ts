import type { Bucket, Ino, ObjectAt } from '../namespace.ts';
import type { Binding } from './records.ts';

/** What is said of a new one; the rest is known. */
export type NewBinding = Pick<Binding, 'id' | 'prefix' | 'place' | 'access'>;

export interface AttachedBucket extends Binding {
  /** That a refresh has not looked at yet; at most `AGAIN_COUNTED_MAX`. */
  readonly foldersWaiting: number;
  /** Of one that is being detached: blobs of what was made here that are only there; `undefined`: not known yet. */
  readonly blobsLeft: number | undefined;
}

/** Buckets of ours that show what lies in ones of others. Changes are durable when they resolve. */
export interface AttachedBuckets {
  /** By name. */
  list(): Promise<readonly AttachedBucket[]>;
  isAttached(bucket: Ino): boolean;
  /** Whether content may be read from there still. */
  isNeeded(binding: Binding['id']): boolean;
  /**
   * From now on an empty bucket shows what lies below a prefix of a bucket of others, listed when somebody looks. Fault('exists',
   * 'bucket') when it shows one already, 'not-empty' when it holds something.
   */
  attach(bucket: Pick<Bucket, 'ino' | 'name'>, binding: NewBinding): Promise<void>;
  /**
   * Ends it, in the background: what nobody has changed here goes from the bucket, and what was made here stays. The binding is
   * gone when no content is read from there any more. Fault('not-found', 'bucket') for one that is not attached.
   */
  detach(bucket: Ino): Promise<void>;
  /**
   * The folder of that key, empty for all, and those below it are looked at again in the background. Fault('not-found', 'bucket')
   * for one that is not attached, 'object' when there is no such folder.
   */
  refresh(folder: ObjectAt): Promise<void>;
  /** One bounded unit of the work in the background. */
  step(): Promise<'busy' | 'idle'>;
}
