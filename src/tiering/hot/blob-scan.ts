import type { Environment } from '../../environment.ts';
import { Fault } from '../../fault.ts';
import type { Entry, Kv } from '../../kv/kv.ts';
import { BLOB_SCAN_LOG_MS, BLOB_SCAN_PAGE_ROWS, GARBAGE_BATCH_ROWS } from '../../limits.ts';
import type { BlobId } from '../blobs.ts';
import { blobIdOf, blobKey, decodeDeviceBlob, tableRange, type BlobTables } from './blob-records.ts';
import type { Allocator } from './device.ts';
import type { AlsoRelease } from './hot-blobs.ts';

/**
 * Brings the allocator in step with the rows, before anything else happens. Garbage goes first: its space may have been
 * given to others already (see blob-garbage.ts).
 */
export async function rebuildSpace(parts: {
  readonly kv: Kv;
  readonly tables: BlobTables;
  readonly allocator: Allocator;
  readonly environment: Environment;
  readonly alsoRelease: AlsoRelease | undefined;
}): Promise<void> {
  const { kv, tables, allocator, environment, alsoRelease } = parts;
  await finishGarbage(kv, tables, alsoRelease);
  const { clock, log } = environment;
  const started = clock.monotonic();
  let logged = started;
  let blobCount = 0;
  const range = tableRange(tables.device, 0 as BlobId);
  for await (const page of kv.scan(range, { pageEntries: BLOB_SCAN_PAGE_ROWS })) {
    for (const entry of page) reserve(allocator, entry);
    blobCount += page.length;
    if (clock.monotonic() - logged < BLOB_SCAN_LOG_MS) continue;
    logged = clock.monotonic();
    log.info('hot tier: reading the blob table', { blobCount, elapsedMs: logged - started });
  }
}

function reserve(allocator: Allocator, entry: Entry): void {
  for (const extent of decodeDeviceBlob(entry.value).extents) {
    if (extent.offset + extent.length > allocator.bytesTotal()) {
      const detail = `blob ${blobIdOf(entry.key)} lies beyond its end: this is not the device that the metadata describes`;
      throw new Fault('corrupt', 'device', detail);
    }
    allocator.reserve(extent);
  }
}

/** Bounded batches until the garbage table is empty. */
async function finishGarbage(
  kv: Kv,
  tables: BlobTables,
  alsoRelease: AlsoRelease | undefined,
): Promise<void> {
  const range = tableRange(tables.garbage, 0 as BlobId);
  for await (const page of kv.scan(range, { pageEntries: GARBAGE_BATCH_ROWS })) {
    const ids = page.map(({ key }) => blobIdOf(key));
    await kv.transact('buffered', async (tx) => {
      await alsoRelease?.(tx, ids);
      for (const id of ids) {
        tx.delete(blobKey(tables.garbage, id));
        tx.delete(blobKey(tables.device, id));
        tx.delete(blobKey(tables.inline, id));
      }
    });
  }
}
