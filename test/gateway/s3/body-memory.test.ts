import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { CreateMultipartUploadCommand, PutBucketPolicyCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { BODY_MEMORY_BYTES_MIN, PART_BYTES_MIN, PART_NUMBER_MAX } from '../../../src/limits/s3.ts';
import type { ObjectStore } from '../../../src/namespace/namespace.ts';
import { liveDoor, type LiveDoor, type LiveDoorOptions } from './live-door.ts';
import { sendSigned, signedHeaders, targetOf, type RawRequest } from './signed-request.ts';
import { policyOf } from './town.ts';

const MiB = 1024 ** 2;
const bucket = 'crowded';
const large = Buffer.alloc(8 * MiB, 'x');
/** The least that the config takes. */
const bodies = { bytesMax: BODY_MEMORY_BYTES_MIN, bytesPerPeerMax: BODY_MEMORY_BYTES_MIN / 2 };

interface Place {
  readonly door: LiveDoor;
  /** Sends a request and so many bytes of its body, and reads nothing. */
  start(request: RawRequest, sent?: { readonly of: number; readonly bytes: number }): Promise<Socket>;
}

async function place(context: TestContext, options: LiveDoorOptions = {}): Promise<Place> {
  const sockets: Socket[] = [];
  // Before the door closes, which waits for them.
  context.after(() => sockets.forEach((socket) => socket.destroy()));
  const door = await liveDoor(context, { ...options, http: { bodies, ...options.http } });
  await sendSigned(door.port, { method: 'PUT', bucket });
  await sendSigned(door.port, { method: 'PUT', bucket, key: 'large', body: large });
  const start: Place['start'] = async (request, { of, bytes } = { of: 0, bytes: 0 }) => {
    const headers = {
      ...signedHeaders({ ...request, payloadHash: 'UNSIGNED-PAYLOAD' }, `127.0.0.1:${door.port}`),
      'content-length': String(of),
    };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const socket = connect({ port: door.port, host: '127.0.0.1' });
    sockets.push(socket);
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.write(`${request.method} ${targetOf(request)} HTTP/1.1\r\n${lines.join('')}\r\n`);
    if (bytes > 0) socket.write(Buffer.alloc(bytes));
    return socket;
  };
  return { door, start };
}

async function eventually(isSo: () => boolean): Promise<void> {
  for (let turns = 0; turns < 50_000; turns += 1) {
    if (isSo()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.fail('it did not come about');
}

/** Readers that take nothing, and writers that stop after half a MiB. */
async function crowd({ start }: Place): Promise<readonly Socket[]> {
  const get = { method: 'GET', bucket, key: 'large' };
  const put = { method: 'PUT', bucket, key: 'new' };
  const started = Array.from({ length: 40 }, (_, index) =>
    index % 2 === 0 ? start(get) : start(put, { of: large.length, bytes: MiB / 2 }),
  );
  return Promise.all(started);
}

/** A store in which every upload has all the parts that there may be. */
const withManyParts = (completed: (count: number) => void) => (objects: ObjectStore) =>
  new Proxy(objects, {
    get(target, name, receiver) {
      if (name === 'parts') return manyParts;
      if (name !== 'completeUpload') return Reflect.get(target, name, receiver) as unknown;
      return async (...[, completion]: Parameters<ObjectStore['completeUpload']>) => {
        completed(completion.parts.length);
        const found = await target.head({ bucket: completion.bucket, key: Buffer.from('large') });
        return (assert(found !== undefined), found);
      };
    },
  });

const etagOf = (number: number): string => createHash('md5').update(String(number)).digest('hex');

const manyParts: ObjectStore['parts'] = (_at, { afterNumber, partsMax }) => {
  const count = Math.min(partsMax, PART_NUMBER_MAX - afterNumber);
  const parts = Array.from({ length: count }, (_, index) => {
    const number = afterNumber + index + 1;
    const modifiedAt = { seconds: 0, nanoseconds: 0 };
    return { number, etag: etagOf(number), size: PART_BYTES_MIN, modifiedAt, checksums: [] };
  });
  return Promise.resolve({ parts, more: afterNumber + count < PART_NUMBER_MAX });
};

const numbers = Array.from({ length: PART_NUMBER_MAX }, (_, index) => index + 1);
const completion = `<CompleteMultipartUpload>${numbers
  .map((number) => `<Part><PartNumber>${number}</PartNumber><ETag>"${etagOf(number)}"</ETag></Part>`)
  .join('')}</CompleteMultipartUpload>`;

test('documents go through where readers and writers that stand still have taken all they can', async (context) => {
  let completed = 0;
  const at = await place(context, { objects: withManyParts((count) => (completed = count)) });
  const { door } = at;
  const key = 'whole';
  const { UploadId = '' } = await door.s3.send(
    new CreateMultipartUploadCommand({ Bucket: bucket, Key: key }),
  );
  const sockets = await crowd(at);
  await eventually(() => door.bodyBytesHeld() >= (bodies.bytesPerPeerMax * 3) / 4 - 3 * MiB);
  assert(door.bodyBytesHeld() <= (bodies.bytesPerPeerMax * 3) / 4);

  const query = { uploadId: UploadId };
  const answer = await sendSigned(door.port, { method: 'POST', bucket, key, query, body: completion });
  assert.deepEqual([answer.status, completed], [200, PART_NUMBER_MAX], answer.body.toString());

  const objects = numbers
    .slice(0, 1000)
    .map((number) => `<Object><Key>${'k'.repeat(900)}${number}</Key></Object>`);
  const body = `<Delete>${objects.join('')}</Delete>`;
  const headers = { 'content-md5': createHash('md5').update(body).digest('base64') };
  const removed = await sendSigned(door.port, {
    method: 'POST',
    bucket,
    query: { delete: '' },
    headers,
    body,
  });
  assert.equal(removed.status, 200);
  assert.equal(removed.body.toString().split('<Deleted>').length - 1, 1000);

  for (const socket of sockets) socket.destroy();
  await eventually(() => door.bodyBytesHeld() === 0);
});

test('an object holds no more of the memory than it is long', async (context) => {
  const at = await place(context);
  const length = MiB / 2;
  await at.door.s3.send(
    new PutObjectCommand({ Bucket: bucket, Key: 'small', Body: large.subarray(0, length) }),
  );
  const key = 'new';
  await at.start({ method: 'PUT', bucket, key }, { of: length, bytes: length - 1 });
  await eventually(() => at.door.bodyBytesHeld() === length);
});

test('a document holds what has come of it, not what it says it will be', async (context) => {
  const at = await place(context);
  const request = {
    method: 'POST',
    bucket,
    query: { delete: '' },
    headers: { 'content-md5': 'A'.repeat(22) + '==' },
  };
  const started = [];
  for (let index = 0; index < 30; index += 1) started.push(at.start(request, { of: 7 * MiB, bytes: 1000 }));
  const sockets = await Promise.all(started);
  const held = 30 * 4 * 128 * 1024;
  await eventually(() => at.door.bodyBytesHeld() === held);
  await at.door.s3.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy: policy(19_000) }));
  for (const socket of sockets) socket.destroy();
  await eventually(() => at.door.bodyBytesHeld() === 0);
});

