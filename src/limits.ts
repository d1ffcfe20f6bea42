/** Every bound of the program but those of the doors, which are in `limits/`. Unit last. */

/** AWS: object keys are at most 1,024 bytes of UTF-8. */
export const KEY_BYTES_MAX = 1024;
/** POSIX NAME_MAX. */
export const POSIX_NAME_BYTES_MAX = 255;
/** POSIX PATH_MAX of a symlink's target. */
export const SYMLINK_BYTES_MAX = 4095;

/** How many numbers one durable write reserves: a crash skips at most as many. */
export const SEQUENCE_LEASE = 1 << 20;

// Namespace

/** One file of 4 PiB: its size stays an exact number when it is rounded up to whole sectors or blocks. */
export const FILE_BYTES_MAX = 2 ** 52;
/** RFC 1813 leaves it to the server; ext4 has 65,000. */
export const LINKS_MAX = 65_000;
/** AWS: a default retention is at most 100 years long. */
export const RETENTION_DAYS_MAX = 36_500;
export const RETENTION_YEARS_MAX = 100;
/** How long NFS must leave a version alone until it is sealed and the next change begins another one. */
export const VERSION_QUIET_SECONDS = 10;
/** How often an operation starts again because others were faster, until whoever asked is told to come back. */
export const CHANGE_ATTEMPTS_MAX = 64;
/** Keys below a directory that has moved which one step of the background ends with a delete marker. */
export const MOVED_KEYS_PER_STEP_MAX = 128;
/** Names of an inode that its record keeps, beside the entries that lead to it. */
export const INODE_NAMES_MAX = 8;
/** Inodes of rows in memory that are kept decoded: a few hundred bytes each. */
export const DECODED_INODES_MAX = 256;
/** How content is cut into blobs: one write to the hot device, one row of block checksums each. */
export const CONTENT_BLOB_BYTES_MAX = 1 << 20;
/** Extents kept in the inode record; a file with more has rows of its own for them. */
export const EXTENTS_EMBEDDED_MAX = 16;
/** Gap between changed ranges of a file over which a scan of its extents goes on. */
export const EXTENT_SCAN_GAP_BYTES_MAX = 16 << 20;
/** Extents that a truncation gives up in one transaction. */
export const EXTENTS_TRUNCATED_MAX = 4_096;
/** Extents and blobs written by one transaction; longer lists take several. */
export const EXTENTS_PER_COMMIT_MAX = 512;
/** Neighbours of a small write are rewritten with it as long as the blob stays below this: keeps extents few. */
export const GATHER_BYTES_MAX = 64 << 10;
/** Runs from this length on are gathered only where a file is written from front to back. */
export const GATHER_BELOW_BYTES = 4_096;
/** So many extents within one blob's length of a file are made one when nobody has written there for this long. */
export const EXTENTS_MERGED_MIN = 16;
export const MERGE_QUIET_MS = 5_000;
/** Of a file that one step looks at and may rewrite; and files that wait for it: others wait until they are written to again. */
export const MERGE_SCAN_BYTES_MAX = 4 << 20;
export const MERGE_FILES_MAX = 4_096;
/** Writes smaller than this are copied, so that they do not keep the network buffer they came in. */
export const COPY_BYTES_MAX = 64 << 10;
/** Unwritten NFS data of one file that starts a write-out in the background; at twice as much its writers wait. */
export const DIRTY_FILE_BYTES_MAX = 8 << 20;
/** Unwritten NFS data of all files; writers wait above it. Stable writes, which hold it for a moment, at twice as much. */
export const DIRTY_BYTES_MAX = 64 << 20;
/** The same of files that one client has begun to write to: what one floods leaves room for the others. */
export const DIRTY_CLIENT_BYTES_MAX = 40 << 20;
/** Files with unwritten data; and an estimate of what a run of such bytes takes beside them. */
export const DIRTY_FILES_MAX = 16_384;
export const DIRTY_RANGE_OVERHEAD_BYTES = 256;
/** Dirty data older than this is written out by the background step. */
export const DIRTY_MS_MAX = 2_000;
/** How far ahead of a reader that goes from front to back content is brought into memory: it doubles up to the maximum. */
export const READ_AHEAD_BYTES_MIN = 256 << 10;
export const READ_AHEAD_BYTES_MAX = 2 << 20;
/** The same of all readers, while it is on its way; and files whose readers are followed. */
export const READ_AHEAD_TOTAL_BYTES_MAX = 16 << 20;
export const READ_AHEAD_FILES_MAX = 1_024;
/** Blobs of one draft that are being written to the device at a time. */
export const DRAFT_WRITES_MAX = 3;
/** Rows a walk or directory listing fetches at a time: a page of S3, and what tells that there is another one, come at once. */
export const PAGE_ENTRIES_MAX = 1_024;
/** Files whose write-outs have ended lately: a listing that meets more of them while it reads asks every inode. */
export const FORGOTTEN_FILES_MAX = 4_096;
/** Versions that a listing reads in one moment, unless one key has more. */
export const VERSIONS_PER_READ_MAX = 256;
/** Extended attributes of one inode, names and values together: they travel with the inode's record. */
export const XATTR_BYTES_MAX = 64 << 10;
/** Linux: XATTR_NAME_MAX. */
export const XATTR_NAME_BYTES_MAX = 255;
/** Linux allows 64 KiB; a single value must leave room for others. */
export const XATTR_VALUE_BYTES_MAX = 32 << 10;
/** A completed upload answers a second CompleteMultipartUpload for this long. */
export const COMPLETED_UPLOAD_SECONDS = 86_400;

