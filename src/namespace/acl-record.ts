import assert from 'node:assert/strict';
import type { RecordReader, RecordWriter } from '../codec.ts';
import { ACL_GRANTS_MAX } from '../limits/s3.ts';
import type { AccessControl, Permission } from './access-control.ts';
import type { ObjectFacet } from './namespace.ts';

const permissions: readonly Permission[] = ['READ', 'WRITE', 'READ_ACP', 'WRITE_ACP', 'FULL_CONTROL'];

/** The ACL of a facet within its record: one byte when there is none. */
export function writeAcl(writer: RecordWriter, acl: ObjectFacet['acl']): void {
  writer.list(acl === undefined ? [] : [acl], ({ owner, grants }) => {
    assert(grants.length <= ACL_GRANTS_MAX);
    writer.text(owner);
    writer.list(grants, ({ grantee, permission }) =>
      writer.number(permissions.indexOf(permission)).text(grantee),
    );
  });
}

export function readAcl(reader: RecordReader): { readonly acl?: AccessControl } {
  const [acl] = reader.list(() => ({ owner: reader.text(), grants: reader.list(() => readGrant(reader)) }));
  return acl === undefined ? {} : { acl };
}

function readGrant(reader: RecordReader): AccessControl['grants'][number] {
  const permission = permissions[reader.number()];
  assert(permission !== undefined, 'grant of an unknown permission');
  return { permission, grantee: reader.text() };
}
