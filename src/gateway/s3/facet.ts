import { S3Error } from './errors.ts';
import { storedHeaders, storedMetadata, type SystemHeaders } from './metadata.ts';
import { storageClassOf } from './storage-class.ts';
import { headerTags } from './tags.ts';
import type { FacetChange } from '../../namespace/namespace.ts';

/** Input members of facetMembers. */
export interface FacetInput extends SystemHeaders {
  readonly metadata: Readonly<Record<string, string>>;
  readonly acl?: string;
  readonly storageClass?: string;
  readonly tagging?: string;
}

/** Headers, metadata and tags of a new object as they are stored. */
export function facetOf(input: FacetInput): FacetChange {
  checkAcl(input.acl);
  return {
    storageClass: storageClassOf(input.storageClass),
    headers: storedHeaders(input),
    metadata: storedMetadata(input.metadata),
    tags: headerTags(input.tagging),
  };
}

/** Object ownership is BucketOwnerEnforced: only the lists that say what holds anyway are taken. */
function checkAcl(acl: string | undefined): void {
  if (acl === undefined || acl === 'private' || acl === 'bucket-owner-full-control') return;
  throw new S3Error('AccessControlListNotSupported');
}
