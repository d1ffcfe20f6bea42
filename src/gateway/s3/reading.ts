import { Type } from '@sinclair/typebox';
import type { Found } from '../../namespace/namespace.ts';
import { checkReadConditions, type ReadConditions } from './conditions.ts';
import { customerKeyMembers, readingKeyOf, type CustomerKeyInput } from './customer-key.ts';
import { checkReadable, encryptionHeaders, refuseMethod } from './encryption.ts';
import { expirationHeaders } from './lifecycle-headers.ts';
import { header, objectMembers, partNumber, query, readConditionMembers, text } from './members.ts';
import { lockHeaders } from './object-lock.ts';
import { restoreHeaders } from './restore-headers.ts';
import { versionHeaders, versionMembers } from './version.ts';
import { objectHeaders, selectRange, type ReadInput, type Selection } from './object-answer.ts';
import type { S3Context } from './operation.ts';

/** Members of GetObject and HeadObject alike. */
export const readMembers = {
  input: {
    ...objectMembers.input,
    ...readConditionMembers.input,
    ...versionMembers.input,
    ...customerKeyMembers.input,
    serverSideEncryption: text,
    range: text,
    ifRange: text,
    partNumber: Type.Optional(partNumber),
    checksumMode: text,
    responseContentType: text,
    responseContentLanguage: text,
    responseExpires: text,
    responseCacheControl: text,
    responseContentDisposition: text,
    responseContentEncoding: text,
  },
  bindings: {
    ...objectMembers.bindings,
    ...readConditionMembers.bindings,
    ...versionMembers.bindings,
    ...customerKeyMembers.bindings,
    serverSideEncryption: header('x-amz-server-side-encryption'),
    range: header('range'),
    ifRange: header('if-range'),
    partNumber: query('partNumber'),
    checksumMode: header('x-amz-checksum-mode'),
    responseContentType: query('response-content-type'),
    responseContentLanguage: query('response-content-language'),
    responseExpires: query('response-expires'),
    responseCacheControl: query('response-cache-control'),
    responseContentDisposition: query('response-content-disposition'),
    responseContentEncoding: query('response-content-encoding'),
  },
} as const;

/** What GetObject answers, and HeadObject without the bytes. */
export interface Reading extends Selection {
  readonly headers: string[];
}

interface ReadingInput extends ReadInput, ReadConditions, CustomerKeyInput {
  readonly key: string;
  readonly versionId?: string;
  readonly serverSideEncryption?: string;
}

/** Throws what a read of the object is refused with: its key, its conditions, its range. */
export async function readingOf(context: S3Context, found: Found, input: ReadingInput): Promise<Reading> {
  refuseMethod(input.serverSideEncryption);
  const customerKey = readingKeyOf(context.parts, input);
  checkReadable(context.parts, found.encryption, customerKey);
  const headers = objectHeaders(found, input);
  checkReadConditions(input, found, headers.validators);
  const selection = selectRange(found, input);
  // Rules are about what the key leads to, and S3 does not say when a version would expire.
  const expiration = input.versionId === undefined ? await expirationHeaders(context, input.key, found) : [];
  const ofVersion = [...versionHeaders(context, found.versionId), ...lockHeaders(found.lock)];
  const encryption = encryptionHeaders(context.parts, found.encryption, customerKey);
  const restore = await restoreHeaders(context, found);
  return {
    ...selection,
    headers: [...headers.all(selection), ...encryption, ...ofVersion, ...expiration, ...restore],
  };
}
