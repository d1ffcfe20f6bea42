import { Type } from '@sinclair/typebox';
import { checkReadConditions } from '../conditions.ts';
import { expirationHeaders } from '../lifecycle-headers.ts';
import { bucketOf, keyBytes } from '../members.ts';
import { objectHeaders, selectRange } from '../object-answer.ts';
import { operation } from '../operation.ts';
import { noSuchKey } from '../publish.ts';
import { checkVersion } from '../version.ts';
import { readMembers } from './get-object.ts';

/** AWS API reference, HeadObject: what GetObject would answer, without the bytes. */
export const headObject = operation({
  name: 'HeadObject',
  route: { method: 'HEAD', level: 'object' },
  action: 's3:GetObject',
  input: Type.Object(readMembers.input),
  bindings: readMembers.bindings,
  success: 200,
  async handle(context, input) {
    checkVersion(input.versionId);
    const found = await context.parts.objects.head({
      bucket: bucketOf(context).ino,
      key: keyBytes(input.key),
    });
    if (found === undefined) throw noSuchKey(input.key);
    const headers = objectHeaders(found, input);
    checkReadConditions(input, found, headers.validators);
    const selection = selectRange(found, input);
    const expiration =
      input.versionId === undefined ? await expirationHeaders(context, input.key, found) : [];
    return { status: selection.status, headers: [...headers.all(selection), ...expiration] };
  },
});
