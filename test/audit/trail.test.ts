import assert from 'node:assert/strict';
import { test } from 'node:test';
import { peerGroup } from 'nfs-server-ts/peer-address';
import type { Actor, AuditEvent, AuditRow } from '../../src/audit/event.ts';
import { decodeRow, encodeRow } from '../../src/audit/records.ts';
import { Trail, type RowsMax } from '../../src/audit/trail.ts';
import type { AuditPageOptions } from '../../src/audit/page.ts';
import type { Kv } from '../../src/kv/kv.ts';
import { MemoryEngine } from '../../src/kv/memory.ts';
import { openOptimistic } from '../../src/kv/optimistic.ts';
import { openSequence } from '../../src/kv/sequence.ts';
import { AUDIT_FLUSH_MS, AUDIT_KEY_BYTES_MAX, AUDIT_MERGE_MS } from '../../src/limits.ts';
import { seededRandom } from '../kv/seeded-random.ts';
import { silent, TestClock } from '../namespace/world.ts';

const actor: Actor = {
  ...({
    door: 's3',
    operation: 'DeleteObject',
    client: '10.0.0.1',
    uid: undefined,
    requestId: 'R1',
  } as const),
  ...{ principal: 'arn:aws:iam::123456789012:user/alice', accessKey: 'ALICE' },
};
const refusal = (name: string, given: Partial<AuditEvent> = {}): AuditEvent => ({
  ...{
    kind: 'refused',
    actor,
    bucket: 'b',
    key: Uint8Array.from(Buffer.from(name)),
    versionId: 7,
    detail: 'locked',
  },
  ...given,
});

const stopped = (cause: unknown): never => {
  throw cause;
};

class Scene {
  readonly clock = new TestClock();
  readonly engine: MemoryEngine;
  readonly kv: Kv;
  trail!: Trail;

  private constructor(engine: MemoryEngine) {
    this.engine = engine;
    this.kv = openOptimistic(engine, { merge: () => undefined, stopped });
  }

  static async open(engine = new MemoryEngine(), bounds: Partial<RowsMax> = {}, ms?: number): Promise<Scene> {
    const scene = new Scene(engine);
    scene.clock.ms = ms ?? scene.clock.ms;
    const rowsMax = { refusals: 100, changes: 100, bypasses: 100, bypassesOfBucket: 100, ...bounds };
    const { kv, clock } = scene;
    const sequence = await openSequence(kv, Buffer.from('sequence'), stopped);
    const environment = { clock, random: seededRandom(1), log: silent };
    scene.trail = await Trail.open({ kv, sequence, environment, rowsMax, groupOf: peerGroup });
    return scene;
  }

  change(name: string, given: Partial<AuditEvent> = {}): Promise<void> {
    const event = { ...refusal(name), kind: 'lock-changed', ...given } as const;
    return this.trail.changing((order) =>
      this.kv.transact('durable', async (tx) => this.trail.put(tx, order, event)),
    );
  }

  async settle(): Promise<void> {
    this.clock.ms += AUDIT_FLUSH_MS;
    while ((await this.trail.step()) === 'busy');
  }

  /** `kind key` of all rows in pages, oldest first; `×n` behind rows that count more than one. */
  async shown(options: Partial<AuditPageOptions> = {}): Promise<readonly string[]> {
    return (await this.rows(options)).map(({ kind, key, count }) =>
      [kind, ...(key === undefined ? [] : [text(key)]), ...(count > 1 ? [`×${count}`] : [])].join(' '),
    );
  }

  async rows(options: Partial<AuditPageOptions> = {}): Promise<readonly AuditRow[]> {
    const rows: AuditRow[] = [];
    let before: number | undefined;
    do {
      const page = await this.trail.page({ rowsMax: 2, before, ...options });
      rows.unshift(...[...page.rows].reverse());
      before = page.next;
    } while (before !== undefined);
    return rows;
  }
}

const text = (key: Uint8Array): string => Buffer.from(key).toString();

test('refusals and changes stand in the order in which they happened', async () => {
  const scene = await Scene.open();
  await scene.trail.refused(refusal('a'));
  await scene.change('b');
  await scene.trail.refused(refusal('c'));
  await scene.change('d', { kind: 'bypassed' });
  await scene.trail.refused(refusal('e'));
  const all = ['refused a', 'lock-changed b', 'refused c', 'bypassed d', 'refused e'];
  assert.deepEqual(await scene.shown(), all);
});

