import type { Accounts } from '../../../accounts/accounts.ts';
import type { Roles } from '../../../accounts/roles.ts';
import type { Sessions } from '../../../accounts/sessions.ts';
import type { Environment } from '../../../environment.ts';
import { Fault } from '../../../fault.ts';
import { STS_FORM_BYTES_MAX } from '../../../limits.ts';
import { headerMap } from '../../../signing/headers.ts';
import { SigningKeys, type SignedRequest } from '../../../signing/sigv4.ts';
import { verifySignature, type KeyRefusal } from '../../../signing/verify.ts';
import type { Observation } from '../door.ts';
import {
  BodyBroken,
  type HttpAnswer,
  type HttpHandler,
  type HttpRequest,
  type RequestBody,
} from '../http.ts';
import { serverDate } from '../timestamp.ts';
import { xmlElement, xmlHead } from '../xml.ts';
import { stsActions, type StsAction } from './actions.ts';
import type { StsCaller } from './call.ts';
import { parseParameters, type Parameters } from './parameters.ts';
import { faultError, refusalError, StsError } from './sts-error.ts';

export interface StsOptions {
  readonly environment: Environment;
  readonly accounts: Accounts;
  readonly roles: Roles;
  readonly sessions: Sessions;
  readonly observe: (observation: Observation) => void;
}

const service = 'sts';
const version = '2011-06-15';
const namespace = ` xmlns="https://sts.amazonaws.com/doc/${version}/"`;
const formType = 'application/x-www-form-urlencoded';

/** Whether a request at the S3 address is a call of STS: a form at `/`, or a query with an action there. */
export function isSts({ method, target, rawHeaders }: HttpRequest): boolean {
  if (method === 'GET') return target.startsWith('/?') && /[?&]Action=/.test(target);
  if (method !== 'POST' || (target !== '/' && !target.startsWith('/?'))) return false;
  return (headerMap(rawHeaders)['content-type'] ?? '').startsWith(formType);
}

/** AWS's Security Token Service, of which only what makes temporary keys, in its Query protocol. */
export function stsDoor(options: StsOptions): HttpHandler {
  const door = new StsDoor(options);
  return (http) => door.answer(http);
}

class StsDoor {
  readonly #options: StsOptions;
  readonly #keys = new SigningKeys();
  readonly #actions: ReadonlyMap<string, StsAction>;

  constructor(options: StsOptions) {
    this.#options = options;
    this.#actions = new Map(stsActions.map((action) => [action.name, action]));
  }

  async answer(http: HttpRequest): Promise<HttpAnswer> {
    const { environment, observe } = this.#options;
    const startedAt = environment.clock.monotonic();
    const requestId = uuid(environment.random.bytes(16));
    let operation = 'Unknown';
    let error: StsError | undefined;
    let body: string;
    try {
      const { caller, parameters } = await this.#authenticate(http);
      const action = this.#choose(parameters);
      operation = action.name;
      const now = environment.clock.wall();
      const result = action.handle({ ...this.#options, caller, parameters, now });
      body = successDocument(action.name, result, requestId);
    } catch (failure) {
      error = this.#translate(failure, { requestId, operation });
      body = errorDocument(error, requestId);
    }
    const status = error?.status ?? 200;
    const elapsedMs = environment.clock.monotonic() - startedAt;
    observe({ operation, status, errorCode: error?.code, elapsedMs, requestId });
    const date = serverDate(environment.clock.wall());
    const length = String(Buffer.byteLength(body));
    const headers = ['x-amzn-RequestId', requestId, 'Date', date, 'Server', 'Terrace'];
    return { status, headers: [...headers, 'Content-Type', 'text/xml', 'Content-Length', length], body };
  }

  async #authenticate(http: HttpRequest): Promise<{ caller: StsCaller; parameters: Parameters }> {
    const { environment, accounts, sessions } = this.#options;
    const request = signedRequest(http);
    const body = http.method === 'POST' ? await readForm(http.body) : Buffer.alloc(0);
    const find = (accessKey: string, token: string | undefined): StsCaller | KeyRefusal =>
      token === undefined ? (accounts.find(accessKey) ?? 'unknown-key') : sessions.find(accessKey, token);
    // Clients that know one endpoint for all regions sign for us-east-1; the signature covers whichever they say.
    const rules = { clock: environment.clock, keys: this.#keys, service, region: undefined, find };
    const verdict = verifySignature(rules, request, body);
    if ('refusal' in verdict) throw refusalError(verdict.refusal);
    return { caller: verdict.signer, parameters: parseParameters(request.rawQuery, body.toString('latin1')) };
  }

  #choose(parameters: Parameters): StsAction {
    const name = parameters.get('Action');
    if (name === undefined)
      throw new StsError('MissingAction', 'The request is missing an action or a required parameter.');
    const given = parameters.get('Version') ?? 'NO_VERSION_SPECIFIED';
    const action = given === version ? this.#actions.get(name) : undefined;
    if (action === undefined)
      throw new StsError('InvalidAction', `Could not find operation ${name} for version ${given}`);
    return action;
  }

  #translate(
    failure: unknown,
    context: { readonly requestId: string; readonly operation: string },
  ): StsError {
    if (failure instanceof StsError) return failure;
    if (failure instanceof BodyBroken)
      return new StsError('IncompleteSignature', 'The request body is incomplete.');
    const known = failure instanceof Fault ? faultError(failure) : undefined;
    if (known !== undefined) return known;
    this.#options.environment.log.error('sts.failure', { ...context, failure });
    return new StsError('InternalFailure', 'The request processing has failed because of an unknown error.');
  }
}

function signedRequest({ method, target, rawHeaders }: HttpRequest): SignedRequest {
  const mark = target.indexOf('?');
  const path = mark < 0 ? target : target.slice(0, mark);
  const rawQuery = mark < 0 ? '' : target.slice(mark + 1);
  return { method, path, rawQuery, headers: headerMap(rawHeaders) };
}

async function readForm(body: RequestBody): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for (let batch = await body.next(); batch !== undefined; batch = await body.next()) {
    for (const part of batch) {
      length += part.length;
      if (length > STS_FORM_BYTES_MAX)
        throw new StsError('RequestEntityTooLarge', `A call has at most ${STS_FORM_BYTES_MAX} bytes.`);
      parts.push(part);
    }
  }
  return Buffer.concat(parts);
}

const successDocument = (name: string, result: string, requestId: string): string =>
  `<${name}Response${namespace}><${name}Result>${result}</${name}Result>` +
  `<ResponseMetadata>${xmlElement('RequestId', requestId)}</ResponseMetadata></${name}Response>`;

function errorDocument({ code, message, status }: StsError, requestId: string): string {
  const type = status < 500 ? 'Sender' : 'Receiver';
  const error = xmlElement('Type', type) + xmlElement('Code', code) + xmlElement('Message', message);
  return `${xmlHead}<ErrorResponse${namespace}><Error>${error}</Error>${xmlElement('RequestId', requestId)}</ErrorResponse>`;
}

function uuid(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
