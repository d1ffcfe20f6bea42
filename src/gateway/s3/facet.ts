import type { FacetChange } from '../../namespace/namespace.ts';
import type { AclHeaders } from './acl-request.ts';
import { storedHeaders, storedMetadata, type SystemHeaders } from './metadata.ts';
import type { S3Context } from './operation.ts';
import { newObjectAcl } from './ownership.ts';
import { storageClassOf } from './storage-class.ts';
import { headerTags } from './tags.ts';

/** Input members of facetMembers. */
export interface FacetInput extends SystemHeaders, AclHeaders {
  readonly metadata: Readonly<Record<string, string>>;
  readonly storageClass?: string;
  readonly tagging?: string;
}

/** Headers, metadata, tags, ACL and class of a new object as they are stored. */
export async function facetOf(context: S3Context, input: FacetInput): Promise<FacetChange> {
  return {
    storageClass: storageClassOf(input.storageClass),
    headers: storedHeaders(input),
    metadata: storedMetadata(input.metadata),
    tags: headerTags(input.tagging),
    acl: await newObjectAcl(context, input),
  };
}
