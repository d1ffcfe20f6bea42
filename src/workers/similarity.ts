/** Of a chunk: how many, and of each how many bytes. Two chunks that have one in common are likely to be alike in most places. */
export const SUPER_FEATURES = 3;
export const SUPER_FEATURE_BYTES = 8;
export const SUPER_FEATURES_BYTES = SUPER_FEATURES * SUPER_FEATURE_BYTES;
