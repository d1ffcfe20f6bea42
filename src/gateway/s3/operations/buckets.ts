import { Type, type Static } from '@sinclair/typebox';
import { Fault } from '../../../fault.ts';
import { LIST_BUCKETS_MAX } from '../../../limits.ts';
import type { AccessControl, ObjectOwnership } from '../../../namespace/access-control.ts';
import type { Bucket, BucketConfigurationName } from '../../../namespace/namespace.ts';
import { actorOf } from '../actor.ts';
import { headerWish, wishedAcl, type AclHeaders } from '../acl-request.ts';
import { isPrivateAcl, isPublicAcl } from '../acl.ts';
import { documentBytes } from '../bucket-document.ts';
import { continuationToken, positionOf } from '../continuation.ts';
import { invalidArgument, S3Error } from '../errors.ts';
import {
  aclMembers,
  bucketMembers,
  bucketOf,
  header,
  keyBytes,
  keyText,
  ownerElement,
  query,
  text,
  isTrue,
} from '../members.ts';
import { operation, type S3Parts } from '../operation.ts';
import {
  bucketAclBytes,
  bucketOwners,
  isEnforced,
  isObjectOwnership,
  putBucketAclDocument,
} from '../ownership.ts';
import { closed, publicAccessBlock } from '../public-access-block.ts';
import { bucketTags, tagging } from '../tags.ts';
import { xmlDate } from '../timestamp.ts';
import { xmlElement, xmlHead, xmlNamespace, xmlOptional } from '../xml.ts';

/** AWS API reference, ListBuckets. */
export const listBuckets = operation({
  name: 'ListBuckets',
  route: { method: 'GET', level: 'service' },
  action: 's3:ListAllMyBuckets',
  input: Type.Object({
    maxBuckets: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: LIST_BUCKETS_MAX,
        s3: {
          message: `Argument max-buckets must be an integer between 1 and ${LIST_BUCKETS_MAX}.`,
          argument: 'max-buckets',
        },
      }),
    ),
    continuationToken: text,
    prefix: text,
    bucketRegion: text,
  }),
  bindings: {
    maxBuckets: query('max-buckets'),
    continuationToken: query('continuation-token'),
    prefix: query('prefix'),
    bucketRegion: query('bucket-region'),
  },
  success: 200,
  async handle(
    { parts, principal },
    { maxBuckets = LIST_BUCKETS_MAX, continuationToken: token, prefix, bucketRegion },
  ) {
    const after = token === undefined || token === '' ? '' : keyText(positionOf(token).bytes);
    const { account } = principal;
    const isHere = bucketRegion === undefined || bucketRegion === parts.region;
    const all = isHere ? await parts.objects.buckets() : [];
    const wanted = all.filter(
      ({ name, owner }) =>
        parts.accounts.account(owner).id === account.id &&
        name > after &&
        (prefix === undefined || name.startsWith(prefix)),
    );
    const page = wanted.slice(0, maxBuckets);
    const last = wanted.length > page.length ? page.at(-1) : undefined;
    const next =
      last === undefined ? undefined : continuationToken({ kind: 'key', bytes: keyBytes(last.name) });
    const body =
      `${xmlHead}<ListAllMyBucketsResult${xmlNamespace}>${ownerElement('Owner', account)}` +
      `<Buckets>${page.map((bucket) => bucketXml(bucket, parts.region)).join('')}</Buckets>` +
      `${xmlOptional('ContinuationToken', next)}${xmlOptional('Prefix', prefix)}</ListAllMyBucketsResult>`;
    return { headers: [], body };
  },
});

const bucketXml = ({ name, createdAt }: Bucket, region: string): string =>
  `<Bucket>${xmlElement('Name', name)}${xmlElement('CreationDate', xmlDate(createdAt))}${xmlElement('BucketRegion', region)}</Bucket>`;

