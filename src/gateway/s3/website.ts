import type { Bucket, ObjectStore } from '../../namespace/namespace.ts';
import { encodePercentPath } from '../../signing/percent.ts';
import { bucketDocument } from './bucket-document.ts';
import { errorCodes } from './error-codes.ts';
import { S3Error } from './errors.ts';
import { isStream } from './http.ts';
import { redirectHeader } from './metadata.ts';
import type { S3Answer } from './operation.ts';
import type { S3Request } from './request.ts';
import type { WebsiteConfiguration } from './website-configuration.ts';
import {
  directoryDocument,
  documentOf,
  redirectionByRule,
  redirectionOfAll,
  type Redirection,
  type Visit,
} from './website-routing.ts';
import { xmlText } from './xml.ts';

export interface WebsiteParts {
  readonly objects: ObjectStore;
  /** Reads or looks up an object as anybody may; S3Error when it is not there, not to be read, or not modified. */
  read(key: string, how: 'GET' | 'HEAD'): Promise<S3Answer>;
  /** The same without the conditions and the range of the request, for what it did not ask for. */
  readOther(key: string, how: 'GET' | 'HEAD'): Promise<S3Answer>;
  /** What a failure is in the words of S3. */
  translate(failure: unknown): S3Error;
  readonly ids: { readonly requestId: string; readonly hostId: string };
}

/**
 * One request to the website of a bucket: GET and HEAD, by anybody, errors as pages. AWS User Guide, "Hosting a static
 * website using Amazon S3".
 */
export async function visitWebsite(parts: WebsiteParts, request: S3Request): Promise<S3Answer> {
  const how = request.method === 'HEAD' ? 'HEAD' : 'GET';
  try {
    if (request.method !== how) throw methodNotAllowed(request.method);
    const configuration = await configurationOf(parts.objects, request.bucket ?? '');
    return await visit(parts, request, { configuration, how });
  } catch (failure) {
    return errorPage(parts, parts.translate(failure), { how, own: undefined });
  }
}

const methodNotAllowed = (method: string): S3Error =>
  new S3Error('MethodNotAllowed', { members: { Method: method, ResourceType: 'OBJECT' } });

async function configurationOf(objects: ObjectStore, name: string): Promise<WebsiteConfiguration> {
  const bucket: Bucket | undefined = await objects.bucket(name);
  if (bucket === undefined) throw new S3Error('NoSuchBucket', { members: { BucketName: name } });
  const configuration = await bucketDocument(objects, bucket, 'website');
  if (configuration === undefined)
    throw new S3Error('NoSuchWebsiteConfiguration', { members: { BucketName: name } });
  return configuration as WebsiteConfiguration;
}

async function visit(
  parts: WebsiteParts,
  { key = '', headers }: S3Request,
  { configuration, how }: Pick<Failed, 'configuration' | 'how'>,
): Promise<S3Answer> {
  const place: Visit = { key, host: headers['host'] ?? '' };
  const elsewhere =
    redirectionOfAll(configuration, place) ?? redirectionByRule(configuration, place, undefined);
  if (elsewhere !== undefined) return redirected(elsewhere);
  try {
    return await shown(parts, documentOf(configuration, key), how);
  } catch (failure) {
    const error = parts.translate(failure);
    if (error.status < 400) throw error;
    return await failed(parts, { error, place, configuration, how });
  }
}

/** The object, or where it sends its readers. */
async function shown(parts: WebsiteParts, key: string, how: Failed['how']): Promise<S3Answer> {
  const answer = await parts.read(key, how);
  const at = answer.headers.indexOf(redirectHeader);
  if (at < 0) return answer;
  if (isStream(answer.body)) await answer.body.close();
  return redirected({ status: 301, location: answer.headers[at + 1] ?? '' });
}

interface Failed {
  readonly error: S3Error;
  readonly place: Visit;
  readonly configuration: WebsiteConfiguration;
  readonly how: 'GET' | 'HEAD';
}

/** A directory named without its '/' is found after all; then rules about the error count, then the error document. */
async function failed(parts: WebsiteParts, { error, place, configuration, how }: Failed): Promise<S3Answer> {
  const index = directoryDocument(configuration, place.key);
  if (index !== undefined && (await exists(parts, index)))
    return redirected({ status: 302, location: `/${encodePercentPath(place.key)}/` });
  const elsewhere = redirectionByRule(configuration, place, error.status);
  if (elsewhere !== undefined) return redirected(elsewhere);
  return errorPage(parts, error, { how, own: configuration.ErrorDocument?.Key });
}

async function exists(parts: WebsiteParts, key: string): Promise<boolean> {
  try {
    await parts.readOther(key, 'HEAD');
    return true;
  } catch (failure) {
    if (parts.translate(failure).status >= 500) throw failure;
    return false;
  }
}

const redirected = ({ status, location }: Redirection): S3Answer => ({
  status,
  headers: ['Location', location, 'Content-Length', '0'],
});

/** The site's own page for errors, or one that says what happened. */
async function errorPage(
  parts: WebsiteParts,
  error: S3Error,
  { how, own }: { readonly how: Failed['how']; readonly own: string | undefined },
): Promise<S3Answer> {
  if (error.status < 400) return { status: error.status, headers: error.headers };
  const told = [...error.headers, 'x-amz-error-code', error.code, 'x-amz-error-message', error.message];
  for (const [name, value] of Object.entries(error.members))
    told.push(`x-amz-error-detail-${name}`, encodePercentPath(String(value)));
  let second: S3Error | undefined;
  if (own !== undefined) {
    try {
      const page = await parts.readOther(own, how);
      return { ...page, status: error.status, headers: [...told, ...page.headers] };
    } catch (failure) {
      second = parts.translate(failure);
    }
  }
  return builtInPage(parts, { error, second, told });
}

function builtInPage(
  { ids }: WebsiteParts,
  { error, second, told }: { error: S3Error; second: S3Error | undefined; told: readonly string[] },
): S3Answer {
  const title = `${error.status} ${reasonOf(error)}`;
  const lines = [...linesOf(error), ['RequestId', ids.requestId], ['HostId', ids.hostId]] as const;
  const more =
    second === undefined
      ? ''
      : `<h3>An Error Occurred While Attempting to Retrieve a Custom Error Document</h3>\n${list(linesOf(second))}`;
  const html =
    `<html>\n<head><title>${title}</title></head>\n<body>\n<h1>${title}</h1>\n${list(lines)}` +
    `${more}<hr/>\n</body>\n</html>\n`;
  const body = Buffer.from(html, 'utf8');
  const headers = [
    ...told,
    'Content-Type',
    'text/html; charset=utf-8',
    'Content-Length',
    String(body.length),
  ];
  return { status: error.status, headers, body };
}

type Line = readonly [name: string, value: string];

const linesOf = (error: S3Error): readonly Line[] => [
  ['Code', error.code],
  ['Message', error.message],
  ...Object.entries(error.members).map(([name, value]): Line => [name, String(value)]),
];

const list = (lines: readonly Line[]): string =>
  `<ul>\n${lines.map(([name, value]) => `<li>${name}: ${xmlText(value)}</li>\n`).join('')}</ul>\n`;

const reasons: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  412: 'Precondition Failed',
  416: 'Requested Range Not Satisfiable',
  500: 'Internal Server Error',
  503: 'Slow Down',
};

const reasonOf = ({ status, code }: S3Error): string => reasons[status] ?? errorCodes[code][1];
