import { Type, type Static } from '@sinclair/typebox';
import { PUT_BYTES_MAX } from '../../../limits.ts';
import type { ContentKey, Encryption } from '../../../keyring/encryption.ts';
import type { Expectation, Found, ObjectFacet, OpenObject } from '../../../namespace/namespace.ts';
import { checksumElements, checksumOf, digestOf, rowNamed } from '../checksums.ts';
import { checkCopyConditions, writeExpectation } from '../conditions.ts';
import { withCopySource } from '../copy-source.ts';
import { customerKeyOf, sourceKeyMembers } from '../customer-key.ts';
import { copyContentKey, encryptionMembers, etagOf, hasMd5Etag, madeHeaders } from '../encryption.ts';
import { invalidArgument, S3Error } from '../errors.ts';
import { facetOf } from '../facet.ts';
import { hashRange } from '../hash-range.ts';
import {
  bucketOf,
  copySourceMembers,
  facetMembers,
  header,
  keyBytes,
  objectMembers,
  quoted,
  text,
  writeConditionMembers,
} from '../members.ts';
import { operation, type S3Context } from '../operation.ts';
import { publishing } from '../publish.ts';
import { xmlDate } from '../timestamp.ts';
import { xmlElement, xmlHead, xmlNamespace } from '../xml.ts';

const input = Type.Object({
  ...objectMembers.input,
  ...facetMembers.input,
  ...writeConditionMembers.input,
  ...copySourceMembers.input,
  ...encryptionMembers.input,
  ...sourceKeyMembers.input,
  metadataDirective: text,
  taggingDirective: text,
  checksumAlgorithm: text,
});

type Input = Static<typeof input>;

/**
 * AWS API reference, CopyObject. No byte moves: the new object shares the source's extents, and with them its ETag and
 * checksums; only another checksum algorithm makes the gateway read the source, and a content key that cannot be shared
 * makes it write as well.
 */
export const copyObject = operation({
  name: 'CopyObject',
  route: { method: 'PUT', level: 'object', header: 'x-amz-copy-source' },
  action: 's3:PutObject',
  input,
  bindings: {
    ...objectMembers.bindings,
    ...facetMembers.bindings,
    ...writeConditionMembers.bindings,
    ...copySourceMembers.bindings,
    ...encryptionMembers.bindings,
    ...sourceKeyMembers.bindings,
    metadataDirective: header('x-amz-metadata-directive'),
    taggingDirective: header('x-amz-tagging-directive'),
    checksumAlgorithm: header('x-amz-checksum-algorithm'),
  },
  success: 200,
  async handle(context, wish) {
    checkDirectives(wish);
    const expect = writeExpectation(wish);
    const stored = facetOf(wish);
    const found = await withCopySource(context, wish, async (source, object) => {
      checkCopyConditions(source.conditions, object.found);
      checkSourceSize(object.found);
      const isSelf = source.bucketName === wish.bucket && source.key === wish.key;
      if (isSelf && !changesSomething(wish)) throw copyOntoItself();
      const given = wish.metadataDirective === 'REPLACE' ? stored : object.found.facet;
      const { tags } = wish.taggingDirective === 'REPLACE' ? stored : object.found.facet;
      const change = { headers: given.headers, metadata: given.metadata, tags };
      const contentKey = await copyContentKey(context, wish, source.contentKey);
      const staysAsItIs =
        wish.checksumAlgorithm === undefined &&
        isSameEncryption(object.found.encryption, contentKey?.encryption);
      if (isSelf && staysAsItIs) return changeInPlace(context, { wish, change, expect });
      return spliceWhole(context, { wish, object, change, expect, contentKey });
    });
    const headers = madeHeaders(context.parts, found.encryption, customerKeyOf(context.parts, wish));
    return { headers, body: resultDocument(found) };
  },
});

function checkDirectives({ metadataDirective, taggingDirective, checksumAlgorithm }: Input): void {
  if (metadataDirective !== undefined && metadataDirective !== 'COPY' && metadataDirective !== 'REPLACE')
    throw invalidArgument('Unknown metadata directive.', 'x-amz-metadata-directive', metadataDirective);
  if (taggingDirective !== undefined && taggingDirective !== 'COPY' && taggingDirective !== 'REPLACE')
    throw invalidArgument('Unknown tagging directive.', 'x-amz-tagging-directive', taggingDirective);
  if (checksumAlgorithm !== undefined && rowNamed(checksumAlgorithm) === undefined)
    throw new S3Error('InvalidRequest', {
      message:
        'Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]',
    });
}

