import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { ManualClock } from 'nfs-server-ts/test/support/manual-clock';
import type { Clock } from '../../../src/environment.ts';
import type { AnswerPiece, HttpHandler } from '../../../src/gateway/s3/http.ts';
import { serve, type Serving } from '../../../src/gateway/s3/serve.ts';
import { silent } from '../../namespace/world.ts';

const MiB = 1024 ** 2;
const PIECES = 24;

interface Scene {
  readonly serving: Serving;
  /** Pieces that were let go of; each is overwritten then, as memory that is used again would be. */
  readonly gone: Set<number>;
  /** Pieces that were asked for. */
  readonly made: Set<number>;
}

/** Answers each request with pieces of 1 MiB, full of their number, in parts of 64 KiB. */
async function openScene(context: TestContext): Promise<Scene> {
  const gone = new Set<number>();
  const made = new Set<number>();
  const handler: HttpHandler = async () => {
    async function* pieces(): AsyncGenerator<AnswerPiece> {
      for (let number = 0; number < PIECES; number += 1) {
        await Promise.resolve();
        made.add(number);
        const parts = Array.from({ length: 16 }, () => Buffer.alloc(MiB / 16, number));
        const letGo = (): void => {
          assert(!gone.has(number), 'a piece is let go of once');
          gone.add(number);
          for (const part of parts) part.fill(0xee);
        };
        yield { parts, letGo };
      }
    }
    const length = PIECES * MiB;
    const done = (): Promise<void> => Promise.resolve();
    const headers = ['Content-Length', String(length)];
    return Promise.resolve({ status: 200, headers, body: { length, begin: done, pieces, close: done } });
  };
  const serving = await serve({
    ...{ host: '127.0.0.1', port: 0, handler, clock: new ManualClock() as unknown as Clock, log: silent },
    ...{ groupOf: (address: string) => address, connectionsMax: 10, connectionsPerPeerMax: 10 },
    bodies: { bytesMax: 64 * MiB, bytesPerPeerMax: 64 * MiB },
    ...{ bodyBytesPerSecondMin: 0, headersMsMax: 10_000, idleMsMax: 10_000 },
    ...{ keepAliveMsMax: 10_000, drainMsMax: 0 },
  });
  context.after(() => serving.close());
  return { serving, gone, made };
}

async function ask({ serving }: Scene): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: serving.port });
  await once(socket, 'connect');
  socket.write('GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n');
  return socket;
}

/** Resolves when nothing changes any more on the side of the server. */
async function settled(gone: ReadonlySet<number>): Promise<number> {
  for (let still = 0, last = -1; still < 50; still = gone.size === last ? still + 1 : 0) {
    last = gone.size;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return gone.size;
}

test('what a slow client has not been sent yet is not used again', async (context) => {
  const scene = await openScene(context);
  const socket = await ask(scene);
  socket.pause();
  assert((await settled(scene.gone)) < PIECES, 'the kernel does not take everything');
  const received: Buffer[] = [];
  socket.on('data', (bytes) => received.push(bytes));
  socket.resume();
  await once(socket, 'end');
  const whole = Buffer.concat(received);
  const body = whole.subarray(whole.indexOf('\r\n\r\n') + 4);
  assert.equal(body.length, PIECES * MiB);
  for (let number = 0; number < PIECES; number += 1)
    assert(
      body.subarray(number * MiB, (number + 1) * MiB).every((byte) => byte === number),
      `piece ${number}`,
    );
  assert.equal(await settled(scene.gone), PIECES);
});

test('nobody reads on for a client that resets its connection, and nothing is let go of twice', async (context) => {
  const scene = await openScene(context);
  const socket = await ask(scene);
  socket.pause();
  await settled(scene.gone);
  socket.resetAndDestroy();
  while (scene.serving.connectionCount() > 0) await new Promise((resolve) => setImmediate(resolve));
  await settled(scene.gone);
  assert(scene.made.size < PIECES, 'nobody reads on for a client that is gone');
  assert(scene.gone.size <= scene.made.size);
});