const bucketConfiguration = Type.Object({
  LocationConstraint: Type.Optional(Type.String()),
  Location: Type.Optional(Type.Object({})),
  Bucket: Type.Optional(Type.Object({})),
  Tags: Type.Optional(tagging.properties.TagSet),
});

/** AWS API reference, CreateBucket. */
export const createBucket = operation({
  name: 'CreateBucket',
  route: { method: 'PUT', level: 'bucket' },
  action: 's3:CreateBucket',
  input: Type.Object({
    ...bucketMembers.input,
    ...aclMembers.input,
    objectOwnership: text,
    objectLockEnabled: text,
    configuration: Type.Optional(bucketConfiguration),
  }),
  bindings: {
    ...bucketMembers.bindings,
    ...aclMembers.bindings,
    objectOwnership: header('x-amz-object-ownership'),
    objectLockEnabled: header('x-amz-bucket-object-lock-enabled'),
    configuration: { in: 'xml', root: 'CreateBucketConfiguration', integrity: 'optional' },
  },
  success: 200,
  async handle(context, input) {
    const { parts, principal } = context;
    const { bucket } = input;
    const objectOwnership = wantedOwnership(parts, input);
    const acl = wantedAcl(parts, { owner: principal.account.id, objectOwnership, headers: input });
    // A bucket that is there has a public access block of its own, or none.
    if (parts.publicAccessBlock && isPublicAcl(acl) && (await parts.objects.bucket(bucket)) === undefined)
      throw new S3Error('InvalidBucketAclWithBlockPublicAccessError');
    checkConfiguration(input.configuration ?? {}, parts.region);
    const owner = principal.account.id;
    const rules = isTrue(input.objectLockEnabled) ? { rules: withObjectLock } : {};
    const tags = bucketTags({ TagSet: input.configuration?.Tags ?? { Tag: [] } });
    const documents = new Map<BucketConfigurationName, Uint8Array>();
    if (!isPrivateAcl(acl)) documents.set('acl', bucketAclBytes(acl));
    if (tags.length > 0) documents.set('tagging', documentBytes(tags));
    if (parts.publicAccessBlock) documents.set('public-access-block', documentBytes(closed));
    try {
      await parts.objects.createBucket(principal.caller, bucket, {
        ...{ owner, objectOwnership, documents, by: actorOf(context, 'CreateBucket') },
        ...rules,
      });
    } catch (failure) {
      if (!(failure instanceof Fault) || failure.code !== 'exists') throw failure;
      const there = await parts.objects.bucket(bucket);
      if (there === undefined || parts.accounts.account(there.owner).id !== principal.account.id)
        throw new S3Error('BucketAlreadyExists', { members: { BucketName: bucket } });
      // AWS: in us-east-1 creating one's own bucket again is a success, elsewhere a conflict.
      if (parts.region !== 'us-east-1') throw failure;
      const mayResetAcl = await context.access.may({ action: 's3:PutBucketAcl', bucket: there });
      if (!isEnforced(parts, there) && mayResetAcl) await resetAcl(parts, there, acl);
    }
    return { headers: ['Location', `/${bucket}`] };
  },
  conditionValues({ configuration }) {
    const constraint = configuration?.LocationConstraint;
    return new Map(constraint === undefined ? [] : [['s3:locationconstraint', [constraint]]]);
  },
});

/** AWS: a bucket that is made again gets the ACL that it would be made with. */
async function resetAcl({ objects }: S3Parts, bucket: Bucket, acl: AccessControl): Promise<void> {
  if (isPublicAcl(acl) && (await publicAccessBlock(objects, bucket)).BlockPublicAcls)
    throw new S3Error('InvalidBucketAclWithBlockPublicAccessError');
  await putBucketAclDocument(objects, bucket, acl);
}

/**
 * A bucket that is made with a canned ACL of `private` takes ACLs on AWS, though new ones do not: `rclone mkdir` sends it,
 * and `rclone copy` before 1.61 sends it with every object.
 */
