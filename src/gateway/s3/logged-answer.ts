import type { Clock, MonotonicMs } from '../../environment.ts';
import type { Bucket } from '../../namespace/namespace.ts';
import type { LogRecord } from './access-log-line.ts';
import { isHeaderV2, isPresignedV2 } from './signed-v2.ts';
import { isPresigned } from './authenticate.ts';
import type { HttpAnswer, HttpRequest } from './http.ts';
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
  readonly startedAt: MonotonicMs;
  readonly clock: Clock;
  readonly region: string;
}

/** What became of an answer. */
export interface Outcome {
  readonly bytesSent: number;
  /** Also where it showed only behind the headers. */
  readonly errorCode: string | undefined;
}

/** What is to be told when the answer, which is ready now, has been sent: content that is streamed takes its time. */
export function recordOf(answered: Answered, answer: HttpAnswer): (outcome: Outcome) => LogRecord {
  const turnAroundMs = answered.clock.monotonic() - answered.startedAt;
  return (outcome) => ({
    ...known(answered, answer),
    ...outcome,
    turnAroundMs,
    totalMs: answered.clock.monotonic() - answered.startedAt,
  });
}

type Known = Omit<LogRecord, keyof Outcome | 'turnAroundMs' | 'totalMs'>;

function known(answered: Answered, answer: HttpAnswer): Known {
  const { http, request, principal, requestId, hostId, operation, region } = answered;
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
