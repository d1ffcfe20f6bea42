import { formatAddress, parseAddress } from '../config/address.ts';
import { UsageError } from '../config/usage-error.ts';
import { Fault } from '../fault.ts';
import { ADMIN_CALL_MS_MAX } from '../limits.ts';
import type { Cli, Flag } from './command.ts';

const adminDefault = '127.0.0.1:9001';

export const adminFlag: Flag = {
  name: '--admin',
  placeholder: 'URL',
  description: `Admin address of the gateway; also TERRACE_ADMIN. Default: http://${adminDefault}`,
};

export interface AdminRequest {
  readonly method: 'GET' | 'POST' | 'DELETE';
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
  { method, path, body, bytesMax }: AdminRequest,
): Promise<unknown> {
  const url = `${baseUrl(flags.get('--admin') ?? cli.variables['TERRACE_ADMIN'] ?? adminDefault)}${path}`;
  const { status, isOk, text } = await answerOf(url, bytesMax, {
    method,
    headers: { ...credentials(cli), ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(ADMIN_CALL_MS_MAX),
    redirect: 'error',
  }).catch((cause: unknown) => {
    const reason = 'does not answer: start the gateway, or say where it is with --admin URL';
    throw unavailable(url, reason, cause);
  });
  const answer = parseJson(text);
  if (!isOk) throw refusal(url, status, answer);
  return answer;
}

/** Rejects when the answer does not come, is broken off or takes too long. */
async function answerOf(
  url: string,
  bytesMax: number,
  request: RequestInit,
): Promise<{ readonly status: number; readonly isOk: boolean; readonly text: string }> {
  const response = await fetch(url, request);
  return { status: response.status, isOk: response.ok, text: await boundedText(response, bytesMax) };
}

/** The answer is not what the schema of the call says. */
export const notTerrace = (): Fault =>
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

/** HTTP Basic with the root keys as the gateway knows them, else as S3 clients do. */
function credentials({ variables }: Cli): Record<string, string> {
  const pairs = [
    [variables['TERRACE_ROOT_ACCESS_KEY'], variables['TERRACE_ROOT_SECRET_KEY']],
    [variables['AWS_ACCESS_KEY_ID'], variables['AWS_SECRET_ACCESS_KEY']],
  ] as const;
  const pair = pairs.find(([accessKey, secretKey]) => accessKey !== undefined && secretKey !== undefined);
  return pair === undefined
    ? {}
    : { authorization: `Basic ${Buffer.from(pair.join(':')).toString('base64')}` };
}

function refusal(url: string, status: number, answer: unknown): Fault {
  const { error } = (answer ?? {}) as { readonly error?: { readonly message?: unknown } };
  if (status === 401) {
    const keys =
      'TERRACE_ROOT_ACCESS_KEY and TERRACE_ROOT_SECRET_KEY, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY';
    return unavailable(url, `answered with status 401: set ${keys}, to the root keys`);
  }
  if (status < 500 && typeof error?.message === 'string')
    return new Fault('invalid-argument', 'request', error.message);
  return unavailable(url, `answered with status ${status}: see the log of the gateway`);
}

/** Empty when it is longer. */
async function boundedText(response: Response, bytesMax: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += (chunk as Uint8Array).length;
    if (length > bytesMax) return '';
    chunks.push(chunk as Uint8Array);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // No JSON is no answer: the caller says so.
  }
}
