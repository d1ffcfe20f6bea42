import type { FacetChange } from '../../namespace/namespace.ts';
import type { AclHeaders } from './acl-request.ts';
import { S3Error } from './errors.ts';
import { storedHeaders, storedMetadata, type SystemHeaders } from './metadata.ts';
import type { S3Context } from './operation.ts';
import { newObjectAcl } from './ownership.ts';
import { headerTags } from './tags.ts';

/** Input members of facetMembers. */
export interface FacetInput extends SystemHeaders, AclHeaders {
  readonly metadata: Readonly<Record<string, string>>;
  readonly storageClass?: string;
  readonly tagging?: string;
}

/** Headers, metadata, tags and ACL of a new object as they are stored. */
export function facetOf(context: S3Context, input: FacetInput): FacetChange {
  checkStorageClass(input.storageClass);
  return {
    headers: storedHeaders(input),
    metadata: storedMetadata(input.metadata),
    tags: headerTags(input.tagging),
    acl: newObjectAcl(context, input),
  };
}

function checkStorageClass(storageClass: string | undefined): void {
  if (storageClass === undefined || storageClass === 'STANDARD') return;
  throw new S3Error('InvalidStorageClass', { members: { StorageClassRequested: storageClass } });
}
