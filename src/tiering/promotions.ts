import { MOVED_BLOB_BYTES_MAX, PROMOTION_BATCH_BLOBS } from '../limits/tiering.ts';
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
}

/** Gives blobs that are read again and again a hot copy, in the place of other clean ones where there is no room. */
export class Promotions {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async step(): Promise<'busy' | 'idle'> {
    const { copies, rereads, migrations, eviction } = this.#parts;
    const ids = rereads.take(PROMOTION_BATCH_BLOBS);
    if (ids.length === 0) return 'idle';
    const found = await copies.of(copies.kv, ids);
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
