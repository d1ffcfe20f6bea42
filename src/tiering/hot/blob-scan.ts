import type { Environment } from '../../environment.ts';
import { Fault } from '../../fault.ts';
import type { Entry, Kv } from '../../kv/kv.ts';
import { BLOB_SCAN_LOG_MS, BLOB_SCAN_PAGE_ROWS, GARBAGE_BATCH_ROWS } from '../../limits.ts';
import type { BlobId } from '../blobs.ts';
import { blobIdOf, blobKey, decodeDeviceBlob, tableRange, type BlobTables } from './blob-records.ts';
import type { Allocator, DeviceExtent } from './device.ts';
import { overlap, retiredBlocks, unretire } from './failed-space.ts';
import type { AlsoRelease } from './hot-blobs.ts';

/**
 * Brings the allocator in step with the rows, before anything else happens; answers the blocks that are retired. Garbage goes
 * first: its space may have been given to others already (see blob-garbage.ts).
 */
export async function rebuildSpace(parts: {
  readonly kv: Kv;
  readonly tables: BlobTables;
  readonly allocator: Allocator;
  readonly environment: Environment;
  readonly alsoRelease: AlsoRelease | undefined;
}): Promise<readonly DeviceExtent[]> {
  const { kv, tables, allocator, environment, alsoRelease } = parts;
  await finishGarbage(kv, tables, alsoRelease);
  const { clock, log } = environment;
  const started = clock.monotonic();
  let logged = started;
  let blobCount = 0;
  const retired = new Map((await retiredBlocks(kv, tables)).map((block) => [block.offset, block]));
  const inUse: DeviceExtent[] = [];
  const range = tableRange(tables.device, 0 as BlobId);
  for await (const page of kv.scan(range, { pageEntries: BLOB_SCAN_PAGE_ROWS })) {
    for (const entry of page) {
      for (const extent of reserve(allocator, entry)) inUse.push(...takeOverlaps(retired, extent));
    }
    blobCount += page.length;
    if (clock.monotonic() - logged < BLOB_SCAN_LOG_MS) continue;
    logged = clock.monotonic();
    log.info('hot tier: reading the blob table', { blobCount, elapsedMs: logged - started });
  }
  await unretire(kv, tables, inUse);
  const kept = [...retired.values()].filter(({ offset }) => offset < allocator.bytesTotal());
  for (const block of kept) allocator.reserve(block);
  return kept;
}

/** Blocks that an extent has; they are not among the others any more. */
function takeOverlaps(blocks: Map<number, DeviceExtent>, extent: DeviceExtent): readonly DeviceExtent[] {
  if (blocks.size === 0) return [];
  const taken = [...blocks.values()].filter((block) => overlap(block, extent));
  for (const { offset } of taken) blocks.delete(offset);
  return taken;
}

/** The extents of a blob, which are in use from now on. */
function reserve(allocator: Allocator, entry: Entry): readonly DeviceExtent[] {
  const { extents } = decodeDeviceBlob(entry.value);
  for (const extent of extents) {
    if (extent.offset + extent.length > allocator.bytesTotal()) {
      const detail = `blob ${blobIdOf(entry.key)} lies beyond its end: this is not the device that the metadata describes`;
      throw new Fault('corrupt', 'device', detail);
    }
    allocator.reserve(extent);
  }
  return extents;
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