// Labels of blobs

/** Inodes that are known to show one blob: copies beyond these are found when the metadata is there. */
export const BLOB_HOLDERS_MAX = 8;
/** In one label: names of a file, and pieces of it that show the blob. */
export const LABEL_NAMES_MAX = 8;
export const LABEL_PIECES_MAX = 64;

// Quotas

/** Kept in memory, each with what it uses. */
export const QUOTAS_MAX = 100_000;
/** A refusal leaves a line in the log; further ones of the same quota within this time do not. */
export const QUOTA_REFUSAL_LOG_SECONDS = 60;
/** Linux: MAX_DQ_TIME, a week. */
export const QUOTA_GRACE_SECONDS = 7 * 86_400;
export const QUOTA_GRACE_SECONDS_MAX = 10 * 365 * 86_400;
/** Of an answer that `terrace quota` reads: all quotas. */
export const QUOTAS_BYTES_MAX = 67_108_864;
/** Owners whose usage one commit writes when all of a store is counted. */
export const QUOTA_OWNERS_PER_COMMIT = 10_000;

/** What one step of the census counts: inodes, or extents of a file that has very many; and how much who asks for the counts waits for. */
export const CENSUS_INODES_PER_UNIT = 64;
export const CENSUS_EXTENTS_PER_UNIT = 512;
export const CENSUS_NOW_UNITS_MAX = 32;
/** Between two looks of the census at all files, at least, and as a multiple of how long one takes. */
export const CENSUS_PASS_MS_MIN = 86_400_000;
export const CENSUS_PASS_REST_FACTOR = 100;

