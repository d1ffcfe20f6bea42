/** Bounds of the lower tiers, a section for each part. Unit last. */

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
