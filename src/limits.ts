/** Every bound of the program in one place. Unit last. */

/** AWS: object keys are at most 1,024 bytes of UTF-8. */
export const KEY_BYTES_MAX = 1024;
/** POSIX NAME_MAX. */
export const POSIX_NAME_BYTES_MAX = 255;
/** POSIX PATH_MAX of a symlink's target. */
export const SYMLINK_BYTES_MAX = 4095;

/** How many numbers one durable write reserves: a crash skips at most as many. */
export const SEQUENCE_LEASE = 1 << 20;

// Namespace

/** One file of 8 PiB; a number of bytes stays exact far beyond. */
export const FILE_BYTES_MAX = 2 ** 53 - 1;
/** RFC 1813 leaves it to the server; ext4 has 65,000. */
export const LINKS_MAX = 65_000;
/** How content is cut into blobs: one write to the hot device, one row of block checksums each. */
export const CONTENT_BLOB_BYTES_MAX = 1 << 20;
/** Extents kept in the inode record; a file with more has rows of its own for them. */
export const EXTENTS_EMBEDDED_MAX = 16;
/** Extents and blobs written by one transaction; longer lists take several. */
export const EXTENTS_PER_COMMIT_MAX = 512;
/** Neighbours of a small write are rewritten with it as long as the blob stays below this: keeps extents few. */
export const GATHER_BYTES_MAX = 64 << 10;
/** Writes smaller than this are copied, so that they do not keep the network buffer they came in. */
export const COPY_BYTES_MAX = 64 << 10;
/** Unwritten NFS data of one file that starts a write-out in the background; at twice as much its writers wait. */
export const DIRTY_FILE_BYTES_MAX = 8 << 20;
/** Unwritten NFS data of all files; writers wait above it. */
export const DIRTY_BYTES_MAX = 64 << 20;
/** Dirty data older than this is written out by the background step. */
export const DIRTY_IDLE_MS_MAX = 2_000;
/** Blobs of one draft that are being written to the device at a time. */
export const DRAFT_WRITES_MAX = 3;
/** Rows a walk or directory listing fetches at a time. */
export const PAGE_ENTRIES_MAX = 1_000;
/** Extended attributes of one inode, names and values together, as on Linux. */
export const XATTR_BYTES_MAX = 64 << 10;
/** A completed upload answers a second CompleteMultipartUpload for this long. */
export const COMPLETED_UPLOAD_SECONDS = 86_400;

// Hot tier.

/** Blobs up to this many bytes travel in their metadata row: one durable write in all. */
export const BLOB_INLINE_BYTES_MAX = 16_384;
/** Nothing larger may be staged. */
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

// NFS door.

/** One READ or WRITE; what Linux asks for at most. */
export const NFS_TRANSFER_BYTES_MAX = 1 << 20;
/** Reply to READDIR that suits best: about 1,500 entries with attributes and handles. */
export const NFS_READDIR_BYTES_PREFERRED = 256 << 10;
/** Entries looked up for one READDIR or READDIRPLUS, however much room the client gives. */
export const NFS_READDIR_ENTRIES_MAX = 2_048;
/** Calls of all clients that run at a time; others wait. */
export const NFS_CALLS_MAX = 512;
/** Clients whose export rules are kept sorted out. */
export const NFS_CLIENTS_CACHED_MAX = 1_024;
/** Names of buckets kept by inode number. */
export const NFS_BUCKET_NAMES_CACHED_MAX = 4_096;
