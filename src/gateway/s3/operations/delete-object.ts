import { Type } from '@sinclair/typebox';
import { deleteExpectation } from '../conditions.ts';
import { bucketOf, header, keyBytes, objectMembers, query, text } from '../members.ts';
import { operation } from '../operation.ts';
import { publishing } from '../publish.ts';
import { checkVersion } from '../version.ts';

/** AWS API reference, DeleteObject. A key that is not there is deleted already. */
export const deleteObject = operation({
  name: 'DeleteObject',
  route: { method: 'DELETE', level: 'object' },
  action: 's3:DeleteObject',
  input: Type.Object({
    ...objectMembers.input,
    versionId: text,
    ifMatch: text,
    lastModified: text,
    size: Type.Optional(Type.Integer({ minimum: 0 })),
  }),
  bindings: {
    ...objectMembers.bindings,
    versionId: query('versionId'),
    ifMatch: header('if-match'),
    lastModified: header('x-amz-if-match-last-modified-time'),
    size: header('x-amz-if-match-size'),
  },
  success: 204,
  async handle(context, { key, versionId, ...conditions }) {
    checkVersion(versionId);
    const expect = deleteExpectation(conditions);
    await publishing({ key, expect }, () =>
      context.parts.objects.removeKey({ bucket: bucketOf(context).ino, key: keyBytes(key), expect }),
    );
    return { headers: [] };
  },
});
