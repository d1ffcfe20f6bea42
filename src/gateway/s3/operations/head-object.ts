import { Type } from '@sinclair/typebox';
import { bucketOf, keyBytes } from '../members.ts';
import { operation } from '../operation.ts';
import { noSuchKey } from '../publish.ts';
import { readingOf, readMembers } from '../reading.ts';
import { checkVersion } from '../version.ts';

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
    const { status, headers } = readingOf(found, input);
    return { status, headers };
  },
});
