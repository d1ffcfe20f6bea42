import { Kind, type TObject, type TSchema } from '@sinclair/typebox';
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { invalidArgument, S3Error } from './errors.ts';
import type { Binding, Operation } from './operation.ts';
import type { Payload } from './payload.ts';
import type { S3Request } from './request.ts';
import { fromXml } from './xml-schema.ts';
import { parseXml } from './xml.ts';

/** Text of the error when a member does not fit its schema; set beside the schema as `s3`. */
export interface Refusal {
  readonly message: string;
  /** When it is not the name on the wire. */
  readonly argument?: string;
}

/** Our own schemas need no check against the meta-schema at every start; a test compiles all of them. */
const ajv = new Ajv({ strict: true, verbose: true, allErrors: false, validateSchema: false, meta: false });
ajv.addVocabulary(['s3', 'kind']);

/** Input of one operation from a request: bindings are resolved when the table is loaded, the schema is compiled at first use. */
export interface InputReader {
  /** The document's binding, when the body is one. */
  readonly document: DocumentBinding | undefined;
  read(
    request: S3Request,
    payload: () => Payload,
    document: readonly Uint8Array[] | undefined,
  ): Record<string, unknown>;
}

type Step = (request: S3Request, input: Record<string, unknown>, sources: Sources) => void;

interface Sources {
  readonly payload: () => Payload;
  readonly document: readonly Uint8Array[] | undefined;
}

export function inputReader(operation: Operation): InputReader {
  const members = Object.entries<Binding>(operation.bindings);
  const steps = members.map(([member, binding]) =>
    step(member, binding, memberSchema(operation.input, member)),
  );
  // Compiled at the first request: all of them together would double the time of a start.
  let validate: ValidateFunction<Record<string, unknown>> | undefined;
  const document = members.map(([, binding]) => binding).find((binding) => binding.in === 'xml');
  return {
    document,
    read(request, payload, body) {
      const input: Record<string, unknown> = {};
      const sources = { payload, document: body };
      for (const take of steps) take(request, input, sources);
      validate ??= ajv.compile<Record<string, unknown>>(operation.input);
      if (!validate(input)) throw refusal(operation, validate);
      return input;
    },
  };
}

const memberSchema = (input: TObject, member: string): TSchema => input.properties[member] as TSchema;

function step(member: string, binding: Binding, schema: TSchema): Step {
  const convert = schema[Kind] === 'Integer' ? integer : (text: string): unknown => text;
  switch (binding.in) {
    case 'path':
      return (request, input) => {
        input[member] = request[binding.name];
      };
    case 'query':
    case 'header':
      return valueStep(member, binding, convert);
    case 'headers':
      return (request, input) => {
        input[member] = prefixed(request.headers, binding.prefix);
      };
    case 'xml':
      return documentStep(member, binding, schema);
    case 'stream':
      return (_request, input, { payload }) => {
        input[member] = payload();
      };
  }
}

function valueStep(
  member: string,
  { in: place, name }: { in: 'query' | 'header'; name: string },
  convert: (text: string) => unknown,
): Step {
  return (request, input) => {
    const text = place === 'query' ? request.query[name] : request.headers[name];
    if (text !== undefined) input[member] = convert(text);
  };
}

type DocumentBinding = Extract<Binding, { in: 'xml' }>;

function documentStep(member: string, { root, malformed }: DocumentBinding, schema: TSchema): Step {
  return (_request, input, { document }) => {
    if (document === undefined || document.length === 0) return;
    try {
      const node = parseXml(document);
      if (node.name !== root) throw new S3Error('MalformedXML');
      input[member] = fromXml(schema, node);
    } catch (failure) {
      const isMalformed = failure instanceof S3Error && failure.code === 'MalformedXML';
      throw isMalformed && malformed !== undefined ? new S3Error(malformed) : failure;
    }
  };
}

/** The number when it is one, else the text, which no schema of integers accepts. */
const integer = (text: string): number | string => (/^-?\d{1,15}$/.test(text) ? Number(text) : text);

function prefixed(headers: Readonly<Record<string, string>>, prefix: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name in headers) {
    if (name.startsWith(prefix)) found[name.slice(prefix.length)] = headers[name] ?? '';
  }
  return found;
}

function refusal(operation: Operation, { errors }: ValidateFunction): S3Error {
  const error = errors?.[0];
  const member = error === undefined ? '' : memberOf(error);
  const binding = (operation.bindings as Readonly<Record<string, Binding>>)[member];
  if (binding?.in === 'xml') return new S3Error(binding.malformed ?? 'MalformedXML');
  if (error === undefined) return new S3Error('MalformedXML');
  const wire = binding !== undefined && 'name' in binding ? binding.name : member;
  const said = (error.parentSchema as { s3?: Refusal } | undefined)?.s3;
  const value = error.keyword === 'required' ? '' : String(error.data);
  return invalidArgument(said?.message ?? `Invalid value for ${wire}`, said?.argument ?? wire, value);
}

function memberOf(error: ErrorObject): string {
  if (error.instancePath === '')
    return String((error.params as { missingProperty?: string }).missingProperty ?? '');
  return error.instancePath.split('/')[1] ?? '';
}
