import { Type } from '@sinclair/typebox';
import type { Draft, Expectation, ObjectFacet } from '../../../namespace/namespace.ts';
import { checksumHeaders, defaultChecksum } from '../checksums.ts';
import { writeExpectation } from '../conditions.ts';
import { facetOf } from '../facet.ts';
import {
  bucketOf,
  facetMembers,
  keyBytes,
  objectMembers,
  quoted,
  stream,
  writeConditionMembers,
} from '../members.ts';
import { operation, type S3Context } from '../operation.ts';
import { receive } from '../payload.ts';
import { publishing } from '../publish.ts';

/** AWS API reference, PutObject. */
export const putObject = operation({
  name: 'PutObject',
  route: { method: 'PUT', level: 'object' },
  action: 's3:PutObject',
  input: Type.Object({
    ...objectMembers.input,
    ...facetMembers.input,
    ...writeConditionMembers.input,
    body: stream,
  }),
  bindings: {
    ...objectMembers.bindings,
    ...facetMembers.bindings,
    ...writeConditionMembers.bindings,
    body: { in: 'stream' },
  },
  success: 200,
  async handle(context, input) {
    const stored = facetOf(input);
    const expect = writeExpectation(input);
    const wanted = [input.body.promised.checksum?.row ?? defaultChecksum];
    return receive(context, input.body, wanted, async (draft, { md5, checksums }) => {
      const etag = Buffer.from(md5).toString('hex');
      const facet = { etag, ...stored, checksums, parts: [] };
      await attach(context, { key: input.key, draft, facet, expect });
      return { headers: ['ETag', quoted(etag), ...checksumHeaders(checksums)] };
    });
  },
});

const attach = async (
  context: S3Context,
  { key, draft, facet, expect }: { key: string; draft: Draft; facet: ObjectFacet; expect: Expectation },
): Promise<void> => {
  const { objects } = context.parts;
  const bucket = bucketOf(context).ino;
  await publishing(context, { key, expect }, () =>
    objects.attach(context.principal.caller, draft, { bucket, key: keyBytes(key), facet, expect }),
  );
};
