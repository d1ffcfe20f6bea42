import { Type, type Static, type TObject } from '@sinclair/typebox';
import { Fault } from '../../fault.ts';
import {
  NAMED_CONFIGURATIONS_ATTEMPTS_MAX,
  NAMED_CONFIGURATIONS_MAX,
  NAMED_CONFIGURATIONS_PAGE,
} from '../../limits.ts';
import type { Bucket, BucketConfigurationName, ObjectStore } from '../../namespace/namespace.ts';
import { continuationToken, positionOf } from './continuation.ts';
import type { DocumentAction } from './document-operations.ts';
import { invalidArgument, S3Error } from './errors.ts';
import { bucketMembers, bucketOf, keyBytes, query, text } from './members.ts';
import { operation, type Method, type Operation, type S3Context } from './operation.ts';
import { toXml } from './xml-schema.ts';
import { xmlElement, xmlHead, xmlNamespace, xmlOptional } from './xml.ts';

/** Configurations of a bucket of which there may be many, each an XML document with an `Id`. */
export interface NamedDocumentKind<Schema extends TObject> {
  readonly configuration: BucketConfigurationName;
  readonly subresource: string;
  /** Root element of one. */
  readonly root: string;
  /** Root element of a list. */
  readonly listRoot: string;
  /** Elements in the order in which they are returned; `Id` among them. */
  readonly schema: Schema;
  readonly put: DocumentAction;
  readonly get: DocumentAction;
  readonly remove: DocumentAction;
  readonly list: DocumentAction;
  /** Refuses what the schema cannot. */
  readonly check: (document: Static<Schema>, context: S3Context) => Promise<void>;
}

/** By `Id`, in byte order. */
interface Named {
  readonly Id: string;
}

const idMembers = {
  input: {
    ...bucketMembers.input,
    id: Type.String({ s3: { message: 'Missing required parameter: id', argument: 'id' } }),
  },
  bindings: { ...bucketMembers.bindings, id: query('id') },
} as const;

/** The rows of the operation table for such configurations. */
export function namedDocumentOperations<Schema extends TObject>(
  kind: NamedDocumentKind<Schema>,
): readonly Operation[] {
  return [putRow(kind), getRow(kind), removeRow(kind), listRow(kind)];
}

const routeOf = (
  { subresource }: { readonly subresource: string },
  method: Method,
  selector: Readonly<Record<string, true>>,
): Operation['route'] => ({ method, level: 'bucket', query: { [subresource]: true, ...selector } });

function putRow<Schema extends TObject>(kind: NamedDocumentKind<Schema>): Operation {
  const schema: TObject = kind.schema;
  const row = operation({
    ...kind.put,
    route: routeOf(kind, 'PUT', {}),
    input: Type.Object({ ...idMembers.input, document: schema }),
    bindings: { ...idMembers.bindings, document: { in: 'xml', root: kind.root, integrity: 'optional' } },
    success: 200,
    async handle(context, { id, document }) {
      const given = document as Static<Schema> & Named;
      if (given.Id !== id) throw invalidArgument('Invalid Argument', 'id', id);
      await kind.check(given, context);
      await change(context, kind.configuration, (known) => inserted(known, given));
      return { headers: [] };
    },
  });
  return row;
}

function inserted(known: readonly Named[], given: Named): readonly Named[] {
  const others = known.filter(({ Id }) => Id !== given.Id);
  if (others.length >= NAMED_CONFIGURATIONS_MAX) throw new S3Error('TooManyConfigurations');
  return [...others, given].sort((one, other) => Buffer.compare(keyBytes(one.Id), keyBytes(other.Id)));
}

function getRow<Schema extends TObject>(kind: NamedDocumentKind<Schema>): Operation {
  const row = operation({
    ...kind.get,
    route: routeOf(kind, 'GET', { id: true }),
    input: Type.Object(idMembers.input),
    bindings: idMembers.bindings,
    success: 200,
    async handle(context, { id }) {
      const { known } = await load(context.parts.objects, bucketOf(context), kind.configuration);
      const found = known.find(({ Id }) => Id === id);
      if (found === undefined) throw new S3Error('NoSuchConfiguration');
      return { headers: [], body: xmlHead + toXml(kind.schema, kind.root, found, xmlNamespace) };
    },
  });
  return row;
}

