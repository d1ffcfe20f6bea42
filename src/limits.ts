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
/** Unit of placement for streamed content; one write to the hot device, one row of block checksums. */
export const BLOB_BYTES_MAX = 1 << 20;
/** Extents kept in the inode record; a file with more has rows of its own for them. */
export const EXTENTS_EMBEDDED_MAX = 16;
/** Extents and blobs written by one transaction; longer lists take several. */
export const EXTENTS_PER_COMMIT_MAX = 512;
/** Neighbours of a small write are rewritten with it as long as the blob stays below this: keeps extents few. */
export const GATHER_BYTES_MAX = 64 << 10;
/** Writes smaller than this are copied, so that they do not keep the network buffer they came in. */
export const COPY_BYTES_MAX = 64 << 10;
/** Unwritten NFS data of one file that starts a write-out in the background. */
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
/** Blobs up to this travel in their row: one durable write in all. */
export const BLOB_INLINE_BYTES_MAX = 16 << 10;
