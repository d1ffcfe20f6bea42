/** Bounds of the lower tiers, a section for each part. Unit last. */

// Copies, migration and fill levels.

/** Blobs of one migration: 4 GiB of content in blobs of the greatest length. */
export const MIGRATION_BLOBS_MAX = 4_096;
/** Migrations that wait; each keeps its list of blobs in memory. */
export const MIGRATIONS_QUEUED_MAX = 1_024;
/** What one step of a migration moves: segments of 2 MiB should come out full. A single larger blob makes a batch of its own. */
export const MIGRATION_BATCH_BYTES_MAX = 16 << 20;
export const MIGRATION_BATCH_BLOBS_MAX = 512;
/** Longer blobs, which only objects of others are, stay where they are: a move holds blobs in memory. */
export const MOVED_BLOB_BYTES_MAX = 16 << 20;
/** Blobs that a batch reads at a time. */
export const MIGRATION_READS_MAX = 4;
/** How often a batch is copied anew because chunks that it shares went meanwhile. */
export const MIGRATION_ATTEMPTS_MAX = 4;
/** Migrations that a policy, or nobody, remembers. */
export const MIGRATION_HISTORY_MAX = 50;
/** Of an error in the history. */
export const MIGRATION_ERROR_CHARS_MAX = 500;
export const POLICY_ID_CHARS_MAX = 128;
/** A batch that must wait for its turn or for a recall asks again after this. */
export const MIGRATION_PAUSE_MS_MAX = 250;
export const RECALL_POLL_MS = 5_000;
/** How often a reader looks again for a blob that was moved under it. */
export const MOVES_OVERTAKEN_MAX = 8;
/** Blobs whose heat is known: about 20 MiB. */
export const HEAT_BLOBS_MAX = 131_072;
/** After this a rate counts half. */
export const HEAT_HALF_LIFE_MS = 300_000;
/** Blobs that were read from a lower tier a short while ago, and those of them that wait to be brought to the hot one. */
export const REREAD_BLOBS_MAX = 65_536;
export const PROMOTIONS_WAITING_MAX = 256;
/** Clean copies in the hot tier; one more pushes another one out. */
export const CLEAN_COPIES_MAX = 262_144;
/** The same that were pushed out and are remembered by name. */
export const CLEAN_GHOSTS_MAX = 65_536;
/** How often a clean copy may survive because it was read. */
export const CLEAN_REUSES_MAX = 3;
/** Blobs that one step brings to the hot tier. */
export const PROMOTION_BATCH_BLOBS = 16;
/** Share of the hot tier at which eviction begins, at which it ends, and at which writers are slowed. */
export const HOT_HIGH_SHARE = 0.8;
export const HOT_LOW_SHARE = 0.6;
export const HOT_CRITICAL_SHARE = 0.95;
/** Share of a lower tier that stays free of what eviction brings. */
export const LOWER_FREE_SHARE_MIN = 0.02;
/** What a lower tier waits, after content has gone from it to a colder one, for its segments to be collected. */
export const SPILL_REST_MS = 30_000;
/** Blobs that eviction looks at to choose victims, and of how many rows a look at the table of blobs is. */
export const EVICTION_SAMPLE_BLOBS = 2_048;
export const EVICTION_PAGE_ROWS = 512;
/** Clean copies that one commit drops. */
export const EVICTION_DROPS_MAX = 64;
/** What a writer waits for each blob when the hot tier is nearly full of what cannot be dropped; and at most for room. */
export const CRITICAL_PAUSE_MS = 20;
export const ROOM_WAIT_MS_MAX = 20_000;
export const ROOM_POLL_MS = 10;
/** How long nothing may have become free until a writer is told that there is no room. */
export const ROOM_PATIENCE_MS = 2_000;
/** Writers that wait for room, each with a blob in memory. */
export const ROOM_WAITERS_MAX = 4_096;
/** How long space of the hot device stays free before it is given back: what is written again soon need not be. */
export const TRIM_AFTER_MS = 60_000;
/** What is given back at a time, in how many runs, and how much free space stays with writers all the while. */
export const TRIM_BATCH_BYTES_MAX = 256 << 20;
export const TRIM_RUNS_MAX = 64;
export const TRIM_FREE_SHARE_MIN = 0.05;
/** Free space below which nobody looks how it is cut up, and the share of it that should lie in whole MiB. */
export const DEFRAGMENT_FREE_BYTES_MIN = 16 << 20;
export const DEFRAGMENT_WHOLE_SHARE_MIN = 0.5;
/** Units that one round empties: each of 1 MiB, or of 64; a quarter of each is in use at most. */
export const DEFRAGMENT_MEBIBYTES_MAX = 2_048;
export const DEFRAGMENT_REGIONS_MAX = 4;
/** Of one step: MiB of the allocator and rows of blobs that are looked at, and what is moved. */
export const DEFRAGMENT_LOOK_UNITS = 16_384;
export const DEFRAGMENT_PAGE_ROWS = 256;
export const DEFRAGMENT_BATCH_BYTES_MAX = 4 << 20;
export const DEFRAGMENT_BYTES_PER_SECOND = 32 << 20;
/** Between two rounds, each of which reads the rows of all blobs. */
export const DEFRAGMENT_REST_MS = 600_000;
/** A hot device that answers nothing for this long hangs; and how long a single read is waited for while others are answered. */
export const HOT_SILENT_MS_MAX = 10_000;
export const HOT_READ_MS_MAX = 60_000;
/** How often that is looked at, and how often a call is let through to a device that hangs. */
export const HOT_WATCH_MS = 1_000;
export const HOT_PROBE_MS = 5_000;
export const HOT_PROBE_DOUBLINGS_MAX = 4;
/** How long after its last failure the device is said to fail. */
export const HOT_FAILURE_SHOWN_MS = 600_000;
/** Places where it has failed that are remembered, and blocks that rows keep from being given out. */
export const HOT_SUSPECTS_MAX = 1_024;
export const HOT_RETIRED_BLOCKS_MAX = 65_536;
/** Of the device, what is kept from being given out until it was examined. */
export const HOT_HELD_SHARE_MAX = 1 / 8;
/** Between two attempts to examine such a place while the whole device fails. */
export const HOT_EXAMINE_REST_MS = 5_000;
/** Places that are tried for one write while the device fails. */
export const HOT_WRITE_ATTEMPTS_MAX = 3;
/** Blobs that one step describes anew. */
export const DESCRIBE_BLOBS_MAX = 128;
/** Damaged copies that wait to be made anew; and how long one rests that could not be, doubling up to the maximum. */
export const REPAIRS_WAITING_MAX = 1_024;
export const REPAIR_REST_MS_MIN = 5_000;
export const REPAIR_REST_MS_MAX = 300_000;
/** Hot blobs that scrubbing reads at a time, and at most between two looks at its pace. */
export const SCRUB_READS_MAX = 4;
export const SCRUB_PAGE_BLOBS = 16;
/** Between two rounds of the background. */
export const SCRUB_REST_MS = 86_400_000;