/** AWS: inventory, analytics, metrics and intelligent-tiering configurations of a bucket, each. */
export const NAMED_CONFIGURATIONS_MAX = 1_000;
/** AWS: of those, how many a page of their list has. */
export const NAMED_CONFIGURATIONS_PAGE = 100;
/** How often a change of them starts again because another one was faster. */
export const NAMED_CONFIGURATIONS_ATTEMPTS_MAX = 16;
/** AWS: rules of a replication configuration. */
export const REPLICATION_RULES_MAX = 1_000;
/** AWS: configurations of a bucket's notifications. */
export const NOTIFICATIONS_MAX = 100;
/** One configuration document of a bucket: 1,000 rules of 1 KiB. */
export const BUCKET_CONFIGURATION_BYTES_MAX = 1 << 20;

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
/** Reads, writes and flushes of the device under way: four blobs of the greatest size in single blocks. */
export const DEVICE_REQUESTS_MAX = 65_536;
/** Content in memory, in plain text, that reads over NFS share. */
export const CONTENT_CACHE_BYTES_MAX = 112 << 20;
/** Of its frames of 64 KiB: an estimate of what one takes beside its bytes; how many a read of the device brings; … */
export const CACHED_FRAME_OVERHEAD_BYTES = 512;
export const FRAMES_PER_LOAD_MAX = 16;
/** … how many rounds one survives without being read again; how many that have gone are remembered by name. */
export const FRAME_REUSES_MAX = 3;
export const GHOST_FRAMES_MAX = 1_792;
/** Memory that nobody uses and that is kept for the next: of frames, and for sealed bytes on their way. */
export const SLABS_IDLE_MAX = 128;
export const ROOMS_BYTES_MAX = 24 << 20;
/** Batches of garbage that a blob that finds no space waits for, or steps of growth: millions of rows. */
export const SPACE_ATTEMPTS_MAX = 65_536;

// Workers.

/** Below this, hashing costs less than a hop to another thread. */
export const HASH_INLINE_BYTES_MAX = 65_536;
/** The same for encryption, at 7 GB/s: 20 µs. */
export const CIPHER_INLINE_BYTES_MAX = 131_072;
/** The same for erasure codes, all shards of a call together: 10 µs at 25 GB/s. */
export const ERASURE_INLINE_BYTES_MAX = 262_144;
/** The same for opening frames, at 1 GB/s: 30 µs. */
export const REDUCTION_INLINE_BYTES_MAX = 32_768;
/** A smaller background job costs less than a hop to a worker of the pool; a worker without work ends after a while. */
export const POOL_JOB_BYTES_MIN = 262_144;
export const POOL_IDLE_MS_MAX = 30_000;
/** Threads of it at most, however many cores there are. */
export const WORKER_THREADS_MAX = 8;
/** For each worker, jobs that wait with their input laid out; callers that wait before theirs is. */
export const POOL_JOBS_WAITING_MAX = 1;
export const POOL_CALLERS_WAITING_MAX = 1_024;
/** Input of one job: several images of the greatest size, for a rebuild. Larger slabs than the second are not kept. */
export const POOL_SLAB_BYTES_MAX = 268_435_456;
export const POOL_SLAB_KEPT_BYTES_MAX = 16_777_216;

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

// Audit trail.

/** Rows of refusals that are kept, oldest out first: about 60 MiB at 300 bytes each, 300 MiB at the most. */
export const AUDIT_REFUSALS_MAX = 200_000;
/** The same of changes, which no flood of refusals pushes out. */
export const AUDIT_CHANGES_MAX = 500_000;
/** The same of bypasses, which no flood of changes pushes out; and of one bucket. Beyond them all the bucket with most rows loses its oldest. */
export const AUDIT_BYPASSES_MAX = 500_000;
export const AUDIT_BUCKET_BYPASSES_MAX = 50_000;
/** The same refusal again counts in the row that it has for this long. */
export const AUDIT_MERGE_MS = 60_000;
/** How long such a count may wait to be written. */
export const AUDIT_FLUSH_MS = 2_000;
/** Rows of refusals that one caller may make at once, and then each second; more of its refusals share a row. */
export const AUDIT_CALLER_BURST_MAX = 1_000;
export const AUDIT_CALLER_ROWS_PER_SECOND = 1;
/** The same of all callers together; more of their refusals share a row for each door. */
export const AUDIT_BURST_MAX = 4_096;
export const AUDIT_ROWS_PER_SECOND = 4;
/** Beyond that, what a caller is refused first still has rows of its own: so many for each user, role or uid in a network, and for all that are new. */
export const AUDIT_FIRST_ROWS_MAX = 16;
export const AUDIT_FIRST_BURST_MAX = 1_024;
export const AUDIT_FIRST_ROWS_PER_SECOND = 1;
/** Callers whose rows are counted: some 300 bytes each. */
export const AUDIT_CALLERS_MAX = 1_024;
/** Rows that refusals may still count in: what the rates above let through in a minute, and more than that. */
export const AUDIT_RECENT_MAX = 8_192;
/** Bytes of a key that a row keeps: all of a key of S3; a path of NFS may be longer. */
export const AUDIT_KEY_BYTES_MAX = KEY_BYTES_MAX;
/** Rows of one page of the trail, and how many are looked at for it. */
export const AUDIT_PAGE_ROWS_MAX = 1_000;
export const AUDIT_PAGE_ROWS_DEFAULT = 50;
export const AUDIT_SCAN_ROWS_MAX = 20_000;
/** Rows that one step counts or removes. */
export const AUDIT_STEP_ROWS = 1_000;
/** Of an answer that `terrace audit` reads: 1,000 rows of 4 KiB. */
export const AUDIT_BYTES_MAX = 8_388_608;

