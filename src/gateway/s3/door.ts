import { Fault } from '../../fault.ts';
import type { Bucket } from '../../namespace/namespace.ts';
import { Access, type Asker } from './access.ts';
import {
  authenticate,
  isPresigned,
  unsignedPayload,
  type Authenticated,
  type Authentication,
  type Credentials,
  type PayloadSigning,
} from './authenticate.ts';
import { authorise, concealed } from './authorise.ts';
import { bucketNameRefusal } from './bucket-name.ts';
import { BucketPolicies } from './bucket-policy.ts';
import { crossOriginHeaders, preflight } from './cors.ts';
import { errorAnswer } from './error-answer.ts';
import { codeOf, S3Error } from './errors.ts';
import { KEY_BYTES_MAX } from '../../limits.ts';
import { SigningKeys } from '../../signing/sigv4.ts';
import { BodyBroken, type HttpAnswer, type HttpHandler, type HttpRequest } from './http.ts';
import { inputReader, type InputReader } from './input.ts';
import type { Operation, S3Answer, S3Context, S3Parts } from './operation.ts';
import { payloadOf, readDocument, type Payload } from './payload.ts';
import { withHoistedHeaders } from './presigned.ts';
import { parseRequest, type S3Request } from './request.ts';
import { RequestIds } from './request-ids.ts';
import { anonymous } from './requester.ts';
import { router, type Router } from './router.ts';
import { operations } from './table.ts';
import { serverDate } from './timestamp.ts';
import { unbuiltHeaders, unbuiltOperations } from './unbuilt.ts';

/** What was answered, for metrics and the access log. */
export interface Observation {
  /** AWS's name of the operation; 'OptionsObject' for a preflight, 'Unknown' when no row was chosen. */
  readonly operation: string;
  readonly status: number;
  readonly errorCode: string | undefined;
  readonly elapsedMs: number;
  readonly requestId: string;
}

export interface S3DoorOptions {
  readonly parts: S3Parts;
  readonly credentials: Credentials;
  /** Base names of virtual-host style, lower case: `s3.example.org` serves `bucket.s3.example.org`. */
  readonly domains: readonly string[];
  /** Whether signatures of version 2 are taken too. */
  readonly signatureV2: boolean;
  /** Called when an answer is ready, before its body is sent. */
  readonly observe: (observation: Observation) => void;
}

/** The S3 protocol over any HTTP front: one request in, one answer out. */
export function s3Door(options: S3DoorOptions): HttpHandler {
  const door = new Door(options);
  return (http) => door.answer(http);
}

/** One request on its way; what becomes known of it is filled in at once. */
interface Passage {
  readonly requestId: string;
  readonly isHead: boolean;
  operation: string;
  /** Answer headers for a browser on a page of another origin, also when the request fails. */
  crossOrigin: readonly string[];
}

class Door {
  readonly #options: S3DoorOptions;
  readonly #route: Router;
  readonly #readers: ReadonlyMap<Operation, InputReader>;
  readonly #auth: Authentication;
  readonly #ids: RequestIds;
  readonly #policies: BucketPolicies;

  constructor(options: S3DoorOptions) {
    this.#options = options;
    const { credentials, signatureV2, parts } = options;
    const { clock } = parts.environment;
    this.#auth = { credentials, keys: new SigningKeys(), clock, region: parts.region, signatureV2 };
    this.#route = router(operations, unbuiltOperations);
    this.#readers = new Map(operations.map((row) => [row, inputReader(row)]));
    this.#ids = new RequestIds(options.parts.environment.random);
    this.#policies = new BucketPolicies(options.parts.objects);
  }

