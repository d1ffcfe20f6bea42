/** Bounds of the lower tiers, a section for each part. Unit last. */

// Cold store.

/** Segments that one page of a listing names; AWS: keys of one ListObjectsV2 page. */
export const SEGMENTS_LISTED_MAX = 1_000;
