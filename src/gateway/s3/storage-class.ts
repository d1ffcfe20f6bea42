import { S3Error } from './errors.ts';

/** What a class means to a client that reads. AWS: "Understanding and managing Amazon S3 storage classes". */
type Access = 'at-once' | 'after-restore';

/** Classes of general purpose buckets. The name is stored and shown, and stands for a tier (ADR 39). */
const storageClasses: Readonly<Record<string, Access>> = {
  STANDARD: 'at-once',
  REDUCED_REDUNDANCY: 'at-once',
  STANDARD_IA: 'at-once',
  ONEZONE_IA: 'at-once',
  INTELLIGENT_TIERING: 'at-once',
  GLACIER_IR: 'at-once',
  GLACIER: 'after-restore',
  DEEP_ARCHIVE: 'after-restore',
};

export const standardClass = 'STANDARD';

/** The class that a request names, or the one that AWS takes when it names none. */
export function storageClassOf(named: string | undefined): string {
  if (named === undefined) return standardClass;
  if (Object.hasOwn(storageClasses, named)) return named;
  throw new S3Error('InvalidStorageClass', { members: { StorageClassRequested: named } });
}

/** Whether AWS would want RestoreObject before it shows the content. */
export const isArchived = (storageClass: string): boolean => storageClasses[storageClass] === 'after-restore';

/** Answer header of reads; AWS leaves it out for STANDARD. */
export const storageClassHeaders = (storageClass: string): readonly string[] =>
  storageClass === standardClass ? [] : ['x-amz-storage-class', storageClass];
