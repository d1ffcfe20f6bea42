/** Every bound of the program in one place. Unit last. */

/** AWS: object keys are at most 1,024 bytes of UTF-8. */
export const KEY_BYTES_MAX = 1024;
/** POSIX NAME_MAX. */
export const POSIX_NAME_BYTES_MAX = 255;
/** POSIX PATH_MAX of a symlink's target. */
export const SYMLINK_BYTES_MAX = 4095;

/* Configuration, command line and admin door. */
export const CONFIG_FILE_BYTES_MAX = 1_048_576;
/** Export rules are tried one after the other for each mount. */
export const EXPORT_RULES_MAX = 1_000;
export const EXPORT_CLIENTS_MAX = 1_000;
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
/** The admin door takes no bodies yet; what comes is small. */
export const ADMIN_BODY_BYTES_MAX = 65_536;
export const ADMIN_HEADER_BYTES_MAX = 16_384;
export const ADMIN_REQUEST_MS_MAX = 30_000;
export const ADMIN_CONNECTIONS_MAX = 256;
/** Of an answer that `terrace status` reads. */
export const STATUS_BYTES_MAX = 1_048_576;
export const STATUS_MS_MAX = 10_000;
/** Signals closer together than this are one: a terminal and npm both pass Ctrl-C on. */
export const SIGNAL_ECHO_MS_MAX = 500;
