import { Type } from '@sinclair/typebox';
import type { Draft, Expectation, Found, ObjectFacet } from '../../../namespace/namespace.ts';
import type { ObjectLock } from '../../../namespace/version.ts';
import { checksumHeaders, defaultChecksum } from '../checksums.ts';
import { writeExpectation } from '../conditions.ts';
import { customerKeyOf } from '../customer-key.ts';
import { encryptionMembers, etagOf, madeHeaders, newContentKey } from '../encryption.ts';
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
import { lockMembers, lockOf } from '../object-lock.ts';
import { operation, type S3Context } from '../operation.ts';
import { receive } from '../payload.ts';
import { publishing } from '../publish.ts';
import { requireQuota } from '../quota.ts';
import { writtenHeaders } from '../written.ts';

/** AWS API reference, PutObject. */
export const putObject = operation({
  name: 'PutObject',
  route: { method: 'PUT', level: 'object' },
  action: 's3:PutObject',
  input: Type.Object({
    ...objectMembers.input,
    ...facetMembers.input,
    ...encryptionMembers.input,
    ...writeConditionMembers.input,
    ...lockMembers.input,
    body: stream,
  }),
  bindings: {
    ...objectMembers.bindings,
    ...facetMembers.bindings,
    ...encryptionMembers.bindings,
    ...writeConditionMembers.bindings,
    ...lockMembers.bindings,
    body: { in: 'stream' },
  },
  success: 200,
  async handle(context, input) {
    const { storageClass, headers, metadata, tags, acl } = await facetOf(context, input);
    const expect = writeExpectation(input);
    const lock = lockOf(context, input);
    const wanted = [input.body.promised.checksum?.row ?? defaultChecksum];
    const contentKey = await newContentKey(context, input);
    const payload = { payload: input.body, wanted, contentKey };
    await requireQuota(context, { key: input.key, length: input.body.promised.length });
    return receive(context, payload, async (draft, { md5, checksums }) => {
      const etag = etagOf(contentKey, md5);
      const facet = { etag, headers, metadata, checksums, parts: [], storageClass, tags, acl };
      const found = await attach(context, { key: input.key, draft, facet, expect, lock });
      const made = madeHeaders(context.parts, found.encryption, customerKeyOf(context.parts, input));
      const written = await writtenHeaders(context, input.key, found);
      return { headers: ['ETag', quoted(etag), ...made, ...checksumHeaders(checksums), ...written] };
    });
  },
});

interface Published {
  readonly facet: ObjectFacet;
  readonly expect: Expectation;
  readonly lock: ObjectLock | undefined;
}

const attach = async (
  context: S3Context,
  { key, draft, ...rest }: { key: string; draft: Draft } & Published,
): Promise<Found> => {
  const { objects } = context.parts;
  const bucket = bucketOf(context).ino;
  return publishing({ key, expect: rest.expect }, () =>
    objects.attach(context.principal.caller, draft, { bucket, key: keyBytes(key), ...rest }),
  );
};