function removeRow<Schema extends TObject>(kind: NamedDocumentKind<Schema>): Operation {
  const row = operation({
    ...kind.remove,
    route: routeOf(kind, 'DELETE', {}),
    input: Type.Object(idMembers.input),
    bindings: idMembers.bindings,
    success: 204,
    async handle(context, { id }) {
      await change(context, kind.configuration, (known) => {
        const others = known.filter(({ Id }) => Id !== id);
        if (others.length === known.length) throw new S3Error('NoSuchConfiguration');
        return others;
      });
      return { headers: [] };
    },
  });
  return row;
}

function listRow<Schema extends TObject>(kind: NamedDocumentKind<Schema>): Operation {
  const row = operation({
    ...kind.list,
    route: routeOf(kind, 'GET', {}),
    input: Type.Object({ ...bucketMembers.input, continuationToken: text }),
    bindings: { ...bucketMembers.bindings, continuationToken: query('continuation-token') },
    success: 200,
    async handle(context, { continuationToken: token }) {
      const { known } = await load(context.parts.objects, bucketOf(context), kind.configuration);
      const after = token === undefined || token === '' ? undefined : positionOf(token).bytes;
      const rest = known.filter(({ Id }) => after === undefined || Buffer.compare(keyBytes(Id), after) > 0);
      return { headers: [], body: listDocument(kind, rest, token) };
    },
  });
  return row;
}

function listDocument<Schema extends TObject>(
  { schema, root, listRoot }: NamedDocumentKind<Schema>,
  rest: readonly Named[],
  token: string | undefined,
): string {
  const page = rest.slice(0, NAMED_CONFIGURATIONS_PAGE);
  const last = rest.length > page.length ? page.at(-1) : undefined;
  const next = last && continuationToken({ kind: 'key', bytes: keyBytes(last.Id) });
  return (
    `${xmlHead}<${listRoot}${xmlNamespace}>${xmlOptional('ContinuationToken', token)}` +
    page.map((document) => toXml(schema, root, document)).join('') +
    xmlElement('IsTruncated', last !== undefined) +
    xmlOptional('NextContinuationToken', next) +
    `</${listRoot}>`
  );
}

interface Loaded {
  /** As it is stored; `undefined` when there is none. */
  readonly bytes: Uint8Array | undefined;
  readonly known: readonly Named[];
}

async function load(
  objects: ObjectStore,
  { ino, configurations }: Bucket,
  name: BucketConfigurationName,
): Promise<Loaded> {
  const bytes = configurations.includes(name) ? await objects.bucketConfiguration(ino, name) : undefined;
  const known = bytes === undefined ? [] : (JSON.parse(Buffer.from(bytes).toString('utf8')) as Named[]);
  return { bytes, known };
}

/** All of a kind are one stored document: a change that meets another one is made again on what that left. */
async function change(
  context: S3Context,
  name: BucketConfigurationName,
  edit: (known: readonly Named[]) => readonly Named[],
): Promise<void> {
  const { objects } = context.parts;
  for (let attempt = 0; attempt < NAMED_CONFIGURATIONS_ATTEMPTS_MAX; attempt += 1) {
    const bucket = await objects.bucket(bucketOf(context).name);
    if (bucket?.ino !== bucketOf(context).ino) throw new S3Error('NoSuchBucket');
    const { bytes, known } = await load(objects, bucket, name);
    const documents = edit(known);
    const to = documents.length === 0 ? undefined : Buffer.from(JSON.stringify(documents));
    if (await objects.replaceBucketConfiguration(bucket, name, { from: bytes, to }).catch(tooMany)) return;
  }
  throw new S3Error('OperationAborted');
}

function tooMany(failure: unknown): never {
  throw failure instanceof Fault && failure.code === 'too-large'
    ? new S3Error('TooManyConfigurations')
    : failure;
}
