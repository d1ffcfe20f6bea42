import type { Clock, MonotonicMs } from '../../environment.ts';
import type { Bucket } from '../../namespace/namespace.ts';
import type { LogRecord } from './access-log-line.ts';
import { isHeaderV2, isPresignedV2 } from './signed-v2.ts';
import { isPresigned } from './authenticate.ts';
import type { AnswerStream, HttpAnswer, HttpRequest } from './http.ts';
import type { Principal } from './operation.ts';
import type { S3Request } from './request.ts';

/** What a door knows of a request when its answer is ready. */
export interface Answered {
  readonly http: HttpRequest;
  /** As it was parsed. */
  readonly request: S3Request;
  readonly bucket: Bucket;
  readonly bucketOwner: string;
  readonly principal: Principal | undefined;
  readonly requestId: string;
  readonly hostId: string;
  readonly operation: string;
  /** Of the object, where the form or the website chose another than the path. */
  readonly key: string | undefined;
  readonly errorCode: string | undefined;
  readonly startedAt: MonotonicMs;
  readonly clock: Clock;
  readonly region: string;
}

/** The same answer, of which `record` hears when it has been sent: content that is streamed takes its time. */
export function loggedAnswer(
  answered: Answered,
  answer: HttpAnswer,
  record: (record: LogRecord) => void,
): HttpAnswer {
  const turnAroundMs = answered.clock.monotonic() - answered.startedAt;
  const tell = (bytesSent: number): void =>
    record({
      ...known(answered, answer),
      bytesSent,
      turnAroundMs,
      totalMs: answered.clock.monotonic() - answered.startedAt,
    });
  const { body } = answer;
  if (typeof body === 'object' && 'pieces' in body) return { ...answer, body: new CountedStream(body, tell) };
  tell(body === undefined ? 0 : Buffer.byteLength(body));
  return answer;
}

type Known = Omit<LogRecord, 'bytesSent' | 'turnAroundMs' | 'totalMs'>;

function known(answered: Answered, answer: HttpAnswer): Known {
  const { http, request, principal, errorCode, requestId, hostId, operation, region } = answered;
  return {
    bucketOwner: answered.bucketOwner,
    requester: principal === undefined || principal.isAnonymous ? undefined : principal.account.canonicalId,
    bucket: answered.bucket.name,
    time: answered.clock.wall(),
    remoteIp: http.peer,
    requestId,
    hostId,
    operation,
    key: answered.key,
    method: http.method,
    target: http.target,
    status: answer.status,
    errorCode,
    objectSize: objectSize(request, answer),
    headers: request.headers,
    versionId: headerOf(answer, 'x-amz-version-id') ?? request.query['versionId'],
    ...signing(request),
    region,
  };
}

function headerOf({ headers }: HttpAnswer, name: string): string | undefined {
  for (let index = 0; index + 1 < headers.length; index += 2)
    if (headers[index]?.toLowerCase() === name) return headers[index + 1];
  return undefined;
}

/** Of the object that came or went: what a range is taken from, not the range. */
function objectSize({ method, headers, key }: S3Request, answer: HttpAnswer): number | undefined {
  if (key === undefined || answer.status >= 300) return undefined;
  const sent = headers['x-amz-decoded-content-length'] ?? headers['content-length'];
  const range = headerOf(answer, 'content-range')?.split('/')[1];
  const size = method === 'PUT' ? sent : (range ?? headerOf(answer, 'content-length'));
  return method === 'DELETE' || size === undefined ? undefined : Number(size);
}

function signing(request: S3Request): Pick<LogRecord, 'signatureVersion' | 'authenticationType'> {
  const authorization = request.headers['authorization'];
  if (authorization !== undefined)
    return {
      signatureVersion: isHeaderV2(authorization) ? 'SigV2' : 'SigV4',
      authenticationType: 'AuthHeader',
    };
  if (!isPresigned(request)) return { signatureVersion: undefined, authenticationType: undefined };
  return {
    signatureVersion: isPresignedV2(request) ? 'SigV2' : 'SigV4',
    authenticationType: 'QueryString',
  };
}

/** Tells at its close how much of it was taken. */
class CountedStream implements AnswerStream {
  readonly #stream: AnswerStream;
  readonly #tell: (bytesSent: number) => void;
  #bytes = 0;

  constructor(stream: AnswerStream, tell: (bytesSent: number) => void) {
    this.#stream = stream;
    this.#tell = tell;
  }

  get length(): number {
    return this.#stream.length;
  }

  async *pieces(aheadBytesMax: () => number): AsyncIterable<Uint8Array> {
    for await (const piece of this.#stream.pieces(aheadBytesMax)) {
      this.#bytes += piece.length;
      yield piece;
    }
  }

  async close(): Promise<void> {
    await this.#stream.close();
    this.#tell(this.#bytes);
  }
}
