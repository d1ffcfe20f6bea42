/** Every bound of the program in one place. Unit last. */

/** AWS: object keys are at most 1,024 bytes of UTF-8. */
export const KEY_BYTES_MAX = 1024;
/** POSIX NAME_MAX. */
export const POSIX_NAME_BYTES_MAX = 255;
/** POSIX PATH_MAX of a symlink's target. */
export const SYMLINK_BYTES_MAX = 4095;

// Hot tier.

/** Blobs up to this many bytes travel in their metadata row: one durable write in all. */
export const BLOB_INLINE_BYTES_MAX = 16_384;
/** The namespace cuts content into blobs of 1 MiB; nothing may be staged beyond this. */
export const BLOB_BYTES_MAX = 67_108_864;
/** A blob of the greatest size on a device whose free space is single blocks. */
export const BLOB_EXTENTS_MAX = 16_384;
/** Memory that rows of blobs may take: 32,000 blobs of 1 MiB, that is 32 GiB of content found without a read. */
export const BLOB_ROW_CACHE_BYTES_MAX = 33_554_432;
/** Rows a unit of garbage collection deletes: at 16 KiB inline each, a batch of 4 MiB. */
export const GARBAGE_BATCH_ROWS = 256;
/** Rows a page of the scan at start holds: a page of 1 MiB blobs is 0.5 MiB. */
export const BLOB_SCAN_PAGE_ROWS = 512;
/** How often a long scan at start says how far it is. */
export const BLOB_SCAN_LOG_MS = 2000;
/** One read of the hot device: a whole blob of the greatest size. */
export const DEVICE_READ_BYTES_MAX = BLOB_BYTES_MAX;
/** Reads, writes and flushes of the device under way: four blobs of the greatest size in single blocks. */
export const DEVICE_REQUESTS_MAX = 65_536;
/** How often a blob that finds no space asks for more before it gives up. */
export const SPACE_ATTEMPTS_MAX = 64;

// Workers.

/** Below this, hashing costs less than a hop to another thread. */
export const HASH_INLINE_BYTES_MAX = 65_536;

// kv: memory and retries of the transactional store.

/** Hot records, with their keys and an estimate of what the garbage collector keeps beside them. */
export const KV_CACHE_BYTES_MAX = 32 * 1024 * 1024;
/** A larger value is cheap to read once per use and would push out hundreds of small hot ones. */
export const KV_CACHE_VALUE_BYTES_MAX = 16 * 1024;
/** Commits kept in memory because an unfinished transaction is older; above it that transaction starts again. */
export const KV_HISTORY_BYTES_MAX = 64 * 1024 * 1024;
/** Batches handed to the engine and not yet written; above it commits wait. */
export const KV_FLIGHT_BYTES_MAX = 32 * 1024 * 1024;
/** Keys read, ranges scanned and rows written by one transaction. */
export const KV_TRANSACTION_ROWS_MAX = 262_144;
/** Keys and values written by one transaction. */
export const KV_TRANSACTION_BYTES_MAX = 64 * 1024 * 1024;
/** Keys and values of one page of a scan, whatever its number of entries. */
export const KV_PAGE_BYTES_MAX = 1024 * 1024;
/** After so many conflicts a transaction runs alone, so that it cannot starve. */
export const KV_ATTEMPTS_SHARED_MAX = 8;
/** Then Fault('conflict', 'store'). Running alone nothing can conflict, so this is a backstop. */
export const KV_ATTEMPTS_MAX = 16;