// Accounts.

/** All users are held in memory: about 1 KiB each. */
export const USERS_MAX = 10_000;
export const USERS_DECLARED_MAX = 1_000;
/** AWS: names of IAM users. */
export const USER_NAME_CHARS_MAX = 64;
/** AWS has two; more lets a fleet change keys machine by machine. */
export const KEYS_PER_USER_MAX = 8;
/** AWS bounds the bytes of all of a user's; ours have POLICY_BYTES_MAX each. */
export const POLICIES_PER_USER_MAX = 10;
/** AWS: names of inline policies. */
export const POLICY_NAME_CHARS_MAX = 128;
/** AWS account ids. */
export const ACCOUNT_ID_DIGITS = 12;
/** Random ids that are tried for a new account: with 10,000 taken each one is free but for 1 in 10⁸. */
export const ACCOUNT_ID_ATTEMPTS_MAX = 8;
/** AES-256. */
export const SECRETS_KEY_BYTES = 32;

// Roles and temporary keys.

/** AWS: roles of one account. All are held in memory, with their policies. */
export const ROLES_MAX = 1_000;
export const ROLES_DECLARED_MAX = 1_000;
/** AWS: managed policies attached to one role. */
export const ROLE_POLICIES_MAX = 10;
/** AWS: all inline policies of one role together. */
export const ROLE_POLICY_CHARS_MAX = 10_240;
/** AWS: trust policy of a role, at its most. */
export const ROLE_TRUST_CHARS_MAX = 8_192;
/** AWS: shortest session of all. */
export const SESSION_SECONDS_MIN = 900;
/** AWS: longest session of a role. */
export const ROLE_SESSION_SECONDS_MAX = 43_200;
/** AWS: longest session of a role that was assumed by a session of another role. */
export const CHAINED_SESSION_SECONDS_MAX = 3_600;
/** AWS: longest session of a user. */
export const USER_SESSION_SECONDS_MAX = 129_600;
/** AWS: longest session of who owns an account as a whole. */
export const ROOT_SESSION_SECONDS_MAX = 3_600;
/** AWS: inline session policy. */
export const SESSION_POLICY_CHARS_MAX = 2_048;
/** A session policy of the longest kind is 4,096 bytes of UTF-8; names and keys are some 500. */
export const SESSION_TOKEN_CHARS_MAX = 8_192;
/** Opened tokens kept, with their policies: 16 KiB each at most, mostly 1. */
export const SESSIONS_CACHED_MAX = 1_024;
/** Parameters of an STS call: a session policy with every byte encoded, and names. */
export const STS_FORM_BYTES_MAX = 65_536;
export const STS_PARAMETERS_MAX = 128;

// Key ring.

