/** Bounds of the lower tiers, a section for each part. Unit last. */

/** Of one stripe, data and parity: so many checksums of large blocks fit into a header (docs/formats.md). */
export const STRIPE_SHARDS_MAX = 64;

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
/** Ranges of one object that are asked for in one turn become one request when no more than this is between them. */
export const COLD_GATHER_GAP_BYTES_MAX = 64 << 10;
/** Of such a request; a longer range goes alone. */
export const COLD_GATHER_BYTES_MAX = 4 << 20;
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
