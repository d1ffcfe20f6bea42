/** S3's word for what a grant allows. */
export type Permission = 'READ' | 'WRITE' | 'READ_ACP' | 'WRITE_ACP' | 'FULL_CONTROL';

/** The grantee is an account or a group, in words of the door. */
export interface Grant {
  readonly grantee: string;
  readonly permission: Permission;
}

/** To whom an object belongs and what others may do with it. The namespace keeps it, the doors give it meaning. */
export interface AccessControl {
  /** Id of an account. */
  readonly owner: string;
  /** At most ACL_GRANTS_MAX. */
  readonly grants: readonly Grant[];
}

/** AWS API reference, OwnershipControlsRule. The namespace keeps it, the doors give it meaning. */
export type ObjectOwnership = 'BucketOwnerEnforced' | 'BucketOwnerPreferred' | 'ObjectWriter';
