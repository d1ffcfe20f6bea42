import type { Trail } from '../audit/trail.ts';
import type { Environment } from '../environment.ts';
import type { BucketEncryption } from '../keyring/bucket-encryption.ts';
import type { ContentKeys, Rewrapping } from '../keyring/keyring.ts';
import type { Kv } from '../kv/kv.ts';
import type { Sequence } from '../kv/sequence.ts';
import type { Blobs } from '../tiering/blobs.ts';
import { ContentCache } from '../tiering/content-cache.ts';
import { Rooms } from '../tiering/rooms.ts';
import type { Cipher } from '../workers/cipher.ts';
import type { Ino } from './namespace.ts';
import { OpenFiles } from './open-files.ts';
import { ShortExtents } from './merge-extents.ts';
import { ReadAhead } from './read-ahead.ts';
import type { OpenQuotas } from './quota/open-quotas.ts';

/** What every operation of the namespace works with. */
export interface Parts {
  readonly environment: Environment;
  /** Counts usage: see quota/counting.ts. */
  readonly kv: Kv;
  readonly sequence: Sequence;
  readonly blobs: Blobs;
  readonly cipher: Cipher;
  readonly keyring: ContentKeys & Rewrapping;
  /** Of buckets that say nothing themselves; `undefined`: content stays plain. */
  readonly defaultEncryption: BucketEncryption | undefined;
  /** For sealed bytes on their way. */
  readonly rooms: Rooms;
  readonly files: OpenFiles;
  readonly quotas: OpenQuotas;
  readonly trail: Trail;
  /** Content that was read over NFS. */
  readonly cache: ContentCache;
  readonly readAhead: ReadAhead;
  readonly shortExtents: ShortExtents;
  /** Contents with extent rows that somebody is reading: they are not collected until released. */
  readonly contentPins: Map<number, number>;
  /** Inodes to be of drafts that have saved extents. */
  readonly savedDrafts: Set<Ino>;
}

/** What a namespace stands on; the rest is memory of its own. */
export type PartsGiven = Omit<
  Parts,
  'rooms' | 'files' | 'cache' | 'readAhead' | 'shortExtents' | 'contentPins' | 'savedDrafts'
>;

export const partsOf = (given: PartsGiven): Parts => ({
  ...given,
  rooms: new Rooms(),
  files: new OpenFiles(),
  cache: new ContentCache(),
  readAhead: new ReadAhead(),
  shortExtents: new ShortExtents(),
  contentPins: new Map(),
  savedDrafts: new Set(),
});