function checkSourceSize({ attributes }: Found): void {
  if (attributes.size > PUT_BYTES_MAX)
    throw new S3Error('InvalidRequest', {
      message: `The specified copy source is larger than the maximum allowable size for a copy source: ${PUT_BYTES_MAX}`,
    });
}

/** Whether a copy would be encrypted as the source is. A customer's key is never shared: that copy is another. */
const isSameEncryption = (one: Encryption | undefined, other: Encryption | undefined): boolean =>
  one?.mode === other?.mode &&
  one?.mode !== 'customer' &&
  one?.keyId === other?.keyId &&
  one?.context === other?.context &&
  one?.bucketKey === other?.bucketKey;

const changesSomething = (wish: Input): boolean =>
  wish.metadataDirective === 'REPLACE' ||
  wish.serverSideEncryption !== undefined ||
  wish.customerAlgorithm !== undefined ||
  wish.checksumAlgorithm !== undefined ||
  wish.storageClass !== undefined;

const copyOntoItself = (): S3Error =>
  new S3Error('InvalidRequest', {
    message:
      "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
  });

interface Change {
  readonly wish: Input;
  readonly change: Pick<ObjectFacet, 'headers' | 'metadata' | 'tags'>;
  readonly expect: Expectation;
}

async function changeInPlace(context: S3Context, { wish, change, expect }: Change): Promise<Found> {
  const bucket = bucketOf(context).ino;
  return publishing(context, { key: wish.key, expect }, () =>
    context.parts.objects.changeFacet({ bucket, key: keyBytes(wish.key), expect }, change),
  );
}

interface Copy extends Change {
  readonly object: OpenObject;
  readonly contentKey: ContentKey | undefined;
}

async function spliceWhole(
  context: S3Context,
  { wish, object, change, expect, contentKey }: Copy,
): Promise<Found> {
  const { objects } = context.parts;
  const { attributes } = object.found;
  const checksums = await copiedChecksums(context, wish, object);
  const etag = await copiedEtag(context, object, contentKey);
  const facet = { etag, ...change, checksums, partLengths: [] };
  const draft = await objects.draft(context.principal.caller, contentKey);
  try {
    if (attributes.size > 0) await draft.splice(object, 0, attributes.size);
    return await publishing(context, { key: wish.key, expect }, () =>
      objects.attach(context.principal.caller, draft, {
        bucket: bucketOf(context).ino,
        key: keyBytes(wish.key),
        facet,
        expect,
      }),
    );
  } catch (failure) {
    await draft.discard();
    throw failure;
  }
}

/** The source's, unless it says an MD5 where this object must not have one, or the other way round. */
async function copiedEtag(
  { parts: { compute } }: S3Context,
  object: OpenObject,
  contentKey: ContentKey | undefined,
): Promise<string> {
  const { facet, attributes, encryption } = object.found;
  const isMd5 = hasMd5Etag(encryption) && /^[0-9a-f]{32}$/.test(facet.etag);
  if (hasMd5Etag(encryption) && hasMd5Etag(contentKey?.encryption)) return facet.etag;
  if (isMd5) return etagOf(contentKey, Buffer.from(facet.etag, 'hex'));
  const whole = { offset: 0, length: attributes.size };
  return etagOf(contentKey, digestOf(await hashRange(compute, object, whole, ['md5']), 'md5'));
}

async function copiedChecksums(
  context: S3Context,
  wish: Input,
  object: OpenObject,
): Promise<ObjectFacet['checksums']> {
  const { facet, attributes } = object.found;
  const row = wish.checksumAlgorithm === undefined ? undefined : rowNamed(wish.checksumAlgorithm);
  if (row === undefined) return facet.checksums;
  const kept = facet.checksums.find((it) => it.algorithm === row.algorithm && it.type === 'FULL_OBJECT');
  if (kept !== undefined) return [kept];
  const whole = { offset: 0, length: attributes.size };
  const digests = await hashRange(context.parts.compute, object, whole, [row.digest]);
  return [checksumOf(row, digestOf(digests, row.digest))];
}

const resultDocument = ({ attributes, facet }: Found): string =>
  `${xmlHead}<CopyObjectResult${xmlNamespace}>${xmlElement('LastModified', xmlDate(attributes.mtime))}` +
  `${xmlElement('ETag', quoted(facet.etag))}${checksumElements(facet.checksums)}</CopyObjectResult>`;
