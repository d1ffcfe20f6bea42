import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';
import { Allowance } from '../../../src/gateway/s3/allowance.ts';
import { aheadBytesMax } from '../../../src/gateway/s3/answer-width.ts';
import { BodyBudget } from '../../../src/gateway/s3/body-budget.ts';
import { NodeBody } from '../../../src/gateway/s3/node-body.ts';
import { Pace } from '../../../src/gateway/s3/pace.ts';
import { BODY_GIVEN_WAY_BYTES, BODY_NARROW_BYTES, BODY_WIDE_BYTES } from '../../../src/limits/s3.ts';

const MiB = 1024 ** 2;
const PIECE_BYTES = 64 * 1024;

/** What node:http hands out, as far as a body needs it: data flows by itself until it is paused. */
class Upload extends EventEmitter {
  readonly headers: Record<string, string>;
  readonly destroyed = false;
  #left: number;
  #isFlowing = false;

  constructor(bytes: number, headers: Record<string, string> = { 'content-length': String(bytes) }) {
    super();
    this.headers = headers;
    this.#left = bytes;
    this.on('newListener', (event) => event === 'data' && this.resume());
  }

  pause(): void {
    this.#isFlowing = false;
  }

  resume(): void {
    if (this.#isFlowing) return;
    this.#isFlowing = true;
    setImmediate(() => this.#flow());
  }

  #flow(): void {
    while (this.#isFlowing && this.#left > 0) {
      this.#left -= PIECE_BYTES;
      this.emit('data', Buffer.alloc(PIECE_BYTES));
    }
    if (this.#left === 0) this.emit('end');
  }
}

/** A budget in which content finds room for so many that are wide. */
function budgetOf(wideMax: number): BodyBudget {
  const bytesMax = (wideMax * BODY_WIDE_BYTES * 4) / 3;
  return new BodyBudget({ bytesMax, bytesPerPeerMax: bytesMax });
}

function bodyOf(upload: Upload, allowance: Allowance): NodeBody {
  const pace = new Pace({ windowMs: 1, bytesPerSecondMin: 0 }, 0);
  const request = upload as unknown as IncomingMessage;
  return new NodeBody({ request, continuation: undefined, allowance, pace });
}

const lengthOf = (batch: readonly Uint8Array[] = []): number =>
  batch.reduce((sum, part) => sum + part.length, 0);
const isWide = (batch: readonly Uint8Array[] | undefined): boolean => lengthOf(batch) > BODY_NARROW_BYTES;

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

test('an upload that stopped while memory was short goes on when there is room again', async () => {
  const budget = budgetOf(1);
  const other = new Allowance(budget, 'b');
  assert(other.widen(Infinity));
  const body = bodyOf(new Upload(4 * MiB), new Allowance(budget, 'a'));
  assert.equal(lengthOf(await body.next()), BODY_NARROW_BYTES);
  // The next small batch is full, and the request is paused.
  await turns(2);
  other.release();
  assert(isWide(await body.next()));
});

test('uploads that share too little memory all come to their end', async () => {
  const budget = budgetOf(2);
  const bytes = 24 * MiB;
  const receive = async (index: number): Promise<number> => {
    const allowance = new Allowance(budget, `peer ${index}`);
    const body = bodyOf(new Upload(bytes), allowance);
    let received = 0;
    for (let batch = await body.next(); batch !== undefined; batch = await body.next()) {
      received += lengthOf(batch);
      await turns(1 + (index % 3));
    }
    allowance.release();
    return received;
  };
  const all = await Promise.all(Array.from({ length: 8 }, (_, index) => receive(index)));
  assert.deepEqual(all, Array<number>(8).fill(bytes));
  assert.equal(budget.bytes, 0);
});

const framings = [
  { name: 'of a known length', headers: undefined },
  { name: 'in chunked transfer', headers: { 'transfer-encoding': 'chunked' } },
];
for (const { name, headers } of framings)
  test(`an upload ${name} gives way to others for a while`, async () => {
    const budget = budgetOf(1);
    const body = bodyOf(new Upload(100 * MiB, headers), new Allowance(budget, 'a'));
    const other = new Allowance(budget, 'b');
    assert(isWide(await body.next()));
    assert.equal(aheadBytesMax(other, 1000 * MiB), BODY_NARROW_BYTES, 'there is no room beside it');
    // What had come already, and the small batch behind which the room is free.
    await body.next();
    await body.next();
    await body.next();
    assert.equal(aheadBytesMax(other, 1000 * MiB), Infinity);
    other.release();
    let narrowBytes = 0;
    for (let batch = await body.next(); !isWide(batch); batch = await body.next())
      narrowBytes += lengthOf(batch);
    const spare = 4 * BODY_NARROW_BYTES;
    assert(Math.abs(narrowBytes - BODY_GIVEN_WAY_BYTES) <= spare, `narrow for ${narrowBytes} bytes`);
  });
