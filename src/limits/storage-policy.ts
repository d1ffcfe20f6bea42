/** Bounds of storage policies and of moves that somebody orders. Unit last. */

export const STORAGE_POLICIES_MAX = 1_000;
export const STORAGE_POLICY_NAME_CHARS_MAX = 64;
/** Objects that a survey looks at between two of its reads. */
export const SURVEY_PAGE_OBJECTS = 250;
/** One order to the migrator: what it holds in memory at a time. */
export const ORDER_BLOBS_MAX = 64;
export const ORDER_BYTES_MAX = 16 << 20;
/** Slices that a step of the policies looks at before others have their turn. */
export const POLICY_STEP_SLICES = 256;
/** Between the ends of two passes over all policies, at least, and as a multiple of how long a pass takes. */
export const POLICY_PASS_MS_MIN = 60_000;
export const POLICY_PASS_REST_FACTOR = 10;
/** The same of passes over the storage classes of all objects: they look at every name. */
export const CLASS_PASS_MS_MIN = 60_000;
export const CLASS_PASS_REST_FACTOR = 100;
/** Slices whose last move is remembered, for their cooldown: 100 bytes each. */
export const RECENT_MOVES_MAX = 100_000;
/** Moves that somebody ordered: those that wait or run, and those that have ended and are still shown. */
export const MOVES_OPEN_MAX = 64;
export const MOVES_ENDED_SHOWN_MAX = 64;
/** Slices that an answer of the admin API may be made from: larger surveys are answered in part and say so. */
export const SURVEY_ANSWER_SLICES_MAX = 200_000;
/** Entries of a plan that are shown. */
export const PLAN_ENTRIES_MAX = 1_000;
/** For Prometheus to answer, and what its answer may be long. */
export const PROMETHEUS_MS_MAX = 5_000;
export const PROMETHEUS_BYTES_MAX = 1 << 20;
/** An answer about tiers, plans and policies: a thousand entries with keys of 1 KiB. */
export const TIERS_BYTES_MAX = 8 << 20;
/** Restores that are under way or last, a row each: one more is refused until some are over. */
export const RESTORES_MAX = 1_000_000;
/** Content under way that is remembered to be back already, and files that NFS waits for: without room they are asked about again. */
export const RESTORES_KNOWN_MAX = 100_000;
export const RESTORES_WANTED_MAX = 1_000;
/** Between two passes over restores, at least, and as a multiple of how long a pass takes. */
export const RESTORE_PASS_MS = 15_000;
export const RESTORE_PASS_REST_FACTOR = 1;
/** Pages of extents of one object that a request looks at; beyond them the work itself finds that nothing is to be done. */
export const RESTORE_PAGES_LOOKED_MAX = 64;
/** As the cold store takes them, but for the day that a restored copy stays longer than promised. */
export const RESTORE_DAYS_MAX = 29_999;
