import type { MonotonicMs } from '../../environment.ts';
import { encodePercentPath } from '../../signing/percent.ts';
import { Fault } from '../../fault.ts';
import {
  authenticate,
  isPresigned,
  unsignedPayload,
  type Authenticated,
  type Authentication,
  type Credentials,
} from './authenticate.ts';
import { crossOriginHeaders, preflight } from './cors.ts';
import type { AccessLog, LogObject } from './access-log.ts';
import { logOperation } from './access-log-line.ts';
import { recordOf, type Outcome } from './logged-answer.ts';
import { loggingOf } from './logging-configuration.ts';
import { errorAnswer } from './error-answer.ts';
import { errorOf, S3Error } from './errors.ts';
import { ANSWER_TEXT_MAX, BODY_NARROW_BYTES } from '../../limits/s3.ts';
import { SigningKeys } from '../../signing/sigv4.ts';
import {
  isStream,
  type HttpAnswer,
  type HttpHandler,
  type HttpRequest,
  type ReadAhead,
  type RequestBody,
} from './http.ts';
import type { Operation, S3Answer, S3Parts } from './operation.ts';
import { postObject } from './operations/post-object.ts';
import { Performer, type Asked, type Performing } from './perform.ts';
import { isFormPost, notAForm, postedForm } from './post-form.ts';
import { withHoistedHeaders } from './presigned.ts';
import { parseRequest, type S3Request } from './request.ts';
import { RequestIds } from './request-ids.ts';
import { anonymous } from './requester.ts';
import { router, type Router } from './router.ts';
import { SaidBefore } from './signed-header.ts';
import { refuseUnsignedChoice } from './signed-v2.ts';
import { SentStream } from './sent-stream.ts';
import { operations } from './table.ts';
import { serverDate } from './timestamp.ts';
import { unbuiltOperations } from './unbuilt.ts';
import { visitWebsite } from './website.ts';

/** What was answered, for metrics. */
export interface Observation {
  /** AWS's name of the operation; 'OptionsObject' for a preflight, 'Unknown' when no row was chosen. */
  readonly operation: string;
  /** Where content could not be read to its end, and so the connection was cut, what that would have been answered with. */
  readonly status: number;
  readonly errorCode: string | undefined;
  /** To the start of the answer. */
  readonly elapsedMs: number;
  readonly requestId: string;
}

export interface S3DoorOptions {
  readonly parts: S3Parts;
  readonly credentials: Credentials;
  /** Base names of virtual-host style, lower case: `s3.example.org` serves `bucket.s3.example.org`. */
  readonly domains: readonly string[];
  /** The same of websites: `s3-website.example.org` serves the website of the bucket `b` at `b.s3-website.example.org`. */
  readonly websiteDomains: readonly string[];
  readonly accessLog: AccessLog;
  /** Whether signatures of version 2 are taken too. */
  readonly signatureV2: boolean;
  /** Called once for each answer: before it is sent, but where content is streamed, after that. */
  readonly observe: (observation: Observation) => void;
}

/** The S3 protocol over any HTTP front: one request in, one answer out. */
export function s3Door(options: S3DoorOptions): HttpHandler {
  const door = new Door(options);
  options.accessLog.connect((object) => door.putLog(object));
  return (http, readAhead) => door.answer(http, readAhead);
}

/** One request on its way; what becomes known of it is filled in at once. */
interface Passage extends Performing {
  readonly isHead: boolean;
  operation: string;
  /** As it was parsed. */
  request: S3Request | undefined;
  errorCode: string | undefined;
  /** Answer headers for a browser on a page of another origin, also when the request fails. */
  crossOrigin: readonly string[];
}

class Door {
  readonly #options: S3DoorOptions;
  readonly #route: Router;
  readonly #auth: Authentication;
  readonly #ids: RequestIds;
  readonly #performer: Performer;

  constructor(options: S3DoorOptions) {
    this.#options = options;
    const { credentials, signatureV2, parts } = options;
    const { clock } = parts.environment;
    const known = { keys: new SigningKeys(), said: new SaidBefore() };
    this.#auth = { credentials, ...known, clock, region: parts.region, signatureV2 };
    this.#route = router(operations, unbuiltOperations);
    this.#ids = new RequestIds(options.parts.environment.random);
    this.#performer = new Performer(parts);
  }

