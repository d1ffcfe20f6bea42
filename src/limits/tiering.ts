/** Bounds of the lower tiers, a section for each part. Unit last. */

/** Of one stripe, data and parity: so many checksums of large blocks fit into a header (docs/formats.md). */
export const STRIPE_SHARDS_MAX = 64;

// Chunk stores.

/** How content is cut. */
export const CHUNK_LENGTH_MIN = 32_768;
export const CHUNK_LENGTH_AVERAGE = 65_536;
export const CHUNK_LENGTH_MAX = 524_288;
/** Of all blobs of one call that stores some; they are in memory already. One blob of the greatest size has room. */
export const STORE_BATCH_BYTES_MAX = 128 << 20;
/** Of such a call: blobs that are being cut; segments that are being put, beside the one that is being packed. */
export const STORE_CUTS_MAX = 4;
export const STORE_PUTS_MAX = 3;
/** Plain bytes handed to one packing, which takes as many as it has room for: a power of what a segment holds. */
export const PACK_RATIO_MAX = 16;
export const PACK_BYTES_MAX = 64 << 20;
/** Rows read at once by their keys. */
export const CHUNK_ROWS_MAX = 1_024;
/** Recipes and chunk rows in memory: some 150 and 300 bytes for each chunk. */
export const RECIPE_CACHE_CHUNKS_MAX = 65_536;
export const CHUNK_CACHE_ROWS_MAX = 65_536;
/** One read of a segment; frames with no more than the gap between them are read at once; reads of one call under way. */
export const READ_RUN_BYTES_MAX = 4 << 20;
export const READ_GAP_BYTES_MAX = 16 << 10;
export const READ_RUNS_MAX = 4;
/** How often a read starts again because frames have moved or were healed. */
export const READ_ATTEMPTS_MAX = 4;
/** Segments of one blob that are brought back at a time. */
export const RECALLS_MAX = 8;
/** Rows that a unit of collection looks at. */
export const COLLECT_ROWS = 256;
/** Chunks and segments that are known to want a look; of more, a round over all tables is the way. */
export const DEAD_CHUNKS_MAX = 65_536;
export const SEGMENT_LEADS_MAX = 16_384;
/** How long after a round over all tables, and all segments of the store, the next one begins. */
export const COLLECT_ROUND_MS = 86_400_000;
/** So many segments that have room in one are made one. */
export const SMALL_SEGMENTS_MIN = 8;
/** Chunks whose references one pass over all recipes counts: 100 bytes each. */
export const AUDIT_CHUNKS_MAX = 262_144;
/** Chunks, each of half a mebibyte at most, that a step of scrubbing opens. */
export const SCRUB_CHUNKS = 64;
/** Damaged segments that one round of scrubbing remembers; of more it looks at every chunk. */
export const SCRUB_DAMAGED_MAX = 65_536;

// Cold store.

/** Segments that one page of a listing names; AWS: keys of one ListObjectsV2 page. */
export const SEGMENTS_LISTED_MAX = 1_000;
/** Of an image: smaller ones cost a request for little; larger ones are no longer read as images (docs/formats.md). */
export const COLD_SEGMENT_BYTES_MIN = 128 << 10;
export const COLD_SEGMENT_BYTES_MAX = 64 << 20;
/** Of a shard of an image. */
export const COLD_SHARD_BYTES_MIN = 4_096;
/** An image of the greatest length with as much parity as data, and headers. */
export const COLD_OBJECT_BYTES_MAX = 129 << 20;
/** Requests that may be under way at a time: each may hold an object in memory. */
export const COLD_REQUESTS_MAX = 1_024;
/** Calls that wait for their turn; further ones are told to come again. */
export const COLD_WAITING_MAX = 1_024;
/** Of these places every so many-th goes to background work, however many readers wait. */
export const COLD_PATIENT_TURN = 4;
/** Attempts at one call, and how long they may take in all. */
export const COLD_ATTEMPTS_MAX = 6;
export const COLD_CALL_MS_MAX = 60_000;
/** Between attempts: random up to this, doubling up to the maximum; more where the store says that it is busy. */
export const COLD_BACKOFF_MS_MIN = 100;
export const COLD_BACKOFF_BUSY_MS_MIN = 500;
export const COLD_BACKOFF_MS_MAX = 10_000;
/** Of one attempt: this, and as long as its bytes take at the slowest pace that is borne. */
export const COLD_ATTEMPT_MS = 15_000;
export const COLD_BYTES_PER_SECOND_MIN = 256 << 10;
export const COLD_CONNECT_MS_MAX = 5_000;
/** An open connection without a byte. */
export const COLD_SOCKET_QUIET_MS_MAX = 30_000;
/** After so many failed attempts in a row nothing is sent for a while, which doubles up to the maximum. */
export const COLD_FAILURES_MAX = 8;
export const COLD_PAUSE_MS_MIN = 2_000;
export const COLD_PAUSE_MS_MAX = 30_000;
/** How often an upload is read back before it counts as not what was sent. */
export const COLD_READ_BACKS_MAX = 3;
/** Uploads of the same bytes, each over the one before, until the store counts as broken. */
export const COLD_UPLOADS_MAX = 2;
/** Between two looks at an object that does not read as it was written. */
export const COLD_LOOK_AGAIN_MS_MAX = 500;
/** How long the state of a recall is believed before the store is asked again, and how many are kept. */
export const COLD_RECALL_LOOK_MS = 10_000;
export const COLD_RECALLS_MAX = 65_536;
/** AWS: days that a restored object stays. */
export const COLD_RECALL_DAYS_MAX = 30_000;
/** Of the object that says whose a prefix is. */
export const COLD_MARKER_BYTES_MAX = 4_096;
/** AWS: names of buckets; keys, of which segments need 50. */
export const COLD_BUCKET_CHARS_MAX = 63;
export const COLD_PREFIX_CHARS_MAX = 900;
/** Upper bounds of the histogram of requests. */
export const COLD_SECONDS_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
