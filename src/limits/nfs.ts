/** Bounds of the NFS door and of locks over it. Unit last. */

/** One READ or WRITE; what Linux asks for at most. */
export const NFS_TRANSFER_BYTES_MAX = 1 << 20;
/** Reply to READDIR that suits best: about 1,500 entries with attributes and handles. */
export const NFS_READDIR_BYTES_PREFERRED = 256 << 10;
/** Entries looked up for one READDIR or READDIRPLUS, however much room the client gives. */
export const NFS_READDIR_ENTRIES_MAX = 2_048;
/** Calls of all clients that run at a time; others wait. WRITE, which alone may wait for room, has a number of its own. */
export const NFS_CALLS_MAX = 512;
export const NFS_WRITES_MAX = 256;
/** Ports up to here only root can use (RFC 6335 §6: system ports). */
export const NFS_PRIVILEGED_PORT_MAX = 1_023;
/** Names of hosts in export rules, and addresses of clients, whose look-ups are kept. */
export const NFS_HOST_NAMES_CACHED_MAX = 4_096;
/** How long a changed name of a host takes to be seen, and how long the last answer is good when nobody answers. */
export const NFS_HOST_NAMES_FRESH_MS = 60_000;
export const NFS_HOST_NAMES_STALE_MS = 3_600_000;
/** When nobody answered, this passes before the same is asked again. */
export const NFS_HOST_NAMES_RETRY_MS = 5_000;
/** For one look-up of a name or of groups to be answered. */
export const LOOKUP_MS_MAX = 5_000;
/** Look-ups of the system at a time: a name service that hangs must not take all threads that files need. */
export const LOOKUPS_PARALLEL_MAX = 1;
/** Look-ups that wait for their turn; more are not answered. */
export const LOOKUPS_WAITING_MAX = 1_024;
/** Linux: groups of one user are at most 65,536; each is compared with the group of what is asked for. */
export const NFS_GROUPS_MAX = 1_024;
/** Users whose groups are kept: 8 KiB each at most, mostly 100 bytes. */
export const NFS_GROUPS_USERS_CACHED_MAX = 4_096;
/** How long known groups are good when nobody answers. */
export const NFS_GROUPS_STALE_MS = 3_600_000;
/** A file of certificates or keys: some hundred authorities, or a long list of revocations. */
export const TLS_FILE_BYTES_MAX = 4_194_304;
/** Users whose groups the config lists. */
export const NFS_GROUPS_LISTED_MAX = 10_000;
/** What the system says of one user: a line of the account database, or 1,024 ids. */
export const LOOKUP_BYTES_MAX = 65_536;
/** Names of buckets kept by inode number. */
export const NFS_BUCKET_NAMES_CACHED_MAX = 4_096;

// Locks over NFS.

/** Ranges and shares of one file: each request looks at all of them. */
export const LOCKS_PER_FILE_MAX = 4_096;
/** Of one address (of IPv6 one network): what clients call themselves is theirs to choose. */
export const LOCKS_PER_ADDRESS_MAX = 65_536;
/** Of all clients together: about 0.5 KiB each. */
export const LOCKS_MAX = 262_144;
/** Who waits for a lock of one file: each release looks at all of them. */
export const LOCK_WAITERS_PER_FILE_MAX = 1_024;
export const LOCK_WAITERS_MAX = 16_384;
export const LOCK_WAITERS_PER_ADDRESS_MAX = 4_096;
/** Clients with locks, each a row. */
export const LOCK_CLIENTS_MAX = 10_000;
/** Machines behind one address: each name that a call makes up is a durable write. */
export const LOCK_CLIENTS_PER_ADDRESS_MAX = 512;
export const LOCK_CLIENTS_PAGE = 512;
/** A client that has no lock is forgotten after this: a durable write when it comes back. */
export const LOCK_CLIENT_IDLE_MS = 10 * 60_000;
/** A client that waits is told that it has the lock, each time after twice the pause: 30 s in all, and the calls. */
export const LOCK_GRANT_ATTEMPTS_MAX = 5;
export const LOCK_GRANT_RETRY_MS_MIN = 1_000;
/** A client is told of a restart, each time after twice the pause: 17 minutes in all. */
export const LOCK_NOTICE_ATTEMPTS_MAX = 10;
export const LOCK_NOTICE_MS_MIN = 1_000;
export const LOCK_NOTICES_PARALLEL_MAX = 64;
/** How often locks of removed files are looked for, and how many files a step looks at. */
export const LOCK_SWEEP_MS = 60_000;
export const LOCK_SWEEP_FILES = 256;
/** Lines of locks, and of clients, that a listing shows. */
export const LOCKS_LISTED_MAX = 1_000;
/** For a call to a client, with its retransmissions. */
export const LOCK_CALL_MS_MAX = 5_000;
/** Calls to clients under way; others wait. */
export const LOCK_CALLS_MAX = 64;
/** Requests of the asynchronous lock procedures that run at a time; what comes above it is dropped. */
export const LOCK_MESSAGES_MAX = 256;
export const LOCK_MESSAGES_PER_ADDRESS_MAX = 32;
/** Names and addresses of clients in calls of the admin API: LM_MAXSTRLEN. */
export const LOCK_CLIENT_NAME_CHARS_MAX = 1_024;
/** Of an answer that `terrace locks` reads. */
export const LOCKS_BYTES_MAX = 4_194_304;