  async answer(http: HttpRequest, readAhead: ReadAhead): Promise<HttpAnswer> {
    const { clock } = this.#options.parts.environment;
    const startedAt = clock.monotonic();
    const passage = this.#passage(http.method, readAhead);
    let answer: HttpAnswer;
    try {
      answer = await this.#pass(http, passage);
    } catch (failure) {
      const error = this.#translate(failure, passage);
      passage.errorCode = error.code;
      answer = this.#refuse(error, passage);
    }
    const { operation, requestId } = passage;
    const elapsedMs = clock.monotonic() - startedAt;
    const log = mayBeLogged(passage) ? await this.#logging(http, answer, { passage, startedAt }) : undefined;
    const tell = (status: number, outcome: Outcome): void => {
      const { errorCode } = outcome;
      this.#options.observe({ operation, status, errorCode, elapsedMs, requestId });
      log?.(outcome);
    };
    const { body } = answer;
    if (!isStream(body)) {
      const bytesSent = body === undefined || log === undefined ? 0 : Buffer.byteLength(body);
      tell(answer.status, { bytesSent, errorCode: passage.errorCode });
      return answer;
    }
    const sent = new SentStream(body, ({ bytes: bytesSent, failure }) => {
      const cut = failure === undefined ? undefined : this.#cut(failure, passage);
      tell(cut?.status ?? answer.status, { bytesSent, errorCode: cut?.code ?? passage.errorCode });
    });
    return { ...answer, body: sent };
  }

  /** Who tells the log of an answer, where there is one. A log must not fail what it tells of. */
  async #logging(
    http: HttpRequest,
    answer: HttpAnswer,
    { passage, startedAt }: { passage: Passage; startedAt: MonotonicMs },
  ): Promise<((outcome: Outcome) => void) | undefined> {
    const { accessLog, parts } = this.#options;
    const { request, requestId, principal, key } = passage;
    if (request?.bucket === undefined) return undefined;
    try {
      const bucket = passage.bucket ?? (await parts.objects.bucket(request.bucket));
      const target = bucket && (await loggingOf(parts.objects, bucket));
      if (bucket === undefined || target === undefined) return undefined;
      const { id, canonicalId } = parts.accounts.account(bucket.owner);
      const operation = logOperationOf(passage.operation, request);
      const { clock } = parts.environment;
      const known = { http, request, bucket, principal, requestId, operation, startedAt, clock };
      const answered = {
        ...known,
        key: key ?? request.key,
        bucketOwner: canonicalId,
        hostId: this.#ids.host,
        region: parts.region,
      };
      const record = recordOf(answered, answer);
      return (outcome) => accessLog.record(target, id, record(outcome));
    } catch (failure) {
      accessLog.missed(failure);
      return undefined;
    }
  }

  /** An object of log records, put by the owner of its bucket: whatever holds for its objects holds for the log. */
  async putLog({ bucket: name, accountId, key, body }: LogObject): Promise<void> {
    const { objects, accounts } = this.#options.parts;
    const bucket = await objects.bucket(name);
    if (bucket === undefined) throw new S3Error('NoSuchBucket', { members: { BucketName: name } });
    const account = accounts.account(bucket.owner);
    // The name may have gone to somebody else since, who must not read of this one's requests.
    if (account.id !== accountId) throw new S3Error('AccessDenied');
    const passage = this.#passage('PUT', () => BODY_NARROW_BYTES);
    const principal = { ...anonymous, isAnonymous: false, account };
    const headers = { 'content-length': String(body.length), 'content-type': 'text/plain' };
    const rawHeaders = Object.entries(headers).flat();
    const target = `/${name}/${encodePercentPath(key)}`;
    const request = parseRequest({ method: 'PUT', target, rawHeaders, body: bodyOf(body), peer: '' }, []);
    const operation = this.#route(request);
    await this.#performer.perform({ operation, request, principal, payload: { kind: 'unsigned' } }, passage);
  }

  #passage(method: string, readAhead: ReadAhead): Passage {
    return {
      requestId: this.#ids.next(),
      isHead: method === 'HEAD',
      readAhead,
      operation: 'Unknown',
      request: undefined,
      principal: undefined,
      bucket: undefined,
      key: undefined,
      errorCode: undefined,
      crossOrigin: [],
    };
  }

  async #pass(http: HttpRequest, passage: Passage): Promise<HttpAnswer> {
    const { parts } = this.#options;
    const plain = parseRequest(http, this.#options.domains, this.#options.websiteDomains);
    passage.request = plain;
    if (plain.method === 'OPTIONS') return this.#preflight(plain, passage);
    if (plain.headers['origin'] !== undefined)
      passage.crossOrigin = await crossOriginHeaders(parts.objects, plain);
    if (plain.isWebsite) return this.#visit(plain, passage);
    const wish = isFormPost(plain) ? await this.#form(plain, passage) : this.#wish(plain, passage);
    return this.#accept(wish.operation.success, await this.#performer.perform(wish, passage), passage);
  }

  /** Anybody's, and by no other operation than reads. */
  async #visit(plain: S3Request, passage: Passage): Promise<HttpAnswer> {
    passage.operation = websiteOperation;
    const reader = (names: readonly string[]) => (key: string, how: 'GET' | 'HEAD') => {
      const request = {
        ...plain,
        method: how,
        key,
        rawQuery: '',
        query: {},
        headers: pick(plain.headers, names),
      };
      const operation = this.#route({ ...request, headers: {} });
      return this.#performer.perform(
        { operation, request, principal: anonymous, payload: { kind: 'unsigned' } },
        passage,
      );
    };
    const answer = await visitWebsite(
      {
        objects: this.#options.parts.objects,
        read: reader([...clientHeaders, ...conditionHeaders]),
        readOther: reader(clientHeaders),
        translate: (failure) => this.#translate(failure, passage),
        ids: { requestId: passage.requestId, hostId: this.#ids.host },
      },
      plain,
    );
    const told = answer.headers.indexOf('x-amz-error-code');
    if (told >= 0) passage.errorCode = answer.headers[told + 1];
    // All its answers say how long they are.
    return this.#accept(204, answer, passage);
  }

  #wish(plain: S3Request, passage: Passage): Asked {
    const who = authenticate(this.#auth, plain);
    const request = isPresigned(plain) ? withHoistedHeaders(plain) : plain;
    const operation = this.#choose(request, who);
    passage.operation = operation.name;
    refuseUnsignedChoice(request, operation.route);
    if (operation.name === postObject.name) throw notAForm();
    const payload = who?.payload ?? unsignedPayload(request);
    return { principal: who?.principal ?? anonymous, request, operation, payload };
  }

  /** A form says by itself who signed it, and is PutObject's request in another dress. */
  async #form(plain: S3Request, passage: Passage): Promise<Asked> {
    passage.operation = postObject.name;
    const { who, request, lengths } = await postedForm(this.#auth, plain);
    const payload = { kind: 'form', lengths } as const;
    return { principal: who?.principal ?? anonymous, request, operation: postObject, payload };
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

  #accept(success: Operation['success'], answer: S3Answer, passage: Passage): HttpAnswer {
    const { status = success } = answer;
    const headers = [...this.#ownHeaders(passage), ...answer.headers];
    if (typeof answer.body === 'string') {
      const document = documentOf(answer.body);
      headers.push('Content-Type', 'application/xml', 'Content-Length', String(Buffer.byteLength(document)));
      return { status, headers, body: passage.isHead ? undefined : document };
    }
    if (answer.body === undefined && success === 200 && !passage.isHead) headers.push('Content-Length', '0');
    return { status, headers, body: passage.isHead ? undefined : answer.body };
  }

  #refuse(error: S3Error, passage: Passage): HttpAnswer {
    const ids = { requestId: passage.requestId, hostId: this.#ids.host };
    // Clients that signed for another region find the right one there, also where an answer has no body.
    const tellsRegion = passage.operation === 'HeadBucket' || error.code === 'AuthorizationHeaderMalformed';
    const region = tellsRegion ? this.#options.parts.region : undefined;
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

  /** Content could not be read to its end, when the client had headers already that promise it. */
  #cut(failure: unknown, { requestId, operation }: Passage): S3Error {
    this.#options.parts.environment.log.error('s3.cut', { requestId, operation, failure });
    return errorOf(failure);
  }

  #translate(failure: unknown, { requestId, operation }: Passage): S3Error {
    const error = errorOf(failure);
    const { log } = this.#options.parts.environment;
    if (error !== failure && error.code === 'InternalError')
      log.error(failure instanceof Fault ? 's3.fault' : 's3.failure', { requestId, operation, failure });
    return error;
  }
}

