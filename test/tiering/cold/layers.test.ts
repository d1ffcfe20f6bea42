import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../../../src/fault.ts';
import { Metrics } from '../../../src/metrics.ts';
import { bounded } from '../../../src/tiering/cold/layers/bounded.ts';
import { Breaker } from '../../../src/tiering/cold/layers/breaker.ts';
import { closing } from '../../../src/tiering/cold/layers/closing.ts';
import { exact } from '../../../src/tiering/cold/layers/exact.ts';
import { metered } from '../../../src/tiering/cold/layers/metered.ts';
import { retrying } from '../../../src/tiering/cold/layers/retrying.ts';
import { timed } from '../../../src/tiering/cold/layers/timed.ts';
import { MemoryObjectStore } from '../../../src/tiering/cold/memory-object-store.ts';
import { layered, type ObjectStore } from '../../../src/tiering/cold/object-store.ts';
import {
  COLD_ATTEMPTS_MAX,
  COLD_CALL_MS_MAX,
  COLD_FAILURES_MAX,
  COLD_PAUSE_MS_MAX,
  COLD_PAUSE_MS_MIN,
} from '../../../src/limits/tiering.ts';
import { referenceCompute } from '../../../src/workers/reference.ts';
import { coldWorld, type ColdWorld } from './cold-world.ts';

const { signal } = new AbortController();
const absent = { kind: 'absent' } as const;

async function upload(store: ObjectStore, key: string, bytes = Buffer.from(key)): Promise<void> {
  const { crc64nvme = bytes } = referenceCompute().digest(['crc64nvme'], [bytes]);
  await store.put(key, { bytes, crc64nvme, condition: absent }, signal);
}

/** Attempts that reach the bucket from now on. */
function counted({ bucket }: ColdWorld, failure?: Parameters<typeof bucket.failWhen>[0]) {
  const count = { attempts: 0 };
  bucket.failWhen((operation, key) => {
    count.attempts += 1;
    return failure?.(operation, key);
  });
  return count;
}

async function within({ simulation }: ColdWorld, work: () => Promise<void>): Promise<void> {
  await simulation.run(work());
}

test('no more calls than allowed are under way, and what is read goes before what is written', () => {
  const world = coldWorld(1, { delay: () => world.simulation.after(10, 'bucket') });
  const order: string[] = [];
  const store = layered(world.bucket, [bounded({ runningMax: 2, waitingMax: 100 })]);
  return within(world, async () => {
    await upload(store, 'a');
    await upload(store, 'b');
    const writes = [1, 2, 3, 4, 5, 6].map((number) =>
      upload(store, `w${number}`).then(() => order.push('w')),
    );
    const reads = [1, 2, 3, 4, 5, 6].map(() =>
      store.get('a', { offset: 0, length: 1 }, signal).then(() => order.push('r')),
    );
    await Promise.all([...writes, ...reads]);
    assert.equal(world.bucket.runningMax(), 2);
    // Two writes were first; then reads, but every fourth place is a write's.
    assert.ok(order.slice(2, 9).filter((it) => it === 'r').length >= 5, order.join(''));
    assert.ok(order.slice(2, 9).includes('w'), order.join(''));
  });
});

test('a call for which there is no room to wait is told to come again', () => {
  const world = coldWorld(1, { delay: () => world.simulation.after(10, 'bucket') });
  const store = layered(world.bucket, [bounded({ runningMax: 1, waitingMax: 2 })]);
  return within(world, async () => {
    const calls = [1, 2, 3, 4].map(() => store.head('a', signal));
    const outcomes = await Promise.allSettled(calls);
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['fulfilled', 'fulfilled', 'fulfilled', 'rejected'],
    );
    await assert.rejects(calls[3] ?? Promise.resolve(), { code: 'throttled', subject: 'store' });
    assert.equal(await store.head('a', signal), undefined);
  });
});

const retried = [
  { failure: 'error', attempts: COLD_ATTEMPTS_MAX, code: 'unavailable' },
  { failure: 'slow-down', attempts: COLD_ATTEMPTS_MAX, code: 'throttled' },
  { failure: undefined, attempts: 1, code: 'not-found' },
] as const;
for (const { failure, attempts, code } of retried) {
  test(`a get that always meets ${failure ?? 'no object'} ends as ${code} after ${attempts} attempts`, () => {
    const world = coldWorld();
    const store = layered(world.bucket, [
      retrying({ environment: world.environment, isHopeless: () => false }),
    ]);
    return within(world, async () => {
      const count = counted(world, () => failure);
      await assert.rejects(store.get('a', undefined, signal), { code });
      assert.equal(count.attempts, attempts);
    });
  });
}

test('retries end when the call has taken long enough, and at once when it is ended', () => {
  const world = coldWorld(3, { delay: () => world.simulation.after(25_000, 'bucket') });
  const store = layered(world.bucket, [
    retrying({ environment: world.environment, isHopeless: () => false }),
  ]);
  return within(world, async () => {
    const count = counted(world, () => 'error');
    const beganAt = world.environment.clock.monotonic();
    await assert.rejects(store.head('a', signal), { code: 'unavailable' });
    assert.ok(world.environment.clock.monotonic() - beganAt < COLD_CALL_MS_MAX + 25_000);
    assert.ok(count.attempts < COLD_ATTEMPTS_MAX);
    const ended = new AbortController();
    const call = store.head('a', ended.signal);
    ended.abort(new Fault('unavailable', 'store', 'ended'));
    await assert.rejects(call, /ended/);
  });
});