// Chunk stores.

/** What the namespace says of a blob, which lies twice in a segment. */
export const BLOB_LABEL_BYTES_MAX = 16 << 10;
/** Images of warm segments that a recovery keeps in memory, in bytes; and segments that were found damaged which it remembers. */
export const FOUND_IMAGES_BYTES_MAX = 64 << 20;
export const RECOVERY_LOST_SHOWN_MAX = 10_000;
/** Files of which a recovery says that they did not come back, of each kind; the others are counted. */
export const RECOVERY_FILES_SHOWN_MAX = 1_000;
/** Of a file that is put together in memory; longer ones are in a file of the data directory for a while. */
export const RECOVERY_MEMORY_BYTES_MAX = 16 << 20;
/** What is read of such a file at a time. */
export const RECOVERY_PIECE_BYTES = 1 << 20;
/** Deltas upon deltas that a recovery follows. */
export const RECOVERY_BASES_MAX = 8;
/** How content is cut. */
export const CHUNK_LENGTH_MIN = 32_768;
export const CHUNK_LENGTH_AVERAGE = 65_536;
export const CHUNK_LENGTH_MAX = 524_288;
/** Of an image, as the config may choose it: a chunk of the greatest length has room; what decoders take. */
export const SEGMENT_BYTES_MIN = 1 << 20;
export const SEGMENT_BYTES_MAX = 64 << 20;
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
/** Segments of which it is known when they were read last. */
export const SEGMENT_READS_MAX = 65_536;
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
/** Segments in a row that do not answer and are skipped by a scrub; when there are more, it waits for the store. */
export const SCRUB_SKIPPED_MAX = 16;

