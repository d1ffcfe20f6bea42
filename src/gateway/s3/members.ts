import assert from 'node:assert/strict';
import { Type } from '@sinclair/typebox';
import type { Account } from '../../accounts/accounts.ts';
import { PART_NUMBER_MAX } from '../../limits/s3.ts';
import type { Bucket, ObjectFacet } from '../../namespace/namespace.ts';
import type { Binding, S3Context } from './operation.ts';
import type { Payload } from './payload.ts';
import { standardClass } from './storage-class.ts';
import { xmlElement } from './xml.ts';

/** Members that many operations have, each as schema and binding; rows spread them. */

export const header = <Name extends string>(name: Name): { readonly in: 'header'; readonly name: Name } => ({
  in: 'header',
  name,
});
export const query = <Name extends string>(name: Name): { readonly in: 'query'; readonly name: Name } => ({
  in: 'query',
  name,
});

/** AWS takes `true` in any case; everything else is no. */
export const isTrue = (value: string | undefined): boolean => value?.toLowerCase() === 'true';

export const text = Type.Optional(Type.String());

export const bucketMembers = {
  input: { bucket: Type.String() },
  bindings: { bucket: { in: 'path', name: 'bucket' } },
} as const satisfies MemberGroup;

export const objectMembers = {
  input: { bucket: Type.String(), key: Type.String({ minLength: 1 }) },
  bindings: { bucket: { in: 'path', name: 'bucket' }, key: { in: 'path', name: 'key' } },
} as const satisfies MemberGroup;

export const readConditionMembers = {
  input: { ifMatch: text, ifNoneMatch: text, ifModifiedSince: text, ifUnmodifiedSince: text },
  bindings: {
    ifMatch: header('if-match'),
    ifNoneMatch: header('if-none-match'),
    ifModifiedSince: header('if-modified-since'),
    ifUnmodifiedSince: header('if-unmodified-since'),
  },
} as const satisfies MemberGroup;

export const writeConditionMembers = {
  input: { ifMatch: text, ifNoneMatch: text },
  bindings: { ifMatch: header('if-match'), ifNoneMatch: header('if-none-match') },
} as const satisfies MemberGroup;

/** An ACL in headers, for a bucket or an object. */
export const aclMembers = {
  input: {
    acl: text,
    grantFullControl: text,
    grantRead: text,
    grantReadAcp: text,
    grantWrite: text,
    grantWriteAcp: text,
  },
  bindings: {
    acl: header('x-amz-acl'),
    grantFullControl: header('x-amz-grant-full-control'),
    grantRead: header('x-amz-grant-read'),
    grantReadAcp: header('x-amz-grant-read-acp'),
    grantWrite: header('x-amz-grant-write'),
    grantWriteAcp: header('x-amz-grant-write-acp'),
  },
} as const satisfies MemberGroup;

/** What a client says about the object it makes. */
export const facetMembers = {
  input: {
    contentType: text,
    cacheControl: text,
    contentDisposition: text,
    contentEncoding: text,
    contentLanguage: text,
    expires: text,
    websiteRedirectLocation: text,
    metadata: Type.Record(Type.String(), Type.String()),
    ...aclMembers.input,
    storageClass: text,
    tagging: text,
  },
  bindings: {
    contentType: header('content-type'),
    cacheControl: header('cache-control'),
    contentDisposition: header('content-disposition'),
    contentEncoding: header('content-encoding'),
    contentLanguage: header('content-language'),
    expires: header('expires'),
    websiteRedirectLocation: header('x-amz-website-redirect-location'),
    metadata: { in: 'headers', prefix: 'x-amz-meta-' },
    ...aclMembers.bindings,
    storageClass: header('x-amz-storage-class'),
    tagging: header('x-amz-tagging'),
  },
} as const satisfies MemberGroup;

export const copySourceMembers = {
  input: {
    copySource: Type.String({ minLength: 1 }),
    copyIfMatch: text,
    copyIfNoneMatch: text,
    copyIfModifiedSince: text,
    copyIfUnmodifiedSince: text,
    sourceExpectedOwner: text,
  },
  bindings: {
    copySource: header('x-amz-copy-source'),
    copyIfMatch: header('x-amz-copy-source-if-match'),
    copyIfNoneMatch: header('x-amz-copy-source-if-none-match'),
    copyIfModifiedSince: header('x-amz-copy-source-if-modified-since'),
    copyIfUnmodifiedSince: header('x-amz-copy-source-if-unmodified-since'),
    sourceExpectedOwner: header('x-amz-source-expected-bucket-owner'),
  },
} as const satisfies MemberGroup;

interface MemberGroup {
  readonly input: Readonly<Record<string, unknown>>;
  readonly bindings: Readonly<Record<string, Binding>>;
}

export const stream = Type.Unsafe<Payload>({});

export const partNumber = Type.Integer({
  minimum: 1,
  maximum: PART_NUMBER_MAX,
  s3: {
    message: `Part number must be an integer between 1 and ${PART_NUMBER_MAX}, inclusive`,
    argument: 'partNumber',
  },
});

/** Counts like max-keys: what is above the page size is cut to it. */
export const count = (argument: string): ReturnType<typeof Type.Integer> =>
  Type.Integer({
    minimum: 0,
    maximum: 2147483647,
    s3: { message: `Argument ${argument} must be an integer between 0 and 2147483647`, argument },
  });

export const encodingType = Type.Literal('url', {
  s3: { message: 'Invalid Encoding Method specified in Request', argument: 'encoding-type' },
});

/** The bucket of an operation at bucket or object level. */
export function bucketOf(context: S3Context): Bucket {
  assert(context.bucket !== undefined, 'the door resolves the bucket of every such operation');
  return context.bucket;
}

/** To whom the bucket belongs. */
export const ownerOf = (context: S3Context): Account =>
  context.parts.accounts.account(bucketOf(context).owner);

export const keyBytes = (key: string): Uint8Array => Buffer.from(key, 'utf8');
export const keyText = (key: Uint8Array): string =>
  Buffer.from(key.buffer, key.byteOffset, key.length).toString('utf8');

export const quoted = (etag: string): string => `"${etag}"`;

export const emptyFacet: ObjectFacet = {
  etag: '',
  headers: {},
  metadata: {},
  checksums: [],
  parts: [],
  tags: [],
  storageClass: standardClass,
};

export const ownerElement = (name: string, account: Account): string =>
  `<${name}>${xmlElement('ID', account.canonicalId)}${xmlElement('DisplayName', account.displayName)}</${name}>`;