/** All keys are held in memory: below 1 KiB each. */
export const RING_KEYS_MAX = 10_000;
/**
 * Each rotation of the key of SSE-S3 adds one and seals all anew: at 2 µs each, 10 ms. None is removed: with one a day there are
 * eleven years of rotations.
 */
export const DATA_KEYS_MAX = 4_096;
/** Versions of one key that still seal something: each waits for one pass over the store. */
export const RING_KEY_VERSIONS_MAX = 100;
/** AWS: alias names. */
export const KEY_ALIAS_CHARS_MAX = 250;
/** Inodes looked at, and perhaps rewrapped, by one step of the background job. */
export const REWRAP_PAGE_ENTRIES = 500;
/** AWS: the encryption context, in characters of its base64. */
export const ENCRYPTION_CONTEXT_CHARS_MAX = 8_192;
/** Of an answer that `terrace key` reads: all keys. */
export const RING_KEYS_BYTES_MAX = 16_777_216;

// Lifecycle of objects.

/** A day that rules count, unless `lifecycle.secondsPerDay` says otherwise. */
export const SECONDS_PER_DAY = 86_400;
/** AWS: rules of one bucket. */
export const LIFECYCLE_RULES_MAX = 1_000;
/** AWS: the id of a rule, in UTF-16. */
export const LIFECYCLE_RULE_ID_CHARS_MAX = 255;
/** AWS: sizes that a filter compares with. */
export const LIFECYCLE_FILTER_BYTES_MAX = 1_099_511_627_776_000;
/** AWS: smaller objects stay in their class unless a filter of the rule speaks of sizes. */
export const TRANSITION_BYTES_MIN = 128 << 10;
/** Buckets whose rules are kept ready for requests: at most 1 MiB of document each, mostly below 1 KiB. */
export const LIFECYCLES_CACHED_MAX = 256;
/** Objects, versions or uploads that a step of the executor looks at. */
export const LIFECYCLE_STEP_ENTRIES = 256;
/** Changes that such a step makes at a time: they share durable writes. */
export const LIFECYCLE_PARALLEL_MAX = 16;
/** Passes over all buckets with rules that fit into a day of the rules. */
export const LIFECYCLE_PASSES_PER_DAY = 24;
/** Between two passes, however short the days are, and between a change of rules and the pass for it. */
export const LIFECYCLE_PASS_SECONDS_MIN = 1;
// Policies.

/** Owner and group, in the tree, of what anonymous callers make: nobody. */
export const ANONYMOUS_ID = 65_534;
/** AWS: a bucket policy, counted without white space. */
export const POLICY_BYTES_MAX = 20 * 1024;
/** The same as it is written: generously indented. */
export const POLICY_DOCUMENT_BYTES_MAX = 128 * 1024;
/** The shortest statement has about 40 bytes. */
export const POLICY_STATEMENTS_MAX = 512;
/** `?` in one policy: each costs a pass over the text that it is held against. AWS says no limit; nobody writes so many. */
export const POLICY_QUESTION_MARKS_MAX = 256;
/** Parsed bucket policies kept: with their documents at most some 100 KiB each, mostly 2. */
export const POLICIES_CACHED_MAX = 1_024;