/** Slots of the table of what chunks resemble, of 50 bytes each: three a chunk, so that it remembers some 1.4 million chunks. */
export const SIMILAR_SLOTS = 2 ** 22;
/** A shorter chunk is not worth the reading of another one. */
export const SIMILAR_BYTES_MIN = 2_048;
/** How much longer than its delta a base may be; and of all bases that are handed to one packing. */
export const SIMILAR_BASE_RATIO_MAX = 4;
export const SIMILAR_BASE_BYTES_MAX = 64 << 20;

// Cold store.

/** Segments that one page of a listing names; AWS: keys of one ListObjectsV2 page. */
export const SEGMENTS_LISTED_MAX = 1_000;
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

// Warm pool.

/** Of one pool, with those that were taken out. */
export const WARM_DEVICES_MAX = 1_024;
/** Shards of a stripe that may be configured: each is a device that a write waits for. */
export const WARM_SHARDS_MAX = 32;
/** Of an image that is cut into shards, where nobody says otherwise. */
export const WARM_IMAGE_BYTES_MAX = 2 << 20;
/** Stripes whose row and header are in memory: about 4.5 KiB each. */
export const WARM_STRIPES_CACHED_MAX = 4_096;
/** Rows of one page of a scan, and shards that one page of a device names. */
export const WARM_PAGE_ENTRIES_MAX = 512;
/** Calls of one device under way: while it hangs, each holds one of the few threads that files and metadata share. */
export const WARM_DEVICE_CALLS_MAX = 1;
/** Calls that wait for one device; more are refused. */
export const WARM_DEVICE_WAITING_MAX = 1_024;
/** A device that has not answered for this long hangs: nobody asks it anything until it has. */
export const WARM_DEVICE_MS_MAX = 10_000;
/** Failures in a row after which a device is left alone for a while, and for how long. */
export const WARM_FAILURES_MAX = 3;
export const WARM_FAILURE_REST_MS = 15_000;
/** Of a device: below it nothing new is written there. */
export const WARM_DEVICE_FREE_BYTES_MIN = 64 << 20;
/** How often devices are looked at: whether they are there, and how full they are. */
export const WARM_WATCH_MS = 5_000;
/** A device that has done nothing but fail or hang for this long counts as missing. */
export const WARM_SILENT_MS_MAX = 30_000;
/** How long the stop of the gateway waits for what a device has under way. */
export const WARM_CLOSE_MS_MAX = 2_000;
/** A device may be away for this long before its shards are made anew elsewhere. */
export const WARM_MISSING_MS_MAX = 600_000;
/** Damaged segments that wait for repair by name; when there are more, all are looked at. */
export const WARM_REPAIRS_WAITING_MAX = 4_096;
/** How long one of them rests that could not be repaired. */
export const WARM_REPAIR_REST_MS = 60_000;
/** How long at the most until all are looked at again while some have no place: a device that fails may do so no more. */
export const WARM_REPAIR_REST_MS_MAX = 3_600_000;
/** Segments that are repaired at a time: each is in memory as a whole. */
export const WARM_REPAIRS_PARALLEL_MAX = 3;
/** Segments that one step of repair or balance looks at. */
export const WARM_SEGMENTS_PER_STEP = 32;
/** How much fuller, as a share, the fullest device may be than the emptiest before shards move. */
export const WARM_IMBALANCE_MAX = 0.1;
/** Second ways of reads under way, of all reads; more are not begun. */
export const WARM_HEDGES_MAX = 16;
/** When a second way of a read begins, at the earliest, at the latest, and while little is known. */
export const WARM_HEDGE_MS_MIN = 5;
export const WARM_HEDGE_MS_MAX = 1_000;
export const WARM_HEDGE_MS_FIRST = 50;
/** Memory of each device for reads past the caches of the system, in slots that whole shards go through piece by piece. */
export const WARM_DIRECT_SLOTS = 2;
export const WARM_DIRECT_SLOT_BYTES = 512 << 10;
/** Of a block device in the pool: a smaller one would hold next to nothing beside what is kept free. */
export const WARM_DISK_BYTES_MIN = 128 << 20;
/** Of the catalogue of a block device; a group stands for 497 MiB of the device. */
export const WARM_CATALOGUE_GROUPS_MAX = 262_144;
/** So many groups in a row without a block that was ever written are the end of what a start reads. */
export const WARM_CATALOGUE_GROUPS_UNWRITTEN = 4;
/** Blocks of it in memory, 4 KiB each with 31 shards, for each device. */
export const WARM_CATALOGUE_BLOCKS_CACHED_MAX = 2_048;
/** Pieces of one shard on a block device: an entry of the catalogue has room for so many. */
export const WARM_SHARD_EXTENTS_MAX = 11;
/** Of the path of a device. */
export const WARM_PATH_CHARS_MAX = 4_096;
/** Of an answer that `terrace warm` reads: all devices. */
export const WARM_ANSWER_BYTES_MAX = 8 << 20;
/** Of an answer that `terrace scrub` reads. */
export const SCRUB_ANSWER_BYTES_MAX = 65_536;

