import { MOVED_BLOB_BYTES_MAX, PROMOTION_BATCH_BLOBS } from '../limits/tiering.ts';
import type { BlobId } from './blobs.ts';
import type { BlobCopies, Copies } from './copies.ts';
import type { Eviction } from './eviction.ts';
import { bytesToFree, type FillFacts } from './fill-level.ts';
import type { Migrations } from './migration.ts';
import type { Rereads } from './rereads.ts';

interface Parts {
  readonly copies: Copies;
  readonly rereads: Rereads;
  readonly migrations: Pick<Migrations, 'run'>;
  readonly eviction: Pick<Eviction, 'dropClean'>;
  readonly facts: () => FillFacts;
  /** Hears of a blob that cannot have a hot copy as it is. */
  readonly tooLong: (id: BlobId, offset: number) => void;
}

/** Gives blobs that are read again and again a hot copy, in the place of other clean ones where there is no room. */
export class Promotions {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async step(): Promise<'busy' | 'idle'> {
    const { copies, rereads, migrations, eviction } = this.#parts;
    const taken = rereads.take(PROMOTION_BATCH_BLOBS);
    if (taken.length === 0) return 'idle';
    const ids = taken.map(({ id }) => id);
    const found = await copies.of(copies.kv, ids);
    for (const [index, { id, offset }] of taken.entries())
      if ((found[index]?.length ?? 0) > MOVED_BLOB_BYTES_MAX) this.#parts.tooLong(id, offset);
    const bytes = found.reduce((sum, blob) => sum + bytesComing(blob), 0);
    if (!this.#hasRoom(bytes)) await eviction.dropClean(bytes);
    // What cannot be dropped keeps its place: a cache must not push out what is nowhere else.
    if (this.#hasRoom(bytes)) await migrations.run({ blobs: ids, to: 'hot', trigger: 'read' });
    return 'busy';
  }

  #hasRoom(bytes: number): boolean {
    const { bytesTotal, bytesFree } = this.#parts.facts();
    return bytesToFree({ bytesTotal, bytesFree: bytesFree - bytes }, false) === 0;
  }
}

const bytesComing = (blob: BlobCopies | undefined): number =>
  blob === undefined || blob.hot !== undefined || blob.length > MOVED_BLOB_BYTES_MAX ? 0 : blob.length;
