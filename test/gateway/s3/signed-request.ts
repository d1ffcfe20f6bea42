import { createHash } from 'node:crypto';
import http from 'node:http';
import { formatAuthorization } from '../../../src/signing/authorization.ts';
import { encodePercent, encodePercentPath } from '../../../src/signing/percent.ts';
import { parseRequest, type S3Request } from '../../../src/gateway/s3/request.ts';
import { canonicalRequest, signature, signingKey, stringToSign } from '../../../src/signing/sigv4.ts';
import { timestampOfSeconds } from '../../../src/signing/timestamp.ts';
import { keys } from './live-door.ts';

export interface RawRequest {
  readonly method: string;
  readonly bucket?: string;
  readonly key?: string;
  /** Decoded parameters. */
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly payloadHash?: string;
  readonly accessKey?: string;
  readonly secretKey?: string;
  readonly region?: string;
  /** Seconds since the epoch at which it is signed. */
  readonly at?: number;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export const sha256 = (body: string | Uint8Array): string => createHash('sha256').update(body).digest('hex');

export const targetOf = ({ bucket, key, query = {} }: RawRequest): string => {
  const path = `/${bucket ?? ''}${key === undefined ? '' : `/${encodePercentPath(key)}`}`;
  const pairs = Object.entries(query).map(
    ([name, value]) => `${encodePercent(name)}=${encodePercent(value)}`,
  );
  return pairs.length === 0 ? path : `${path}?${pairs.join('&')}`;
};

/** All headers of a request signed in its Authorization header. */
export function signedHeaders(request: RawRequest, host: string): Record<string, string> {
  const timestamp = timestampOfSeconds(request.at ?? Date.now() / 1000);
  const payloadHash = request.payloadHash ?? sha256(request.body ?? '');
  const headers: Record<string, string> = {
    host,
    'x-amz-date': timestamp,
    'x-amz-content-sha256': payloadHash,
    ...request.headers,
  };
  const names = Object.keys(headers)
    .map((name) => name.toLowerCase())
    .sort();
  const scope = {
    accessKey: request.accessKey ?? keys.accessKey,
    day: timestamp.slice(0, 8),
    region: request.region ?? 'us-east-1',
    service: 's3',
  };
  const canonical = canonicalRequest(asReceived(request, headers), names, payloadHash);
  const key = signingKey(request.secretKey ?? keys.secretKey, scope);
  const signed = signature(key, stringToSign(canonical, timestamp, scope));
  return { ...headers, authorization: formatAuthorization(scope, names, signed) };
}

const asReceived = (request: RawRequest, headers: Readonly<Record<string, string>>): S3Request =>
  parseRequest(
    {
      method: request.method,
      target: targetOf(request),
      rawHeaders: Object.entries(headers).flat(),
      body: { next: () => Promise.resolve(undefined), letGo: () => undefined, keep: () => true },
      peer: '127.0.0.1',
    },
    [],
  );

/** One request over a connection of its own, signed by this file rather than by an SDK. */
export function sendSigned(port: number, request: RawRequest): Promise<RawAnswer> {
  const headers = signedHeaders(request, `127.0.0.1:${port}`);
  return send(port, { method: request.method, path: targetOf(request), headers, body: request.body });
}

export function send(
  port: number,
  request: {
    readonly method: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: string | Uint8Array | undefined;
  },
): Promise<RawAnswer> {
  const { method, path, headers, body } = request;
  return new Promise((resolve, reject) => {
    const isChunked = headers['transfer-encoding'] !== undefined;
    const length =
      body === undefined || isChunked ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const outgoing = http.request({
      host: '127.0.0.1',
      port,
      method,
      path,
      headers: { ...length, ...headers },
      agent: false,
    });
    outgoing.on('error', reject);
    outgoing.on('response', (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => void parts.push(part));
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers as Record<string, string>,
          body: Buffer.concat(parts),
        }),
      );
    });
    // A string would make node:http send the headers in UTF-8 instead of as bytes.
    outgoing.end(body === undefined ? undefined : Buffer.from(body));
  });
}

/** `<Code>` of an error document. */
export const codeOf = (answer: RawAnswer): string | undefined =>
  /<Code>([^<]*)<\/Code>/.exec(answer.body.toString())?.[1];
