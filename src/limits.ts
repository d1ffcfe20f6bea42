/** Every bound of the program in one place. Unit last. */

/** AWS: object keys are at most 1,024 bytes of UTF-8. */
export const KEY_BYTES_MAX = 1024;
/** POSIX NAME_MAX. */
export const POSIX_NAME_BYTES_MAX = 255;
/** POSIX PATH_MAX of a symlink's target. */
export const SYMLINK_BYTES_MAX = 4095;

// S3 door

/** AWS: header section and query together; beyond it the answer is RequestHeaderSectionTooLarge. */
export const HTTP_HEADER_BYTES_MAX = 24 * 1024;
/** AWS: names and values of user metadata together. */
export const USER_METADATA_BYTES_MAX = 2048;
/** How much of a request body is gathered before it is handed on; also the piece size of what is buffered for it. */
export const BODY_GATHER_BYTES = 1024 * 1024;
/** Bodies up to this length are read, hashed and verified before the namespace hears of them. */
export const BODY_SMALL_BYTES_MAX = 64 * 1024;
/** What the door still reads of a body that nobody wants, so that the connection stays usable. */
export const BODY_DRAIN_BYTES_MAX = 4 * 1024 * 1024;
/** AWS: a single PUT, a part, and a copy source are at most 5 GiB. */
export const PUT_BYTES_MAX = 5 * 1024 ** 3;
/** AWS: every part but the last has at least 5 MiB. */
export const PART_BYTES_MIN = 5 * 1024 ** 2;
/** AWS: part numbers are 1 to 10,000. */
export const PART_NUMBER_MAX = 10_000;
/** AWS: entries of one listing page, keys of one DeleteObjects. */
export const LIST_ENTRIES_MAX = 1000;
/** AWS: buckets of one ListBuckets page. */
export const LIST_BUCKETS_MAX = 10_000;
/** Copied from one page to the next of `parts` while an upload is completed. */
export const PARTS_PAGE_MAX = 1000;
/** XML that clients send: 10,000 parts with checksums are about 4 MiB, 1,000 escaped keys about 6 MiB. */
export const XML_BYTES_MAX = 8 * 1024 * 1024;
export const XML_DEPTH_MAX = 16;
export const XML_ELEMENTS_MAX = 100_000;
/** One `size;chunk-signature=…` line of aws-chunked, or one trailer line. */
export const CHUNK_LINE_BYTES_MAX = 1024;
/** Trailer lines behind the last chunk. */
export const CHUNK_TRAILERS_MAX = 16;
/** AWS: only the last signed chunk may be shorter. */
export const CHUNK_BYTES_MIN = 8192;
/** AWS: how far the clock of a signer may be off, both ways. */
export const SIGNATURE_SKEW_SECONDS_MAX = 15 * 60;
/** AWS: a presigned URL is good for at most a week. */
export const PRESIGN_SECONDS_MAX = 7 * 24 * 3600;
/** Derived signing keys kept: one for each key, day and region. */
export const SIGNING_KEYS_MAX = 1024;
/** Parallel removals of one DeleteObjects. */
export const DELETES_PARALLEL_MAX = 16;
