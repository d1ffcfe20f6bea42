import { Type, type Static } from '@sinclair/typebox';
import { PUT_BYTES_MAX } from '../../../limits.ts';
import type { ContentKey, Encryption } from '../../../keyring/encryption.ts';
import type {
  Expectation,
  FacetChange,
  Found,
  ObjectFacet,
  OpenObject,
} from '../../../namespace/namespace.ts';
import type { ObjectLock } from '../../../namespace/version.ts';
import { authoriseTagCopy } from '../authorise.ts';
import { checksumElements, checksumNames, defaultChecksum, rowNamed } from '../checksums.ts';
import { checkCopyConditions, writeExpectation } from '../conditions.ts';
import { withCopySource } from '../copy-source.ts';
import { customerKeyOf, sourceKeyMembers } from '../customer-key.ts';
import { copyContentKey, encryptionMembers, etagOf, madeHeaders } from '../encryption.ts';
import { invalidArgument, S3Error } from '../errors.ts';
import { facetOf } from '../facet.ts';
import { digestsOfRange } from '../hash-range.ts';
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
import { redirectHeader } from '../metadata.ts';
import { lockMembers, lockOf } from '../object-lock.ts';
import { operation, type S3Context } from '../operation.ts';
import { publishing } from '../publish.ts';
import { requireQuota } from '../quota.ts';
import { writtenHeaders } from '../written.ts';
import { xmlDate } from '../timestamp.ts';
import { xmlElement, xmlHead, xmlNamespace } from '../xml.ts';

const input = Type.Object({
  ...objectMembers.input,
  ...facetMembers.input,
  ...writeConditionMembers.input,
  ...lockMembers.input,
  ...copySourceMembers.input,
  ...encryptionMembers.input,
  ...sourceKeyMembers.input,
  metadataDirective: text,
  taggingDirective: text,
  checksumAlgorithm: text,
});

type Input = Static<typeof input>;

/**
 * AWS API reference, CopyObject. No byte moves: the new object shares the source's extents. Its ETag and checksum are those
 * of a PUT of the same bytes: the gateway reads them only when the source does not know them, because it was uploaded in
 * parts, written over NFS, or has another algorithm. A content key that cannot be shared makes it write them, too.
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
    ...lockMembers.bindings,
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
    const stored = await facetOf(context, wish);
    const lock = lockOf(context, wish);
    return withCopySource(context, wish, async (source, object) => {
      checkCopyConditions(source.conditions, object.found);
      checkSourceSize(object.found);
      const isSelf =
        source.bucketName === wish.bucket && source.key === wish.key && source.versionId === undefined;
      if (isSelf && !changesSomething(wish)) throw copyOntoItself();
      const given = wish.metadataDirective === 'REPLACE' ? stored : object.found.facet;
      if (object.found.facet.tags.length > 0 && wish.taggingDirective !== 'REPLACE')
        await authoriseTagCopy(context, { source, key: wish.key });
      const { tags } = wish.taggingDirective === 'REPLACE' ? stored : object.found.facet;
      const { metadata } = given;
      const headers = withOwnRedirect(given.headers, stored.headers);
      // AWS API reference, CopyObject: neither class nor ACL of the source go with the copy.
      const change = { headers, metadata, tags, storageClass: stored.storageClass, acl: stored.acl };
      const contentKey = await copyContentKey(context, wish, source.contentKey);
      const isInPlace =
        isSelf &&
        bucketOf(context).rules.versioning === 'off' &&
        wish.checksumAlgorithm === undefined &&
        object.found.facet.parts.length === 0 &&
        isSameEncryption(object.found.encryption, contentKey?.encryption);
      const found = isInPlace
        ? await changeInPlace(context, { wish, change, expect })
        : await spliceWhole(context, { wish, object, change, expect, lock, contentKey });
      const made = madeHeaders(context.parts, found.encryption, customerKeyOf(context.parts, wish));
      const answered = [...source.headers, ...made, ...(await writtenHeaders(context, wish.key, found))];
      return { headers: answered, body: resultDocument(found) };
    });
  },
});

function checkDirectives({ metadataDirective, taggingDirective, checksumAlgorithm }: Input): void {
  if (metadataDirective !== undefined && metadataDirective !== 'COPY' && metadataDirective !== 'REPLACE')
    throw invalidArgument('Unknown metadata directive.', 'x-amz-metadata-directive', metadataDirective);
  if (taggingDirective !== undefined && taggingDirective !== 'COPY' && taggingDirective !== 'REPLACE')
    throw invalidArgument('Unknown tagging directive.', 'x-amz-tagging-directive', taggingDirective);
  if (checksumAlgorithm !== undefined && rowNamed(checksumAlgorithm) === undefined)
    throw new S3Error('InvalidRequest', {
      message: `Checksum algorithm provided is unsupported. Please try again with any of the valid types: [${checksumNames}]`,
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
  wish.storageClass !== undefined ||
  wish.websiteRedirectLocation !== undefined;

/** AWS API reference, CopyObject: the redirect of the source never goes with the copy, the one asked for always does. */
function withOwnRedirect(
  given: ObjectFacet['headers'],
  stored: ObjectFacet['headers'],
): ObjectFacet['headers'] {
  const { [redirectHeader]: _redirect, ...others } = given;
  const own = stored[redirectHeader];
  return own === undefined ? others : { ...others, [redirectHeader]: own };
}

const copyOntoItself = (): S3Error =>
  new S3Error('InvalidRequest', {
    message:
      "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
  });

interface Change {
  readonly wish: Input;
  readonly change: FacetChange;
  readonly expect: Expectation;
}

async function changeInPlace(context: S3Context, { wish, change, expect }: Change): Promise<Found> {
  const bucket = bucketOf(context).ino;
  return publishing({ key: wish.key, expect }, () =>
    context.parts.objects.changeFacet({ bucket, key: keyBytes(wish.key), expect }, change),
  );
}

interface Copy extends Change {
  readonly object: OpenObject;
  readonly lock: ObjectLock | undefined;
  readonly contentKey: ContentKey | undefined;
}

async function spliceWhole(
  context: S3Context,
  { wish, object, change, expect, lock, contentKey }: Copy,
): Promise<Found> {
  const { objects } = context.parts;
  const { attributes, facet: source } = object.found;
  const algorithm = wish.checksumAlgorithm ?? source.checksums[0]?.algorithm ?? defaultChecksum.algorithm;
  const rows = [rowNamed(algorithm) ?? defaultChecksum];
  const whole = { offset: 0, length: attributes.size };
  await requireQuota(context, { key: wish.key, length: attributes.size });
  const { md5, checksums } = await digestsOfRange(context.parts.compute, object, whole, rows);
  const facet = { etag: etagOf(contentKey, md5), checksums, ...change, parts: [] };
  const draft = await objects.draft(context.principal.caller, contentKey);
  try {
    if (attributes.size > 0) await draft.splice(object, 0, attributes.size);
    return await publishing({ key: wish.key, expect }, () =>
      objects.attach(context.principal.caller, draft, {
        bucket: bucketOf(context).ino,
        key: keyBytes(wish.key),
        facet,
        expect,
        lock,
      }),
    );
  } catch (failure) {
    await draft.discard();
    throw failure;
  }
}

const resultDocument = ({ attributes, facet }: Found): string =>
  `${xmlHead}<CopyObjectResult${xmlNamespace}>${xmlElement('LastModified', xmlDate(attributes.mtime))}` +
  `${xmlElement('ETag', quoted(facet.etag))}${checksumElements(facet.checksums)}</CopyObjectResult>`;