/** A bucket that the request did not get to is looked up. */
const mayBeLogged = ({ request, bucket }: Passage): boolean =>
  request?.bucket !== undefined && (bucket?.configurations.includes('logging') ?? true);

const rows: ReadonlyMap<string, Operation> = new Map(operations.map((row) => [row.name, row]));

function logOperationOf(name: string, { method, key, isWebsite }: S3Request): string {
  if (isWebsite) return `WEBSITE.${method}.OBJECT`;
  const route = rows.get(name)?.route;
  return route === undefined && name !== 'OptionsObject'
    ? `REST.${method}.${key === undefined ? 'BUCKET' : 'OBJECT'}`
    : logOperation(name, route ?? { method: 'GET', level: 'object' });
}

function bodyOf(bytes: Uint8Array): RequestBody {
  const pieces = [[bytes]];
  // It is in memory already.
  return { next: () => Promise.resolve(pieces.pop()), letGo: () => undefined, keep: () => true };
}

/** What the metrics call a request to a website. */
export const websiteOperation = 'VisitWebsite';

const clientHeaders = ['host', 'origin', 'referer', 'user-agent'] as const;
const conditionHeaders = [
  'range',
  'if-range',
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
] as const;

function pick(headers: S3Request['headers'], names: readonly string[]): Record<string, string> {
  const picked: Record<string, string> = {};
  for (const name of names) if (headers[name] !== undefined) picked[name] = headers[name];
  return picked;
}

/** Of a long text the bytes are made once: to count them and to send them would each take as long as to make them. */
const documentOf = (text: string): string | Uint8Array =>
  text.length > ANSWER_TEXT_MAX ? Buffer.from(text) : text;
