import { KEY_BYTES_MAX } from '../../limits.ts';
import type { Bucket } from '../../namespace/namespace.ts';
import { Access, type AccessParts } from './access.ts';
import type { PayloadSigning } from './authenticate.ts';
import { authorise, concealed } from './authorise.ts';
import { bucketNameRefusal } from './bucket-name.ts';
import { BucketPolicies } from './bucket-policy.ts';
import { withoutChecksums } from './checksums.ts';
import { S3Error } from './errors.ts';
import { isStream, type ReadAhead } from './http.ts';
import { inputReader, type InputReader } from './input.ts';
import type { Operation, Principal, S3Answer, S3Context, S3Parts } from './operation.ts';
import { payloadOf, readDocument, type Payload } from './payload.ts';
import type { S3Request } from './request.ts';
import { operations } from './table.ts';
import { unbuiltHeaders } from './unbuilt.ts';

/** What a request asks for, and who sends it. */
export interface Asked {
  readonly principal: Principal;
  readonly request: S3Request;
  readonly operation: Operation;
  readonly payload: PayloadSigning;
}

/** What becomes known of a request meanwhile is filled in at once, for logs of those that fail. */
export interface Performing {
  readonly requestId: string;
  readonly readAhead: ReadAhead;
  principal: Principal | undefined;
  bucket: Bucket | undefined;
  key: string | undefined;
}

/** Checks what a request asks for, lets `Access` decide, reads the input and calls the handler. */
export class Performer {
  readonly #parts: S3Parts;
  readonly #accessParts: AccessParts;
  readonly #readers: ReadonlyMap<Operation, InputReader>;

  constructor(parts: S3Parts) {
    this.#parts = parts;
    const { objects, accounts, objectOwnership } = parts;
    const { clock } = parts.environment;
    this.#accessParts = { objects, accounts, objectOwnership, clock, policies: new BucketPolicies(objects) };
    this.#readers = new Map(operations.map((row) => [row, inputReader(row)]));
  }

  /**
   * The answer, whose content can be read from the start at least. Whatever is wrong with the request, or forbidden, is an
   * S3Error or Fault.
   */
  async perform({ operation, request, principal, payload }: Asked, known: Performing): Promise<S3Answer> {
    const parts = this.#parts;
    refuseUnbuiltHeaders(request);
    refuseBadNames(request);
    const bucket = await this.#bucket(operation, request);
    known.bucket = bucket;
    known.principal = principal;
    known.key = request.key;
    // Read behind the decision, or before it when a policy asks for what it says; once in either case.
    let reading: Promise<Record<string, unknown>> | undefined;
    const input = (): Promise<Record<string, unknown>> =>
      (reading ??= this.#input(operation, request, payload));
    const access = new Access(this.#accessParts, {
      principal,
      request,
      bodyValues: async () => operation.conditionValues?.(await input()),
    });
    const resource = { operation, request, bucket };
    await authorise(parts, { access, principal }, resource);
    const { peer } = request;
    const context: S3Context = { parts, principal, access, requestId: known.requestId, peer, bucket };
    try {
      return await begun(await operation.handle(context, await input()), known.readAhead);
    } catch (failure) {
      throw await concealed(failure, access, resource);
    }
  }

  async #bucket(operation: Operation, request: S3Request): Promise<Bucket | undefined> {
    if (request.bucket === undefined || operation.name === 'CreateBucket') return undefined;
    const bucket = await this.#parts.objects.bucket(request.bucket);
    if (bucket === undefined) throw new S3Error('NoSuchBucket', { members: { BucketName: request.bucket } });
    return bucket;
  }

  async #input(
    operation: Operation,
    request: S3Request,
    signing: PayloadSigning,
  ): Promise<Record<string, unknown>> {
    const { compute } = this.#parts;
    const reader = this.#readers.get(operation) as InputReader;
    const isClaimed = reader.document?.integrity !== 'none';
    const sent = isClaimed ? request : { ...request, headers: withoutChecksums(request.headers) };
    const payload = (): Payload => payloadOf(sent, signing, compute);
    if (reader.document === undefined) return reader.read(request, payload, undefined);
    const body = payload();
    if (reader.document.integrity === 'required') requireIntegrity(body);
    return reader.read(request, payload, await readDocument(compute, body));
  }
}

/** Behind the headers there is no way to say that content cannot be read. */
async function begun(answer: S3Answer, readAhead: ReadAhead): Promise<S3Answer> {
  const { body } = answer;
  if (!isStream(body)) return answer;
  try {
    await body.begin(readAhead);
    return answer;
  } catch (failure) {
    await body.close();
    throw failure;
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
