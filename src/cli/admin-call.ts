import type { Static, TSchema } from '@sinclair/typebox';
import { Ajv } from 'ajv';
import { boundedText } from '../codec.ts';
import { formatAddress, parseAddress } from '../config/address.ts';
import { UsageError } from '../config/usage-error.ts';
import { Fault } from '../fault.ts';
import { adminService } from '../gateway/admin/access.ts';
import { ADMIN_CALL_MS_MAX } from '../limits.ts';
import { signingHeaders, type SigningIdentity, type UnsignedRequest } from '../signing/sign.ts';
import type { Cli, Flag } from './command.ts';

const adminDefault = '127.0.0.1:9001';

export const adminFlag: Flag = {
  name: '--admin',
  placeholder: 'URL',
  description: `Admin address of the gateway; also TERRACE_ADMIN. Default: http://${adminDefault}`,
};

export const jsonFlag: Flag = { name: '--json', description: 'Prints the answer as one JSON object' };

/** Notes of commands for root alone, and of those that policies may allow to others. */
export const rootKeysNote =
  'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or TERRACE_ROOT_…) to the root keys.';
export const userKeysNote =
  'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or TERRACE_ROOT_…) to the root keys or to those of a user who may do this.';

/** Prints an answer: with `--json` as it is, else as lines for people. The exit code of a command that is done. */
export function printAnswer(
  cli: Cli,
  flags: ReadonlyMap<string, string>,
  answer: unknown,
  lines: Iterable<string>,
): number {
  for (const line of flags.has('--json') ? [JSON.stringify(answer)] : lines) cli.out(line);
  return 0;
}

export interface AdminRequest {
  /** Default: GET. */
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly body?: object;
  /** What an answer has at most. */
  readonly bytesMax: number;
}

/**
 * Calls a running gateway with the keys of the environment. The JSON of its answer, `undefined` when there is none;
 * Fault('unavailable', 'request') with one sentence when it cannot be had or is a refusal.
 */
export async function callAdmin(
  cli: Cli,
  flags: ReadonlyMap<string, string>,
  { method = 'GET', path, body, bytesMax }: AdminRequest,
): Promise<unknown> {
  const url = `${baseUrl(flags.get('--admin') ?? cli.variables['TERRACE_ADMIN'] ?? adminDefault)}${path}`;
  const json = body === undefined ? '' : JSON.stringify(body);
  const signature = signatureOf(cli, { method, url: new URL(url), body: json });
  const { status, isOk, text } = await answerOf(url, bytesMax, {
    method,
    headers: {
      ...signature,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: json }),
    signal: AbortSignal.timeout(ADMIN_CALL_MS_MAX),
    redirect: 'error',
  }).catch((cause: unknown) => {
    const reason = 'does not answer: start the gateway, or say where it is with --admin URL';
    throw unavailable(url, reason, cause);
  });
  const answer = parseJson(text);
  if (!isOk) throw refusal(url, status, { answer, isSigned: signature !== undefined });
  return answer;
}

/** An answer that is what its schema says. */
export async function askAdmin<Schema extends TSchema>(
  cli: Cli,
  flags: ReadonlyMap<string, string>,
  schema: Schema,
  request: AdminRequest,
): Promise<Static<Schema>> {
  const answer = await callAdmin(cli, flags, request);
  if (!new Ajv().validate(schema, answer)) throw notTerrace();
  return answer;
}

/** Rejects when the answer does not come, is broken off or takes too long; a text that is too long is empty. */
async function answerOf(
  url: string,
  bytesMax: number,
  request: RequestInit,
): Promise<{ readonly status: number; readonly isOk: boolean; readonly text: string }> {
  const response = await fetch(url, request);
  const text = await boundedText(response.body ?? [], bytesMax);
  return { status: response.status, isOk: response.ok, text: text ?? '' };
}

/** The answer is not what the schema of the call says. */
const notTerrace = (): Fault =>
  new Fault('unavailable', 'request', 'What answers at --admin URL is no admin address of a Terrace gateway');

const unavailable = (url: string, reason: string, cause?: unknown): Fault =>
  new Fault('unavailable', 'request', `${url} ${reason}`, { cause });

/** A URL as it is, or an address as `serve` takes it. */
function baseUrl(given: string): string {
  if (/^https?:\/\//.test(given)) {
    if (URL.canParse(given)) return given.replace(/\/+$/, '');
    throw new UsageError(`"${given}" is not a URL: write for example http://${adminDefault}`);
  }
  const { host, port } = parseAddress(given);
  return `http://${formatAddress({ host: ['0.0.0.0', '::'].includes(host) ? '127.0.0.1' : host, port })}`;
}

/** By the root keys as the gateway knows them, else by those that S3 clients take; `undefined` when there are none. */
function signatureOf(
  { variables, clock }: Cli,
  request: UnsignedRequest,
): Record<string, string> | undefined {
  const identity =
    identityOf(variables['TERRACE_ROOT_ACCESS_KEY'], variables['TERRACE_ROOT_SECRET_KEY'], undefined) ??
    identityOf(
      variables['AWS_ACCESS_KEY_ID'],
      variables['AWS_SECRET_ACCESS_KEY'],
      variables['AWS_SESSION_TOKEN'],
    );
  if (identity === undefined) return undefined;
  // The gateway takes any region: a client of its admin address need not know it.
  const scope = { service: adminService, region: 'us-east-1', seconds: clock.wall().seconds };
  return signingHeaders(identity, request, scope);
}

function identityOf(
  accessKey: string | undefined,
  secretKey: string | undefined,
  token: string | undefined,
): SigningIdentity | undefined {
  if (!accessKey || !secretKey) return undefined;
  return { accessKey, secretKey, token: token || undefined };
}

function refusal(
  url: string,
  status: number,
  { answer, isSigned }: { readonly answer: unknown; readonly isSigned: boolean },
): Fault {
  const { error } = (answer ?? {}) as { readonly error?: { readonly message?: unknown } };
  const message = typeof error?.message === 'string' ? error.message : undefined;
  if (status === 401 && isSigned && message !== undefined)
    return unavailable(url, `does not take the signature: ${message}`);
  if (status === 401) {
    const keys =
      'TERRACE_ROOT_ACCESS_KEY and TERRACE_ROOT_SECRET_KEY, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY';
    return unavailable(url, `answered with status 401: set ${keys}, to the root keys`);
  }
  if (status < 500 && message !== undefined) return new Fault('invalid-argument', 'request', message);
  return unavailable(url, `answered with status ${status}: see the log of the gateway`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // No JSON is no answer: the caller says so.
  }
}
