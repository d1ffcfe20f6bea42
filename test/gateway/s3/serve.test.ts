import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import type { Draft, ObjectStore } from '../../../src/namespace/namespace.ts';
import { HTTP_PIPELINED_MAX } from '../../../src/limits/s3.ts';
import { exchangeRaw, liveDoor, type LiveDoor } from './live-door.ts';
import { openingAs, replacing } from './replaced-store.ts';
import { sendSigned, signedHeaders, type RawRequest } from './signed-request.ts';

/** The bytes of a signed request, as a client would put them on the wire. */
function raw(door: LiveDoor, request: RawRequest, extra: Readonly<Record<string, string>> = {}): string {
  const body = request.body === undefined ? '' : String(request.body);
  const headers = {
    ...signedHeaders(request, `127.0.0.1:${door.port}`),
    'content-length': String(body.length),
    ...extra,
  };
  const path = `/${request.bucket ?? ''}${request.key === undefined ? '' : `/${request.key}`}`;
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${request.method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

const bucket = 'wire';
const makeBucket = (door: LiveDoor): Promise<unknown> => sendSigned(door.port, { method: 'PUT', bucket });
const answers = (received: string): readonly string[] =>
  [...received.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((found) => found[1] ?? '');
const close = { connection: 'close' };

test('a connection serves on after an error, also one whose body nobody read', async (context) => {
  const door = await liveDoor(context);
  await makeBucket(door);
  const body = 'x'.repeat(100_000);
  const sent =
    raw(door, { method: 'PUT', bucket: 'no-such-bucket', key: 'k', body }) +
    body +
    raw(door, { method: 'PUT', bucket, key: 'k', body: 'a', payloadHash: 'f'.repeat(64) }) +
    'a' +
    raw(door, { method: 'GET', bucket, key: 'none' }) +
    raw(door, { method: 'PUT', bucket, key: 'k', body: 'kept' }, close) +
    'kept';
  const received = await exchangeRaw(door.port, sent);
  assert.deepEqual(answers(received), ['404', '400', '404', '200']);
});

test('an error before a body that is too long to drain is still read by the client', async (context) => {
  const door = await liveDoor(context);
  const length = 64 * 1024 ** 2;
  const request = { method: 'PUT', bucket: 'no-such-bucket', key: 'k', payloadHash: 'UNSIGNED-PAYLOAD' };
  const head = raw(door, request, { 'content-length': String(length) });
  const received = await new Promise<string>((resolve) => {
    let text = '';
    const socket = connect({ port: door.port, host: '127.0.0.1' });
    const piece = Buffer.alloc(256 * 1024);
    const pump = (): void => {
      while (!socket.destroyed && socket.write(piece));
    };
    socket.on('data', (data) => (text += data.toString()));
    socket.on('drain', pump);
    socket.on('close', () => resolve(text));
    socket.on('error', () => socket.destroy());
    socket.write(head);
    pump();
  });
  assert.match(received, /^HTTP\/1\.1 404 /);
  assert.match(received, /Connection: close/);
  assert.match(received, /<Code>NoSuchBucket<\/Code>/);
});

const expecting = { expect: '100-continue', ...close };

test('100 Continue comes after authentication and the early checks, and only then', async (context) => {
  const door = await liveDoor(context);
  await makeBucket(door);
  const good = raw(door, { method: 'PUT', bucket, key: 'k', body: 'hello' }, expecting);
  const accepted = await new Promise<string>((resolve) => {
    let text = '';
    const socket = connect({ port: door.port, host: '127.0.0.1' }, () => socket.write(good));
    socket.on('data', (data) => {
      text += data.toString();
      if (text.endsWith('100 Continue\r\n\r\n')) socket.write('hello');
    });
    socket.on('close', () => resolve(text));
  });
  assert.deepEqual(answers(accepted), ['100', '200']);
  const cases: readonly { readonly request: RawRequest; readonly status: string }[] = [
    { request: { method: 'PUT', bucket, key: 'k', body: 'hello', secretKey: 'wrong' }, status: '403' },
    { request: { method: 'PUT', bucket: 'no-such-bucket', key: 'k', body: 'hello' }, status: '404' },
    {
      request: { method: 'PUT', bucket, key: 'k', body: 'hello', headers: { 'if-none-match': '"x"' } },
      status: '501',
    },
  ];
  for (const { request, status } of cases)
    assert.deepEqual(answers(await exchangeRaw(door.port, raw(door, request, expecting))), [status]);
});

test('every answer has its ids, a date and a server; HEAD and 204 have no body', async (context) => {
  const door = await liveDoor(context);
  await makeBucket(door);
  await sendSigned(door.port, { method: 'PUT', bucket, key: 'k', body: 'hello' });
  for (const request of [
    { method: 'HEAD', bucket, key: 'k' },
    { method: 'HEAD', bucket, key: 'none' },
    { method: 'HEAD', bucket },
    { method: 'DELETE', bucket, key: 'k' },
    { method: 'GET', bucket, key: 'none' },
  ]) {
    const received = await exchangeRaw(door.port, raw(door, request, close));
    const [head = '', body = ''] = received.split('\r\n\r\n');
    for (const name of ['x-amz-request-id', 'x-amz-id-2', 'Date', 'Server'])
      assert(head.includes(`\r\n${name}: `), name);
    assert.equal(body === '', request.method !== 'GET');
  }
});

const broken = [
  { name: 'is not HTTP', sent: 'HELLO\r\n\r\n', want: /^HTTP\/1\.1 400 .*<Code>BadRequest<\/Code>/s },
  {
    name: 'has too much header',
    sent: `GET / HTTP/1.1\r\nhost: x\r\nx-long: ${'x'.repeat(30_000)}\r\n\r\n`,
    want: /^HTTP\/1\.1 400 .*<Code>RequestHeaderSectionTooLarge<\/Code>/s,
  },
  {
    name: 'has a path that is no UTF-8',
    sent: 'GET /bucket/%ff HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n',
    want: /^HTTP\/1\.1 400 .*<Code>InvalidURI<\/Code>/s,
  },
  {
    name: 'has a method that S3 does not know',
    sent: 'PATCH /bucket/k HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n',
    want: /^HTTP\/1\.1 403 .*<Code>AccessDenied<\/Code>/s,
  },
  {
    name: 'has two lengths',
    sent: 'PUT /bucket/k HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n',
    want: /^HTTP\/1\.1 400 .*<Code>BadRequest<\/Code>/s,
  },
];
for (const { name, sent, want } of broken) {
  test(`a request that ${name} is answered and hurts nobody`, async (context) => {
    const door = await liveDoor(context);
    assert.match(await exchangeRaw(door.port, sent), want);
    assert.equal((await sendSigned(door.port, { method: 'GET' })).status, 200);
  });
}

test('a client that falls silent in its header or its body is cut off', async (context) => {
  const door = await liveDoor(context, { http: { idleMsMax: 50, headersMsMax: 50 } });
  await makeBucket(door);
  const silentBody = await exchangeRaw(
    door.port,
    `${raw(door, { method: 'PUT', bucket, key: 'k', body: 'hello' })}he`,
  );
  assert.match(silentBody, /^HTTP\/1\.1 400 .*<Code>RequestTimeout<\/Code>/s);
  await exchangeRaw(door.port, 'GET / HTTP/1.1\r\nhost:');
  assert.equal((await sendSigned(door.port, { method: 'HEAD', bucket, key: 'k' })).status, 404);
});

test('a client that falls silent in a body that nobody wants is cut off', async (context) => {
  const door = await liveDoor(context, { http: { idleMsMax: 50, keepAliveMsMax: 50 } });
  const request = { method: 'PUT', bucket: 'no-such-bucket', key: 'k', body: 'hello' };
  assert.match(await exchangeRaw(door.port, `${raw(door, request)}he`), /^HTTP\/1\.1 404 /);
});

test('pipelined requests are answered in order and one at a time, too many of them not at all', async (context) => {
  let open = 0;
  let openMost = 0;
  const door = await liveDoor(context, {
    objects: openingAs((object) => {
      open += 1;
      openMost = Math.max(openMost, open);
      return {
        close: async () => {
          open -= 1;
          await object.close();
        },
      };
    }),
  });
  await makeBucket(door);
  await sendSigned(door.port, { method: 'PUT', bucket, key: 'k', body: content });
  const one = raw(door, { method: 'GET', bucket, key: 'k' });
  const received = await exchangeRaw(door.port, one.repeat(9) + raw(door, { method: 'GET', bucket }, close));
  assert.equal(answers(received).length, 10);
  assert.deepEqual({ open, openMost }, { open: 0, openMost: 1 });
  const flood = await exchangeRaw(door.port, one.repeat(HTTP_PIPELINED_MAX * 2)).catch(() => '');
  assert(answers(flood).length < HTTP_PIPELINED_MAX);
});

test('a client that closes inside its body is answered IncompleteBody where it still listens', async (context) => {
  const door = await liveDoor(context);
  await makeBucket(door);
  const received = await new Promise<string>((resolve) => {
    let text = '';
    const socket = connect({ port: door.port, host: '127.0.0.1', allowHalfOpen: true }, () =>
      socket.end(`${raw(door, { method: 'PUT', bucket, key: 'k', body: 'hello' })}he`),
    );
    socket.on('data', (data) => (text += data.toString()));
    socket.on('close', () => resolve(text));
    socket.on('end', () => socket.destroy());
  });
  assert.match(received, /^HTTP\/1\.1 400 .*<Code>IncompleteBody<\/Code>/s);
});

test('a body whose HTTP chunks are no chunks is answered BadRequest, and the connection ends', async (context) => {
  const door = await liveDoor(context);
  await makeBucket(door);
  const headers = { 'x-amz-decoded-content-length': '5' };
  const payloadHash = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';
  const request = raw(door, { method: 'PUT', bucket, key: 'k', headers, payloadHash });
  const chunked = request.replace('content-length: 0', 'transfer-encoding: chunked');
  for (const chunks of ['zz\r\nhello\r\n', '5\r\nhelloXX0\r\n\r\n']) {
    const received = await exchangeRaw(door.port, chunked + chunks);
    assert.match(received, /^HTTP\/1\.1 400 .*<Code>BadRequest<\/Code>/s);
  }
  const behind = await exchangeRaw(
    door.port,
    `${raw(door, { method: 'HEAD', bucket })}\r\nno request\r\n\r\n`,
  );
  assert.deepEqual(answers(behind), ['200']);
});

test('an expectation that is none is ignored', async (context) => {
  const door = await liveDoor(context);
  await makeBucket(door);
  for (const expect of ['200', '']) {
    const request = raw(door, { method: 'PUT', bucket, key: 'k', body: 'hello' }, { ...close, expect });
    assert.deepEqual(answers(await exchangeRaw(door.port, `${request}hello`)), ['200']);
  }
});

/** Counts drafts that were taken and given back. */
function countingDrafts(counts: { taken: number; discarded: number }): (objects: ObjectStore) => ObjectStore {
  return (objects) =>
    replacing(objects, 'draft', async (caller) => {
      const draft = await objects.draft(caller);
      counts.taken += 1;
      const counted: Draft = {
        length: () => draft.length(),
        write: (parts) => draft.write(parts),
        relieve: () => draft.relieve(),
        splice: (source, offset, length) => draft.splice(source, offset, length),
        discard: () => {
          counts.discarded += 1;
          return draft.discard();
        },
      };
      return counted;
    });
}

test('an upload that is broken off gives its draft back', async (context) => {
  const counts = { taken: 0, discarded: 0 };
  const door = await liveDoor(context, { objects: countingDrafts(counts) });
  await makeBucket(door);
  const head = raw(
    door,
    { method: 'PUT', bucket, key: 'k', payloadHash: 'UNSIGNED-PAYLOAD' },
    { 'content-length': String(8 * 1024 ** 2) },
  );
  await new Promise<void>((resolve) => {
    const socket = connect({ port: door.port, host: '127.0.0.1' }, () => {
      socket.write(head);
      socket.write(Buffer.alloc(3 * 1024 ** 2), () => socket.destroy());
    });
    socket.on('close', () => resolve());
    socket.on('error', () => socket.destroy());
  });
  while (!door.observations.some((it) => it.operation === 'PutObject')) await new Promise(setImmediate);
  assert.deepEqual(counts, { taken: 1, discarded: 1 });
  assert.equal((await sendSigned(door.port, { method: 'HEAD', bucket, key: 'k' })).status, 404);
});

const content = Buffer.alloc(3 * 1024 ** 2, 'content ');

test('a read that fails midway breaks the connection: a short body never looks whole', async (context) => {
  let closed = 0;
  const door = await liveDoor(context, {
    objects: openingAs((object) => ({
      async *read() {
        yield* object.read(0, 1024 ** 2);
        throw new Error('the device is gone');
      },
      close: async () => {
        closed += 1;
        await object.close();
      },
    })),
  });
  await makeBucket(door);
  await sendSigned(door.port, { method: 'PUT', bucket, key: 'k', body: content });
  await assert.rejects(sendSigned(door.port, { method: 'GET', bucket, key: 'k' }));
  assert.equal(closed, 1);
  const { operation, status, errorCode } = door.observations.at(-1) ?? {};
  assert.deepEqual([operation, status, errorCode], ['GetObject', 500, 'InternalError']);
  assert.equal(door.errors.length, 1);
});

test('a client that goes away stops the read, and the object is closed', async (context) => {
  let pieces = 0;
  let closed = (): void => undefined;
  const whenClosed = new Promise<void>((resolve) => (closed = resolve));
  const door = await liveDoor(context, {
    objects: openingAs((object) => ({
      async *read(offset: number, length: number) {
        for (;;) {
          for await (const piece of object.read(offset, length)) {
            pieces += 1;
            yield piece;
          }
        }
      },
      close: async () => {
        await object.close();
        closed();
      },
    })),
  });
  await makeBucket(door);
  await sendSigned(door.port, { method: 'PUT', bucket, key: 'k', body: content });
  await exchangeRaw(door.port, raw(door, { method: 'GET', bucket, key: 'k' }), () => true);
  await whenClosed;
  assert(pieces > 0);
  while (!door.observations.some((it) => it.operation === 'GetObject')) await new Promise(setImmediate);
  const { status, errorCode } = door.observations.at(-1) ?? {};
  assert.deepEqual([status, errorCode], [200, undefined]);
  assert.deepEqual(door.errors, []);
});

test('a read that fails before anything was sent is an answer, behind which the connection serves on', async (context) => {
  const door = await liveDoor(context);
  await makeBucket(door);
  await sendSigned(door.port, { method: 'PUT', bucket, key: 'k', body: content });
  door.world.device.failWhen((operation) => operation === 'read');
  const get = raw(door, { method: 'GET', bucket, key: 'k' });
  const received = await exchangeRaw(door.port, get + raw(door, { method: 'HEAD', bucket, key: 'k' }, close));
  assert.deepEqual(answers(received), ['500', '200']);
});

test('an unexpected failure is InternalError, and is logged', async (context) => {
  const door = await liveDoor(context, {
    objects: openingAs(() => ({
      read: () => {
        throw new Error('broken');
      },
    })),
  });
  await makeBucket(door);
  await sendSigned(door.port, { method: 'PUT', bucket, key: 'k', body: 'small' });
  const answer = await sendSigned(door.port, { method: 'GET', bucket, key: 'k' });
  assert.equal(answer.status, 500);
  assert.match(
    answer.body.toString(),
    /<Code>InternalError<\/Code><Message>We encountered an internal error\. Please try again\.<\/Message>/,
  );
  assert.equal(door.errors.length, 1);
});

test('closing lets a request under way finish, and takes no further one', async (context) => {
  let release = (): void => undefined;
  const gate = new Promise<void>((resolve) => (release = resolve));
  let started = (): void => undefined;
  const whenStarted = new Promise<void>((resolve) => (started = resolve));
  const door = await liveDoor(context, {
    objects: openingAs((object) => ({
      async *read(offset: number, length: number) {
        started();
        await gate;
        yield* object.read(offset, length);
      },
    })),
  });
  await makeBucket(door);
  await sendSigned(door.port, { method: 'PUT', bucket, key: 'k', body: 'to the end' });
  const reading = exchangeRaw(door.port, raw(door, { method: 'GET', bucket, key: 'k' }));
  await whenStarted;
  const closing = door.close();
  await assert.rejects(sendSigned(door.port, { method: 'GET' }), { code: 'ECONNREFUSED' });
  release();
  const received = await reading;
  assert.match(received, /^HTTP\/1\.1 200 .*Connection: close.*to the end$/s);
  await closing;
});

test('closing does not wait for a connection on which nothing was ever sent', async (context) => {
  const door = await liveDoor(context, { http: { drainMsMax: 3_600_000, headersMsMax: 3_600_000 } });
  const socket = connect({ port: door.port, host: '127.0.0.1' });
  const closed = new Promise((resolve) => socket.on('close', resolve));
  await new Promise((resolve) => socket.on('connect', resolve));
  await sendSigned(door.port, { method: 'GET' });
  await door.close();
  await closed;
});
