/** AWS: storage classes of general purpose buckets that segments may have. */
export type ColdStorageClass =
  | 'STANDARD'
  | 'STANDARD_IA'
  | 'ONEZONE_IA'
  | 'INTELLIGENT_TIERING'
  | 'GLACIER_IR'
  | 'GLACIER'
  | 'DEEP_ARCHIVE';

/** Whether objects must be restored before they are read. */
export const isArchive = (storageClass: string): boolean =>
  storageClass === 'GLACIER' || storageClass === 'DEEP_ARCHIVE';
