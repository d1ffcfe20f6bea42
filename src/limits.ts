/** Every bound of the program in one place. Unit last. */

/** AWS: object keys are at most 1,024 bytes of UTF-8. */
export const KEY_BYTES_MAX = 1024;
/** POSIX NAME_MAX. */
export const POSIX_NAME_BYTES_MAX = 255;
/** POSIX PATH_MAX of a symlink's target. */
export const SYMLINK_BYTES_MAX = 4095;

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
/** Of RocksDB: data, index and filter blocks. */
export const ROCKSDB_BLOCK_CACHE_BYTES = 64 * 1024 * 1024;
/** Of RocksDB: one memtable; three at most. */
export const ROCKSDB_MEMTABLE_BYTES = 32 * 1024 * 1024;
/** Of RocksDB: open table files. */
export const ROCKSDB_OPEN_FILES_MAX = 512;
