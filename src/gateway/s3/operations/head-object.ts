import { Type } from '@sinclair/typebox';
import { checkReadConditions } from '../conditions.ts';
import { readingKeyOf } from '../customer-key.ts';
import { checkReadable, encryptionHeaders, refuseMethod } from '../encryption.ts';
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
    refuseMethod(input.serverSideEncryption);
    const { parts } = context;
    const customerKey = readingKeyOf(parts, input);
    const found = await parts.objects.head({
      bucket: bucketOf(context).ino,
      key: keyBytes(input.key),
    });
    if (found === undefined) throw noSuchKey(input.key);
    checkReadable(parts, found.encryption, customerKey);
    const encryption = encryptionHeaders(parts, found.encryption, customerKey);
    const headers = objectHeaders(found, input, encryption);
    checkReadConditions(input, found, headers.validators);
    const selection = selectRange(found, input);
    return { status: selection.status, headers: headers.all(selection) };
  },
});