const policy = (length: number): string => {
  const text = policyOf({ Action: 's3:GetObject', Resource: `arn:aws:s3:::${bucket}/*` });
  return text + ' '.repeat(length - text.length);
};

const put = { method: 'PUT', bucket, key: 'new' };
const half = { of: large.length, bytes: large.length / 2 };
const endings: readonly { readonly name: string; readonly end: (at: Place) => Promise<unknown> }[] = [
  { name: 'a writer that is cut off', end: async ({ start }) => (await start(put, half)).destroy() },
  { name: 'a writer that closes its half', end: async ({ start }) => (await start(put, half)).end() },
  { name: 'a writer that resets', end: async ({ start }) => (await start(put, half)).resetAndDestroy() },
  {
    name: 'a reader that goes in the middle',
    async end({ start }) {
      const socket = await start({ method: 'GET', bucket, key: 'large' });
      await once(socket, 'data');
      socket.destroy();
    },
  },
  {
    name: 'a document that ends too early',
    end: async ({ start }) =>
      (await start({ method: 'POST', bucket, query: { delete: '' } }, { of: 7 * MiB, bytes: MiB })).end(),
  },
  {
    name: 'a writer that is refused and goes on sending',
    async end({ start }) {
      const refused = { ...put, bucket: 'no-such-bucket' };
      const socket = await start(refused, { of: 4 * half.of, bytes: 3 * half.of });
      await new Promise((resolve) => socket.resume().once('close', resolve));
    },
  },
];
for (const { name, end } of endings)
  test(`nothing is held after ${name}`, async (context) => {
    const at = await place(context);
    await Promise.all([end(at), end(at)]);
    await eventually(() => at.door.bodyBytesHeld() === 0);
    // It stays so: nothing that comes late takes any.
    for (let turns = 0; turns < 200; turns += 1) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(at.door.bodyBytesHeld(), 0);
  });