/* Configuration, command line and admin door. */
export const CONFIG_FILE_BYTES_MAX = 1_048_576;
/** Of the config, and again of those made at run time; sorted out once for each client. */
export const EXPORT_RULES_MAX = 1_000;
export const EXPORT_CLIENTS_MAX = 1_000;
export const EXPORT_NAME_CHARS_MAX = 64;
/** RFC 1035: a host name. */
export const EXPORT_CLIENT_CHARS_MAX = 253;
/** Each star of a pattern may cost a pass over the name that it is held against. */
export const EXPORT_CLIENT_STARS_MAX = 4;
export const EXPORT_CERTIFICATES_MAX = 100;
/** A host name, or a fingerprint with colons. */
export const EXPORT_CERTIFICATE_CHARS_MAX = 253;
/** Ranges of mapped ids; tried one after the other for each id in a call or reply. */
export const EXPORT_ID_RANGES_MAX = 64;
export const BASE_DOMAINS_MAX = 100;
/** AWS: access keys are 16 to 128 characters; shorter ones are common in test set-ups. */
export const ACCESS_KEY_CHARS_MIN = 3;
export const ACCESS_KEY_CHARS_MAX = 128;
export const SECRET_KEY_CHARS_MIN = 8;
export const SECRET_KEY_CHARS_MAX = 128;
/** Node's timers take no longer wait: 2³¹ - 1 milliseconds. */
export const SLEEP_MS_MAX = 2_147_483_647;
/** A background step that has nothing to do is asked again after this, doubling up to the maximum. */
export const STEP_IDLE_MS_MIN = 20;
export const STEP_IDLE_MS_MAX = 5_000;
/** The same for a step that failed. */
export const STEP_FAILED_MS_MIN = 500;
export const STEP_FAILED_MS_MAX = 60_000;
/** After so many failures in a row a background step is reported as unhealthy. */
export const STEP_FAILURES_HEALTHY_MAX = 3;
/** Names and keys: what comes is small. */
export const ADMIN_BODY_BYTES_MAX = 65_536;
export const ADMIN_HEADER_BYTES_MAX = 16_384;
export const ADMIN_REQUEST_MS_MAX = 30_000;
export const ADMIN_CONNECTIONS_MAX = 256;
/** Of an answer that `terrace status` reads. */
export const STATUS_BYTES_MAX = 1_048_576;
/** Of an answer that `terrace export` reads: all rules, some with many clients. */
export const EXPORTS_BYTES_MAX = 16_777_216;
/** Of an answer that `terrace user` reads: all users with all keys. */
export const USERS_BYTES_MAX = 16_777_216;
/** For a command to be answered by the gateway. */
export const ADMIN_CALL_MS_MAX = 10_000;
/** Signals closer together than this are one: a terminal and npm both pass Ctrl-C on. */
export const SIGNAL_ECHO_MS_MAX = 500;
/** Of RocksDB: data, index and filter blocks. */
export const ROCKSDB_BLOCK_CACHE_BYTES = 64 * 1024 * 1024;
/** Of RocksDB: one memtable; three at most. */
export const ROCKSDB_MEMTABLE_BYTES = 32 * 1024 * 1024;
/** Of RocksDB: open table files. */
export const ROCKSDB_OPEN_FILES_MAX = 512;

/* Stores of one gateway. */
/**
 * Of everything below the data directory; a newer one is refused. 2: content may be sealed with data keys (ADR 27). 3: names
 * carry what listings show, which an older program would leave behind when it changes an inode (ADR 33). 4: inodes say what of
 * them lies below the hot tier, which an older program could not read (ADR 46).
 */
export const STORE_FORMAT_VERSION = 4;
/** From this one on, data keys that are not there are lost. */
export const DATA_KEYS_FORMAT_VERSION = 2;
/** Key of the MAC of file handles. */
export const HANDLE_SECRET_BYTES = 16;
/** A hot device file of automatic size starts with the one and grows by the other. */
export const HOT_INITIAL_BYTES = 256 << 20;
export const HOT_GROW_BYTES = 1 << 30;
/** What such a file leaves free on its file system: the greater of bytes and share. */
export const FREE_BYTES_MIN = 5 * 2 ** 30;
export const FREE_SHARE_MIN = 0.1;
/** What the file system of the metadata must have left for anything new to be taken: the lesser of bytes and share; how often that is looked at. */
export const METADATA_FREE_BYTES_MIN = 64 << 20;
export const METADATA_FREE_SHARE_MIN = 0.1;
export const METADATA_LOOK_MS = 1_000;

// Both doors.

/** Upper bounds of the histograms of both doors. */
export const REQUEST_SECONDS_BUCKETS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10,
];
/** For a door to accept a connection from this process when readiness is asked for. */
export const PROBE_MS_MAX = 2_000;