test('a refusal is on stable storage before it is answered, without any stop of the gateway', async () => {
  const first = await Scene.open();
  await first.trail.refused(refusal('a'));
  const second = await Scene.open(first.engine.crash(seededRandom(2)));
  assert.deepEqual(await second.shown(), ['refused a', 'interrupted']);
});

test('repeats count, and the count is written in the background and at the stop', async () => {
  const first = await Scene.open();
  for (let index = 0; index < 5; index += 1) await first.trail.refused(refusal('a'));
  assert.deepEqual(await first.shown(), ['refused a']);
  await first.settle();
  assert.deepEqual(await first.shown(), ['refused a ×5']);
  await first.trail.refused(refusal('a'));
  await first.trail.close();
  const second = await Scene.open(first.engine);
  assert.deepEqual(await second.shown(), ['refused a ×6']);
});

test('a gateway that ends without a stop, again and again, leaves one row about it', async () => {
  let scene = await Scene.open();
  for (let index = 0; index < 3; index += 1) scene = await Scene.open(scene.engine.crash(seededRandom(2)));
  assert.deepEqual(await scene.shown(), ['interrupted ×3']);
  await scene.trail.close();
  assert.deepEqual(await (await Scene.open(scene.engine)).shown(), ['interrupted ×3']);
});

test('a gateway that ends without a stop an hour after it did so before is shown among what happened since', async () => {
  const first = await Scene.open();
  const clock = first.clock;
  const second = await Scene.open(first.engine.crash(seededRandom(2)));
  assert.deepEqual(await second.shown(), ['interrupted']);
  const hourMs = 3_600_000;
  const third = await Scene.open(second.engine.crash(seededRandom(3)), {}, clock.ms + hourMs);
  const since = { seconds: (clock.ms + hourMs) / 1000 - 60, nanoseconds: 0 };
  assert.deepEqual(await third.shown({ since }), ['interrupted']);
  assert.deepEqual(await third.shown(), ['interrupted', 'interrupted']);
  const again = await Scene.open(
    third.engine.crash(seededRandom(4)),
    {},
    clock.ms + hourMs + AUDIT_MERGE_MS - 1_000,
  );
  assert.deepEqual(await again.shown(), ['interrupted', 'interrupted ×2']);
});

test('bypasses stay where other changes are without number', async () => {
  const scene = await Scene.open(undefined, { changes: 2 });
  await scene.change('a', { kind: 'bypassed' });
  for (const name of ['b', 'c', 'd', 'e']) await scene.change(name);
  await scene.settle();
  assert.deepEqual(await scene.shown(), ['bypassed a', 'lock-changed d', 'lock-changed e']);
});

test('bypasses in one bucket push out none of another, and beyond the bound of all those with most rows lose theirs', async () => {
  const scene = await Scene.open(undefined, { bypassesOfBucket: 2, bypasses: 4 });
  const bypass = (name: string, bucket?: string): Promise<void> =>
    scene.change(name, { kind: 'bypassed', bucket });
  await bypass('a', 'quiet');
  for (const name of ['b', 'c', 'd']) await bypass(name, 'loud');
  await scene.settle();
  assert.deepEqual(await scene.shown(), ['bypassed a', 'bypassed c', 'bypassed d']);
  for (const name of ['e', 'f']) await bypass(name, 'third');
  await scene.settle();
  assert.deepEqual(await scene.shown(), ['bypassed a', 'bypassed c', 'bypassed d', 'bypassed f']);
  await bypass('g', 'quiet');
  await bypass('h', 'quiet');
  await scene.settle();
  // Of its first row nothing is left that would count.
  assert.deepEqual(await scene.shown(), ['bypassed c', 'bypassed d', 'bypassed f', 'bypassed h']);
  assert.equal((await scene.trail.page({ rowsMax: 1 })).removed.bypasses, 4);
  assert.equal(await scene.trail.step(), 'idle');
});

