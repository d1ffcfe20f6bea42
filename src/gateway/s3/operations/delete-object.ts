import { Type } from '@sinclair/typebox';
import { etagsOf } from '../conditions.ts';
import { bucketOf, header, keyBytes, objectMembers, query, text } from '../members.ts';
import { operation } from '../operation.ts';
import { publishing } from '../publish.ts';
import { checkVersion } from '../version.ts';

/** AWS API reference, DeleteObject. A key that is not there is deleted already. */
export const deleteObject = operation({
  name: 'DeleteObject',
  route: { method: 'DELETE', level: 'object' },
  action: 's3:DeleteObject',
  input: Type.Object({ ...objectMembers.input, versionId: text, ifMatch: text }),
  bindings: { ...objectMembers.bindings, versionId: query('versionId'), ifMatch: header('if-match') },
  success: 204,
  async handle(context, { key, versionId, ifMatch }) {
    checkVersion(versionId);
    const expect = ifMatch === undefined ? {} : { ifMatch: etagsOf(ifMatch) };
    await publishing(context, { key, expect }, () =>
      context.parts.objects.removeKey({ bucket: bucketOf(context).ino, key: keyBytes(key), expect }),
    );
    return { headers: [] };
  },
});
