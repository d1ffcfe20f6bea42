/** Every bound of the program in one place. Unit last. */

/** AWS: object keys are at most 1,024 bytes of UTF-8. */
export const KEY_BYTES_MAX = 1024;
/** POSIX NAME_MAX. */
export const POSIX_NAME_BYTES_MAX = 255;
/** POSIX PATH_MAX of a symlink's target. */
export const SYMLINK_BYTES_MAX = 4095;