test('a page ends before what is still under way, so that nothing comes to stand behind what was shown', async () => {
  const scene = await Scene.open();
  await scene.trail.refused(refusal('a'));
  await scene.trail.changing(async () => {
    await scene.trail.refused(refusal('b'));
    assert.deepEqual(await scene.shown(), ['refused a']);
  });
  assert.deepEqual(await scene.shown(), ['refused a', 'refused b']);
});

test('a change that fails leaves no row and holds nothing up', async () => {
  const scene = await Scene.open();
  await assert.rejects(
    scene.trail.changing((order) =>
      scene.kv.transact('durable', async (tx) => {
        scene.trail.put(tx, order, refusal('a'));
        throw new Error('no');
      }),
    ),
  );
  await scene.trail.refused(refusal('b'));
  assert.deepEqual(await scene.shown(), ['refused b']);
});

test('a page may be of one bucket, or of what happened since', async () => {
  const scene = await Scene.open();
  for (const name of ['a', 'b', 'c', 'd']) {
    await scene.trail.refused(refusal(name, { bucket: name < 'c' ? 'one' : 'two' }));
    scene.clock.ms += 600_000;
  }
  assert.deepEqual(await scene.shown({ bucket: 'one' }), ['refused a', 'refused b']);
  const since = { seconds: scene.clock.ms / 1000 - 1_200, nanoseconds: 0 };
  assert.deepEqual(await scene.shown({ since }), ['refused c', 'refused d']);
  assert.deepEqual(await scene.shown({ since, bucket: 'one' }), []);
});

test('the oldest rows go, no more than one bound at a time, and it is said how many are gone', async () => {
  const scene = await Scene.open(undefined, { refusals: 3, changes: 2 });
  await scene.change('x');
  for (const name of ['a', 'b', 'c', 'd', 'e']) await scene.trail.refused(refusal(name));
  await scene.settle();
  assert.deepEqual(await scene.shown(), ['lock-changed x', 'refused c', 'refused d', 'refused e']);
  for (const name of ['y', 'z']) await scene.change(name);
  await scene.settle();
  assert.deepEqual((await scene.trail.page({ rowsMax: 1 })).removed, {
    ...{ refusals: 2, changes: 1, bypasses: 0 },
  });
  await scene.trail.close();
  const next = await Scene.open(scene.engine, { refusals: 1, changes: 2 });
  await next.settle();
  assert.deepEqual(await next.shown(), ['refused e', 'lock-changed y', 'lock-changed z']);
  assert.deepEqual((await next.trail.page({ rowsMax: 1 })).removed, {
    ...{ refusals: 4, changes: 1, bypasses: 0 },
  });
  assert.equal(await next.trail.step(), 'idle');
});

const at = { seconds: 1_700_000_000, nanoseconds: 5 };
const retention = { mode: 'COMPLIANCE', until: { seconds: 1_800_000_000, nanoseconds: 0 } } as const;
const rows: readonly AuditRow[] = [
  {
    order: 9,
    at,
    count: 3,
    lastAt: at,
    ...refusal('k'),
    lock: { retention, legalHold: true },
    becomes: undefined,
  },
  {
    ...{ order: 10, at, count: 1, lastAt: at, kind: 'interrupted', actor: undefined, detail: '' },
    ...{ bucket: undefined, key: undefined, versionId: undefined, lock: undefined, becomes: undefined },
  },
  {
    ...{ order: 11, at, count: 1, lastAt: at },
    ...refusal('k', {
      kind: 'bypassed',
      actor: {
        ...{ door: 'nfs', operation: 'WRITE', client: '::1', uid: 0 },
        ...{ principal: undefined, accessKey: undefined, requestId: undefined },
      },
      versionId: 0,
    }),
    lock: { retention: undefined, legalHold: false },
    becomes: { retention: { ...retention, mode: 'GOVERNANCE' }, legalHold: false },
  },
];
for (const row of rows)
  test(`a row of kind ${row.kind} is read as it was written`, () =>
    assert.deepEqual(decodeRow(row.order, encodeRow(row)), row));

test('of a path that is longer than any key its beginning is kept', async () => {
  const scene = await Scene.open();
  await scene.trail.refused(refusal('k'.repeat(5_000)));
  const [row] = await scene.rows();
  assert.equal(row?.key?.length, AUDIT_KEY_BYTES_MAX);
});