// Objects of others.

/** Of one page of a folder, which becomes one commit; AWS: keys of one ListObjectsV2 page. */
export const FOLDER_PAGE_ENTRIES = 1_000;
/** Rows that one step out of an attached bucket looks at. */
export const WAY_OUT_ROWS = 256;
/** How long a key that was asked for by name counts as absent, and how many of those are remembered: 200 bytes each. */
export const ABSENT_MS = 10_000;
export const ABSENT_KEYS_MAX = 65_536;
/** Keys that one step of a refresh asks for one by one. */
export const AGAIN_KEYS_PER_STEP = 32;
/** How long the background leaves an attached bucket alone that does not answer. */
export const ATTACHED_REST_MS = 5_000;
/** Of the folders that wait for a refresh, so many are counted. */
export const AGAIN_COUNTED_MAX = 10_000;
/** Rows that one step of detaching a bucket takes away. */
export const DETACH_ROWS = 256;
/** Between two looks whether a bucket that is being detached is needed by what was made here. */
export const DETACH_REST_MS = 10_000;
/** Objects that reads have found changed outside and that wait for a look. */
export const CHANGED_WAITING_MAX = 1_024;
/** AWS: of a key. */
export const FOREIGN_PREFIX_BYTES_MAX = 1_023;
/** Of an answer that `terrace cold` reads. */
export const ATTACHED_ANSWER_BYTES_MAX = 8 << 20;
/** Pieces that one commit cuts from a long object of others. */
export const CUT_PIECES_MAX = 256;
/** The same where one is read again. */
export const CUT_READ_PIECES_MAX = 16;

// Objects of ours under their own keys.

/** Of a blob there, what has a checksum of its own: a read of less reads as much. */
export const NATIVE_BLOCK_BYTES = 64 << 10;
/** A longer object is put in parts. */
export const NATIVE_WHOLE_BYTES_MAX = 64 << 20;
/** Of a part, unless there would be too many of them; AWS: parts of one upload. */
export const NATIVE_PART_BYTES = 16 << 20;
export const NATIVE_PARTS_MAX = 10_000;
/** A longer object is packed: a part is in memory as a whole. 625 GiB. */
export const NATIVE_OBJECT_BYTES_MAX = NATIVE_PARTS_MAX * NATIVE_WHOLE_BYTES_MAX;
/** What one request reads back of an upload. */
export const NATIVE_READ_BACK_BYTES = 8 << 20;
/** Reads of blobs under way for one upload. */
export const NATIVE_READS_MAX = 4;
/** Objects of at most so many bytes are uploaded at a time; a longer one alone. */
export const NATIVE_UPLOADS_MAX = 8;
export const NATIVE_SMALL_BYTES_MAX = 8 << 20;
/** AWS: of a key, with the prefix and the name of the bucket. */
export const NATIVE_KEY_BYTES_MAX = 1_024;
/** Blobs that move out of an object, or into one, with one commit: they are in memory. */
export const NATIVE_BLOBS_MAX = 16;
/** Keys that one step looks at whether anything needs them. */
export const NATIVE_LEADS = 32;
/** Keys of one step that fail before it rests. */
export const NATIVE_SWEEP_FAILURES = 4;
/** How long the background waits when the store does not answer. */
export const NATIVE_REST_MS = 5_000;
/** Keys that are told to be somebody else's by now; of more, the number. */
export const NATIVE_CHANGED_TOLD_MAX = 1_000;
/** Blobs that a step of scrubbing reads. */
export const NATIVE_SCRUB_BLOBS = 16;
/** Completing an upload of many parts takes a store its time. */
export const COLD_COMPLETE_MS = 120_000;
