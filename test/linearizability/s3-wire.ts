import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Fault, type FaultCode } from '../../src/fault.ts';
import { codeOf, sendSigned, type RawAnswer, type RawRequest } from '../gateway/s3/signed-request.ts';
import { Unanswered, type Condition, type Doors } from './doors.ts';

/** The S3 address of a gateway, one bucket, and whose keys to sign with. */
export interface S3Wire {
  readonly port: number;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly bucket: string;
}

/** As a client library would: SlowDown and conflicts between writers say "again". */
const ATTEMPTS_MAX = 50;
const AGAIN_MS = 5;

/** What the model calls it. */
const faultCodes: Readonly<Record<number, FaultCode>> = { 404: 'not-found', 412: 'precondition-failed' };

/** ETags of contents: MD5, as S3 has them for a PUT. */
const etagOf = (content: string): string => createHash('md5').update(content).digest('hex');

function headersOf(condition: Condition): Readonly<Record<string, string>> {
  if (condition === 'none') return {};
  return condition === 'absent' ? { 'if-none-match': '*' } : { 'if-match': `"${etagOf(condition.content)}"` };
}

/** S3 over HTTP, each request on a connection of its own, signed by Signature Version 4. */
export function s3Doors(
  wire: S3Wire,
  contents: Map<string, string>,
): Pick<Doors, 'put' | 'get' | 'head' | 'deleteKey' | 'renameKey' | 'list'> {
  const object = (method: string, key: string): RawRequest => ({ method, bucket: wire.bucket, key });
  return {
    async put(key, content, condition) {
      contents.set(etagOf(content), content);
      await asked(wire, { ...object('PUT', key), body: content, headers: headersOf(condition) });
    },
    async get(key) {
      return (await found(wire, object('GET', key)))?.body.toString('latin1');
    },
    async head(key) {
      const answer = await found(wire, object('HEAD', key));
      if (answer === undefined) return undefined;
      const etag = String(answer.headers['etag']).replaceAll('"', '');
      return { size: Number(answer.headers['content-length']), etag: contents.get(etag) ?? 'opaque' };
    },
    async deleteKey(key, condition) {
      await asked(wire, { ...object('DELETE', key), headers: headersOf(condition) });
    },
    async renameKey(from, to) {
      const headers = { 'x-amz-rename-source': from };
      await asked(wire, { ...object('PUT', to), query: { renameObject: '' }, headers });
    },
    async list(prefix) {
      const query = { 'list-type': '2', prefix };
      const { body } = await asked(wire, { method: 'GET', bucket: wire.bucket, query });
      assert.match(body.toString(), /<IsTruncated>false</);
      return [...body.toString().matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key]) => key ?? '');
    },
  };
}

async function found(wire: S3Wire, request: RawRequest): Promise<RawAnswer | undefined> {
  return asked(wire, request).catch((failure: unknown) => {
    if (failure instanceof Fault && failure.code === 'not-found') return undefined;
    throw failure;
  });
}

/** The answer to a request that succeeded; a Fault with the code of the model for one that was refused. */
export async function asked(wire: S3Wire, request: RawRequest): Promise<RawAnswer> {
  const { port, accessKey, secretKey } = wire;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const answer = await sendSigned(port, { ...request, accessKey, secretKey }).catch((cause: unknown) => {
      throw new Unanswered('no answer over S3', { cause });
    });
    if (answer.status < 300) return answer;
    const code = faultCodes[answer.status];
    if (code !== undefined) throw new Fault(code, 'object', codeOf(answer) ?? '');
    assert(answer.status === 503 || answer.status === 409, `${answer.status} ${answer.body.toString()}`);
    await sleep(AGAIN_MS);
  }
  throw new Error(`${request.method} ${request.key}: told to come back ${ATTEMPTS_MAX} times`);
}