test('an attempt that gets no answer ends after its time, as does what it has begun', () => {
  const world = coldWorld();
  const store = layered(world.bucket, [timed(world.environment.clock, 1 << 20)]);
  return within(world, async () => {
    counted(world, () => 'silence');
    await assert.rejects(store.head('a', signal), /has not answered a head within 15 seconds/);
    assert.equal(world.environment.clock.monotonic(), 15_000);
    await assert.rejects(store.get('a', undefined, signal), /has not answered a get within 19 seconds/);
  });
});

test('an outage costs few attempts, one at a time, and ends by itself', () => {
  const world = coldWorld();
  const breaker = new Breaker(world.environment, 'the store');
  const store = layered(world.bucket, [breaker.layer]);
  const { clock } = world.environment;
  return within(world, async () => {
    const count = counted(world, () => 'gone');
    for (let call = 1; call <= 100; call += 1) await assert.rejects(store.head('a', signal), /ECONNREFUSED/);
    assert.equal(count.attempts, COLD_FAILURES_MAX);
    assert.match(breaker.outage()?.reason ?? '', /ECONNREFUSED/);
    for (const end = clock.monotonic() + 300_000; clock.monotonic() < end;) {
      await world.simulation.after(100, 'a call every 0.1 s');
      await Promise.allSettled([store.head('a', signal), store.head('b', signal)]);
    }
    const probes = count.attempts - COLD_FAILURES_MAX;
    assert.ok(probes >= 300_000 / COLD_PAUSE_MS_MAX && probes <= 30, `${probes} probes in 5 minutes`);
    counted(world);
    const backAt = clock.monotonic();
    while (breaker.outage() !== undefined) {
      await world.simulation.after(100, 'a call every 0.1 s');
      await Promise.allSettled([store.head('a', signal)]);
    }
    assert.ok(clock.monotonic() - backAt <= COLD_PAUSE_MS_MAX + 100);
    await store.head('a', signal);
  });
});

test('a probe that fails begins the next pause, and what was sent before says nothing new', () => {
  const world = coldWorld();
  const breaker = new Breaker(world.environment, 'the store');
  const store = layered(world.bucket, [breaker.layer]);
  return within(world, async () => {
    const count = counted(world, () => 'gone');
    await Promise.allSettled(Array.from({ length: 20 }, () => store.head('a', signal)));
    assert.equal(count.attempts, 20);
    await world.simulation.after(COLD_PAUSE_MS_MIN, 'the first pause');
    await assert.rejects(store.head('a', signal));
    await assert.rejects(store.head('a', signal));
    assert.equal(count.attempts, 21);
  });
});

test('a store that has no such object, or is busy, is alive', () => {
  const world = coldWorld();
  const breaker = new Breaker(world.environment, 'the store');
  const store = layered(world.bucket, [breaker.layer]);
  return within(world, async () => {
    counted(world, (_, key) => (key === 'busy' ? 'slow-down' : undefined));
    for (let call = 1; call <= 3 * COLD_FAILURES_MAX; call += 1) {
      await assert.rejects(store.get('absent', undefined, signal), { code: 'not-found' });
      await assert.rejects(store.get('busy', undefined, signal), { code: 'throttled' });
    }
    assert.equal(breaker.outage(), undefined);
  });
});

test('closing ends what is under way, waits for it, and lets nothing begin', () => {
  const world = coldWorld();
  const store = layered(world.bucket, [closing()]);
  return within(world, async () => {
    counted(world, () => 'silence');
    const call = store.head('a', signal);
    await Promise.resolve();
    await Promise.all([store.close(), assert.rejects(call, /is closed/)]);
    await assert.rejects(store.head('a', signal), { code: 'unavailable' });
  });
});

test('other bytes than those that were asked for are never handed on', () => {
  const world = coldWorld();
  const store = layered(world.bucket, [exact()]);
  return within(world, async () => {
    await upload(world.bucket, 'a', Buffer.alloc(100, 7));
    assert.equal((await store.get('a', { offset: 90, length: 10 }, signal)).bytes.length, 10);
    await assert.rejects(store.get('a', { offset: 90, length: 11 }, signal), {
      code: 'corrupt',
      subject: 'object',
    });
    counted(world, () => 'short-answer');
    await assert.rejects(store.get('a', { offset: 0, length: 10 }, signal), { code: 'unavailable' });
    await assert.rejects(store.get('a', undefined, signal), { code: 'unavailable' });
  });
});

test('requests are counted by operation and outcome, bytes by direction', async () => {
  const world = coldWorld();
  const metrics = new Metrics();
  const store = layered(world.bucket, [metered(metrics, world.environment.clock)]);
  await within(world, async () => {
    await upload(store, 'a', Buffer.alloc(100, 7));
    await store.get('a', { offset: 0, length: 10 }, signal);
    await assert.rejects(store.get('b', undefined, signal));
  });
  const { body } = await metrics.text();
  const wanted = [
    'terrace_cold_requests_total{operation="put",outcome="ok"} 1',
    'terrace_cold_requests_total{operation="get",outcome="ok"} 1',
    'terrace_cold_requests_total{operation="get",outcome="not-found"} 1',
    'terrace_cold_bytes_total{direction="sent"} 100',
    'terrace_cold_bytes_total{direction="received"} 10',
    'terrace_cold_request_seconds_count{operation="get"} 2',
  ];
  for (const line of wanted) assert.ok(body.includes(`${line}\n`), line);
});

test('the memory double is closed with its layers', async () => {
  const world = coldWorld();
  const store: ObjectStore = layered(new MemoryObjectStore(world.environment), [closing()]);
  await store.close();
  await assert.rejects(store.head('a', signal), /is closed/);
});
