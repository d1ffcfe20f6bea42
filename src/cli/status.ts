import { Ajv } from 'ajv';
import { parseAddress, formatAddress } from '../config/address.ts';
import { formatQuantity } from '../config/quantity.ts';
import { columns } from '../config/render.ts';
import { UsageError } from '../config/usage-error.ts';
import { Fault } from '../fault.ts';
import { statusSchema, type Status } from '../gateway/admin/status.ts';
import { ADMIN_CALL_MS_MAX, STATUS_BYTES_MAX } from '../limits.ts';
import type { Cli, Command } from './command.ts';

const adminDefault = '127.0.0.1:9001';

export const status: Command = {
  name: 'status',
  summary: 'Shows how a running gateway is: addresses, space, background work, health.',
  flags: [
    { name: '--json', description: 'Prints the answer as one JSON object' },
    {
      name: '--admin',
      placeholder: 'URL',
      description: `Admin address of the gateway; also TERRACE_ADMIN. Default: http://${adminDefault}`,
    },
  ],
  notes: [
    'From another machine the root keys are needed: set TERRACE_ROOT_ACCESS_KEY and TERRACE_ROOT_SECRET_KEY.',
    'The exit code is 1 when the gateway cannot be reached or its health is critical.',
  ],
  async run(cli, flags) {
    const base = baseUrl(flags.get('--admin') ?? cli.variables['TERRACE_ADMIN'] ?? adminDefault);
    const answer = await fetchStatus(cli, base);
    for (const line of flags.has('--json') ? [JSON.stringify(answer)] : renderStatus(answer)) cli.out(line);
    return answer.health.state === 'critical' ? 1 : 0;
  },
};

/** A URL as it is, or an address as `serve` takes it. */
function baseUrl(given: string): string {
  if (/^https?:\/\//.test(given)) {
    if (URL.canParse(given)) return given.replace(/\/+$/, '');
    throw new UsageError(`"${given}" is not a URL: write for example http://${adminDefault}`);
  }
  const { host, port } = parseAddress(given);
  return `http://${formatAddress({ host: ['0.0.0.0', '::'].includes(host) ? '127.0.0.1' : host, port })}`;
}

async function fetchStatus(cli: Cli, base: string): Promise<Status> {
  const url = `${base}/v1/status`;
  const unavailable = (reason: string, cause?: unknown): Fault =>
    new Fault('unavailable', 'request', `${url} ${reason}`, { cause });
  const response = await fetch(url, {
    headers: credentials(cli),
    signal: AbortSignal.timeout(ADMIN_CALL_MS_MAX),
    redirect: 'error',
  }).catch((cause: unknown) => {
    throw unavailable('does not answer: start the gateway, or say where it is with --admin URL', cause);
  });
  if (response.status !== 200)
    throw unavailable(`answered with status ${response.status}: ${reasonOf(response.status)}`);
  const text = await boundedText(response);
  const answer = parseJson(text);
  if (!isStatus(answer)) throw unavailable('is no admin address of a Terrace gateway');
  return answer;
}

const isStatus = (answer: unknown): answer is Status => new Ajv().validate(statusSchema, answer);

const reasonOf = (status: number): string =>
  status === 401 ? 'set TERRACE_ROOT_ACCESS_KEY and TERRACE_ROOT_SECRET_KEY' : 'see the log of the gateway';

async function boundedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += (chunk as Uint8Array).length;
    if (length > STATUS_BYTES_MAX) return '';
    chunks.push(chunk as Uint8Array);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // No JSON is no status: the caller says so.
  }
}

function credentials({ variables }: Cli): Record<string, string> {
  const accessKey = variables['TERRACE_ROOT_ACCESS_KEY'];
  const secretKey = variables['TERRACE_ROOT_SECRET_KEY'];
  if (accessKey === undefined || secretKey === undefined) return {};
  return { authorization: `Basic ${Buffer.from(`${accessKey}:${secretKey}`).toString('base64')}` };
}

/** The status for people. */
export function renderStatus(status: Status): readonly string[] {
  const { addresses, hot, health } = status;
  const used = hot.bytesTotal - hot.bytesFree;
  const rows = [
    ['health', health.state],
    ...health.alerts.map((alert) => ['', alert]),
    ['version', status.version],
    ['uptime', `${Math.floor(status.uptimeSeconds)} s`],
    ['s3', `http://${formatAddress(addresses.s3)} (region ${status.region})`],
    ['nfs', formatAddress(addresses.nfs)],
    ['admin', `http://${formatAddress(addresses.admin)}`],
    ['buckets', String(status.buckets.count)],
    ['hot tier', `${formatQuantity(used)} of ${formatQuantity(hot.bytesTotal)} used`],
    ...status.steps.map(({ name, state, unitsDone, failure }) => [
      `step ${name}`,
      `${state}, ${unitsDone} units done${failure === undefined ? '' : `, last failure: ${failure}`}`,
    ]),
  ];
  return columns(rows);
}