  async answer(http: HttpRequest): Promise<HttpAnswer> {
    const { clock } = this.#options.parts.environment;
    const startedAt = clock.monotonic();
    const passage: Passage = {
      requestId: this.#ids.next(),
      isHead: http.method === 'HEAD',
      operation: 'Unknown',
      crossOrigin: [],
    };
    let errorCode: string | undefined;
    let answer: HttpAnswer;
    try {
      answer = await this.#pass(http, passage);
    } catch (failure) {
      const error = this.#translate(failure, passage);
      errorCode = error.code;
      answer = this.#refuse(error, passage);
    }
    this.#options.observe({
      operation: passage.operation,
      status: answer.status,
      errorCode,
      elapsedMs: clock.monotonic() - startedAt,
      requestId: passage.requestId,
    });
    return answer;
  }

  async #pass(http: HttpRequest, passage: Passage): Promise<HttpAnswer> {
    const { parts } = this.#options;
    const plain = parseRequest(http, this.#options.domains);
    if (plain.method === 'OPTIONS') return this.#preflight(plain, passage);
    if (plain.headers['origin'] !== undefined)
      passage.crossOrigin = await crossOriginHeaders(parts.objects, plain);
    const who = authenticate(this.#auth, plain);
    const request = isPresigned(plain) ? withHoistedHeaders(plain) : plain;
    const operation = this.#choose(request, who);
    passage.operation = operation.name;
    refuseUnbuiltHeaders(request);
    refuseBadNames(request);
    const bucket = await this.#bucket(operation, request);
    const principal = who?.principal ?? anonymous;
    // Read behind the decision, or before it when a policy asks for what it says; once in either case.
    let reading: Promise<Record<string, unknown>> | undefined;
    const input = (): Promise<Record<string, unknown>> =>
      (reading ??= this.#input(operation, request, who?.payload ?? unsignedPayload(request)));
    const access = this.#access({
      principal,
      request,
      bodyValues: async () => operation.conditionValues?.(await input()),
    });
    const resource = { operation, request, bucket };
    await authorise(parts, { access, principal }, resource);
    const context: S3Context = { parts, principal, access, requestId: passage.requestId, bucket };
    try {
      const answer = await operation.handle(context, await input());
      return this.#accept(operation.success, answer, passage);
    } catch (failure) {
      throw await concealed(failure, access, resource);
    }
  }

  #access(asker: Asker): Access {
    const { parts } = this.#options;
    return new Access({ ...parts, clock: parts.environment.clock, policies: this.#policies }, asker);
  }

  async #preflight(request: S3Request, passage: Passage): Promise<HttpAnswer> {
    passage.operation = 'OptionsObject';
    return this.#accept(200, { headers: await preflight(this.#options.parts.objects, request) }, passage);
  }

  /** Anonymous callers learn nothing about which operations there are. */
  #choose(request: S3Request, who: Authenticated | undefined): Operation {
    try {
      return this.#route(request);
    } catch (failure) {
      throw who === undefined ? new S3Error('AccessDenied') : failure;
    }
  }

  async #bucket(operation: Operation, request: S3Request): Promise<Bucket | undefined> {
    if (request.bucket === undefined || operation.name === 'CreateBucket') return undefined;
    const bucket = await this.#options.parts.objects.bucket(request.bucket);
    if (bucket === undefined) throw new S3Error('NoSuchBucket', { members: { BucketName: request.bucket } });
    return bucket;
  }

  async #input(
    operation: Operation,
    request: S3Request,
    signing: PayloadSigning,
  ): Promise<Record<string, unknown>> {
    const { compute } = this.#options.parts;
    const reader = this.#readers.get(operation) as InputReader;
    const payload = (): Payload => payloadOf(request, signing, compute);
    if (reader.document === undefined) return reader.read(request, payload, undefined);
    const body = payload();
    if (reader.document.integrity === 'required') requireIntegrity(body);
    return reader.read(request, payload, await readDocument(compute, body));
  }

  #accept(success: Operation['success'], answer: S3Answer, passage: Passage): HttpAnswer {
    const { body } = answer;
    const headers = [...this.#ownHeaders(passage), ...answer.headers];
    if (typeof body === 'string')
      headers.push('Content-Type', 'application/xml', 'Content-Length', String(Buffer.byteLength(body)));
    else if (body === undefined && success === 200 && !passage.isHead) headers.push('Content-Length', '0');
    return { status: answer.status ?? success, headers, body: passage.isHead ? undefined : body };
  }

  #refuse(error: S3Error, passage: Passage): HttpAnswer {
    const ids = { requestId: passage.requestId, hostId: this.#ids.host };
    const region = passage.operation === 'HeadBucket' ? this.#options.parts.region : undefined;
    return errorAnswer(error, { ids, own: this.#ownHeaders(passage), isHead: passage.isHead, region });
  }

  #ownHeaders(passage: Passage): string[] {
    const date = serverDate(this.#options.parts.environment.clock.wall());
    return [
      'x-amz-id-2',
      this.#ids.host,
      'x-amz-request-id',
      passage.requestId,
      'Date',
      date,
      'Server',
      'Terrace',
      ...passage.crossOrigin,
    ];
  }

  #translate(failure: unknown, passage: Passage): S3Error {
    if (failure instanceof S3Error) return failure;
    if (failure instanceof BodyBroken)
      return new S3Error(failure.how === 'idle' ? 'RequestTimeout' : 'IncompleteBody');
    const { log } = this.#options.parts.environment;
    const { requestId, operation } = passage;
    if (!(failure instanceof Fault)) {
      log.error('s3.failure', { requestId, operation, failure });
      return new S3Error('InternalError');
    }
    const code = codeOf(failure);
    if (code === 'InternalError') log.error('s3.fault', { requestId, operation, failure });
    // What is wrong with a key is said as AWS KMS says it: which one.
    return new S3Error(code, failure.subject === 'key' ? { message: failure.detail } : {});
  }
}

const isUnbuiltHeader: ReadonlySet<string> = new Set(unbuiltHeaders);

function refuseUnbuiltHeaders(request: S3Request): void {
  for (const name in request.headers) {
    if (name.charCodeAt(0) === 0x78 && isUnbuiltHeader.has(name))
      throw new S3Error('NotImplemented', { members: { Header: name } });
  }
}

function refuseBadNames({ bucket, key }: S3Request): void {
  if (bucket !== undefined && bucketNameRefusal(bucket) !== undefined)
    throw new S3Error('InvalidBucketName', { members: { BucketName: bucket } });
  if (key !== undefined && key.length > KEY_BYTES_MAX / 3 && Buffer.byteLength(key) > KEY_BYTES_MAX)
    throw new S3Error('KeyTooLongError', {
      members: { Size: Buffer.byteLength(key), MaxSizeAllowed: KEY_BYTES_MAX },
    });
}

/** AWS: DeleteObjects and its like must carry Content-MD5 or a checksum. */
function requireIntegrity({ promised }: Payload): void {
  if (promised.md5 === undefined && promised.checksum === undefined)
    throw new S3Error('InvalidRequest', { message: 'Missing required header for this request: Content-MD5' });
}