function wantedOwnership(
  parts: S3Parts,
  { objectOwnership: header, acl }: { readonly objectOwnership?: string; readonly acl?: string },
): ObjectOwnership {
  if (header === undefined)
    return parts.objectOwnership === 'BucketOwnerEnforced' && acl === 'private'
      ? 'BucketOwnerPreferred'
      : parts.objectOwnership;
  if (isObjectOwnership(header)) return header;
  throw invalidArgument(`Invalid x-amz-object-ownership header: ${header}`, 'x-amz-object-ownership', header);
}

function wantedAcl(
  { accounts }: S3Parts,
  {
    owner,
    objectOwnership,
    headers,
  }: { readonly owner: string; readonly objectOwnership: ObjectOwnership; readonly headers: AclHeaders },
): AccessControl {
  const acl = wishedAcl(headerWish(accounts, headers), bucketOwners(owner));
  if (objectOwnership === 'BucketOwnerEnforced' && !isPrivateAcl(acl))
    throw new S3Error('InvalidBucketAclWithObjectOwnership');
  return acl;
}
/** Object lock needs versioning, and brings it. AWS API reference, CreateBucket. */
const withObjectLock = { versioning: 'enabled', objectLock: { defaultRetention: undefined } } as const;

function checkConfiguration(
  { LocationConstraint: wanted, Location: location, Bucket: kind }: Static<typeof bucketConfiguration>,
  region: string,
): void {
  if (location !== undefined || kind !== undefined)
    throw new S3Error('NotImplemented', {
      message: 'A member of CreateBucketConfiguration implies functionality that is not implemented.',
    });
  if (wanted === undefined || wanted === '') {
    if (region !== 'us-east-1') throw incompatible('unspecified');
    return;
  }
  // The default region has no constraint of its own name (AWS API reference, CreateBucketConfiguration).
  if (wanted === 'us-east-1' || !/^([a-z]{2}(-[a-z]+)+-\d+|EU)$/.test(wanted))
    throw new S3Error('InvalidLocationConstraint', { members: { LocationConstraint: wanted } });
  if (wanted !== region && !(wanted === 'EU' && region === 'eu-west-1')) throw incompatible(wanted);
}

const incompatible = (constraint: string): S3Error =>
  new S3Error('IllegalLocationConstraintException', {
    message: `The ${constraint} location constraint is incompatible for the region specific endpoint this request was sent to.`,
  });

/** AWS API reference, HeadBucket. */
export const headBucket = operation({
  name: 'HeadBucket',
  route: { method: 'HEAD', level: 'bucket' },
  action: 's3:ListBucket',
  input: Type.Object(bucketMembers.input),
  bindings: bucketMembers.bindings,
  success: 200,
  handle: ({ parts }) =>
    Promise.resolve({
      headers: [
        'x-amz-bucket-region',
        parts.region,
        'x-amz-access-point-alias',
        'false',
        'Content-Type',
        'application/xml',
      ],
    }),
});

/** AWS API reference, DeleteBucket. */
export const deleteBucket = operation({
  name: 'DeleteBucket',
  route: { method: 'DELETE', level: 'bucket' },
  action: 's3:DeleteBucket',
  input: Type.Object(bucketMembers.input),
  bindings: bucketMembers.bindings,
  success: 204,
  async handle(context) {
    await context.parts.objects.deleteBucket(bucketOf(context).name);
    return { headers: [] };
  },
});

/** AWS API reference, GetBucketLocation: empty for us-east-1. */
export const getBucketLocation = operation({
  name: 'GetBucketLocation',
  route: { method: 'GET', level: 'bucket', query: { location: true } },
  action: 's3:GetBucketLocation',
  input: Type.Object(bucketMembers.input),
  bindings: bucketMembers.bindings,
  success: 200,
  handle({ parts: { region } }) {
    const constraint =
      region === 'us-east-1'
        ? `<LocationConstraint${xmlNamespace}/>`
        : `<LocationConstraint${xmlNamespace}>${region}</LocationConstraint>`;
    return Promise.resolve({ headers: [], body: xmlHead + constraint });
  },
});
