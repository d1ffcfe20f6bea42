import { Type, type Static, type TObject } from '@sinclair/typebox';
import type { BucketConfigurationName } from '../../namespace/namespace.ts';
import { bucketDocument, putBucketDocument } from './bucket-document.ts';
import type { S3ErrorCode } from './error-codes.ts';
import { S3Error } from './errors.ts';
import { bucketMembers, bucketOf } from './members.ts';
import {
  operation,
  type Binding,
  type Method,
  type Operation,
  type S3Answer,
  type S3Context,
} from './operation.ts';
import { toXml } from './xml-schema.ts';
import { xmlHead, xmlNamespace } from './xml.ts';

/** A configuration of a bucket that is one XML document: put, returned, removed, and kept as JSON in between. */
export interface DocumentKind<Schema extends TObject> {
  readonly configuration: BucketConfigurationName;
  readonly subresource: string;
  /** The document's root element. */
  readonly root: string;
  /** Elements in the order in which they are returned. */
  readonly schema: Schema;
  /** Whether a request to put it must carry Content-MD5 or a checksum. AWS API reference, of that operation. */
  readonly integrity: Extract<Binding, { in: 'xml' }>['integrity'];
  readonly put: DocumentAction;
  readonly get: DocumentAction;
  /** Absent: AWS has no such operation. */
  readonly remove?: DocumentAction;
  /**
   * Refuses what the schema cannot, and answers what is kept; `undefined` takes the configuration away. AWS documents are
   * often valid only in their context: the bucket's name, its other configurations.
   */
  readonly check: (document: Static<Schema>, context: S3Context) => Promise<Static<Schema> | undefined>;
  /** What a bucket answers that has none: an error or a document. */
  readonly absent: S3ErrorCode | Static<Schema>;
}

export interface DocumentAction {
  readonly name: string;
  readonly action: Operation['action'];
}

/** The rows of the operation table for such a configuration. */
export function documentOperations<Schema extends TObject>(kind: DocumentKind<Schema>): readonly Operation[] {
  const schema: TObject = kind.schema;
  const put = operation({
    ...kind.put,
    route: routeOf(kind, 'PUT'),
    input: Type.Object({ ...bucketMembers.input, document: schema }),
    bindings: {
      ...bucketMembers.bindings,
      document: { in: 'xml', root: kind.root, integrity: kind.integrity },
    },
    success: 200,
    handle: (context, { document }) => store(kind, context, document as Static<Schema>),
  });
  const get = operation({
    ...kind.get,
    route: routeOf(kind, 'GET'),
    input: Type.Object(bucketMembers.input),
    bindings: bucketMembers.bindings,
    success: 200,
    handle: (context) => answer(kind, context),
  });
  return [put, get, ...removal(kind)] as readonly Operation[];
}

const routeOf = ({ subresource }: { readonly subresource: string }, method: Method): Operation['route'] => ({
  method,
  level: 'bucket',
  query: { [subresource]: true },
});

async function store<Schema extends TObject>(
  { configuration: name, check }: DocumentKind<Schema>,
  context: S3Context,
  given: Static<Schema>,
): Promise<S3Answer> {
  const { objects } = context.parts;
  const document = await check(given, context);
  if (document === undefined) await objects.deleteBucketConfiguration(bucketOf(context), name);
  else await putBucketDocument(objects, bucketOf(context), { name, document });
  return { headers: [] };
}

async function answer<Schema extends TObject>(
  { configuration, root, schema, absent }: DocumentKind<Schema>,
  context: S3Context,
): Promise<S3Answer> {
  const bucket = bucketOf(context);
  const document = (await bucketDocument(context.parts.objects, bucket, configuration)) ?? absent;
  if (typeof document === 'string')
    throw new S3Error(document as S3ErrorCode, { members: { BucketName: bucket.name } });
  return { headers: [], body: xmlHead + toXml(schema, root, document, xmlNamespace) };
}

function removal<Schema extends TObject>(kind: DocumentKind<Schema>): readonly Operation[] {
  if (kind.remove === undefined) return [];
  const remove = operation({
    ...kind.remove,
    route: routeOf(kind, 'DELETE'),
    input: Type.Object(bucketMembers.input),
    bindings: bucketMembers.bindings,
    success: 204,
    async handle(context) {
      await context.parts.objects.deleteBucketConfiguration(bucketOf(context), kind.configuration);
      return { headers: [] };
    },
  });
  return [remove];
}
