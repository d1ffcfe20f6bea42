import assert from 'node:assert/strict';
import { test } from 'node:test';
import { peerGroup } from 'nfs-server-ts/peer-address';
import type { Actor, AuditEvent } from '../../src/audit/event.ts';
import { Refusals, type Recent } from '../../src/audit/refusals.ts';
import type { MonotonicMs } from '../../src/environment.ts';
import {
  AUDIT_BURST_MAX,
  AUDIT_CALLER_BURST_MAX,
  AUDIT_FIRST_BURST_MAX,
  AUDIT_FIRST_ROWS_MAX,
  AUDIT_MERGE_MS,
  AUDIT_RECENT_MAX,
  AUDIT_ROWS_PER_SECOND,
} from '../../src/limits.ts';

const actor: Actor = { door: 'nfs', operation: 'REMOVE', client: '10.0.0.1', uid: 7 };
const event = (given: Partial<AuditEvent> = {}): AuditEvent => ({
  ...{ kind: 'refused', actor, bucket: 'b', key: Buffer.from('k'), versionId: 1, detail: 'locked' },
  ...given,
});

/** What becomes of refusals, one millisecond after the other. */
class Flood {
  readonly rows = new Set<Recent>();
  #ms = 0;
  #order = 0;
  readonly #refusals = new Refusals(0 as MonotonicMs, peerGroup);

  add(given: Partial<AuditEvent> = {}, ms = 0): Recent {
    this.#ms += ms;
    const now = {
      wall: { seconds: Math.floor(this.#ms / 1000), nanoseconds: 0 },
      monotonic: this.#ms as MonotonicMs,
    };
    const { recent } = this.#refusals.add(event(given), now, () => ++this.#order);
    this.rows.add(recent);
    return recent;
  }

  count(): number {
    return [...this.rows].reduce((sum, { row }) => sum + row.count, 0);
  }
}

const differences = [
  { name: 'another key', given: { key: Buffer.from('other') } },
  { name: 'another version', given: { versionId: 2 } },
  { name: 'another bucket', given: { bucket: 'c' } },
  { name: 'another reason', given: { detail: 'under legal hold' } },
  { name: 'another caller', given: { actor: { ...actor, uid: 8 } } },
  { name: 'another address', given: { actor: { ...actor, client: '10.0.0.2' } } },
  { name: 'another operation', given: { actor: { ...actor, operation: 'RENAME' } } },
  { name: 'the same a minute later', given: {}, ms: AUDIT_MERGE_MS },
];
for (const { name, given, ms } of differences)
  test(`${name} has a row of its own`, () => {
    const flood = new Flood();
    assert.notEqual(flood.add(), flood.add(given, ms));
  });

test('the same again counts in its row, whatever the request', () => {
  const flood = new Flood();
  const row = flood.add({ actor: { ...actor, requestId: 'A' } });
  assert.equal(flood.add({ actor: { ...actor, requestId: 'B' } }, AUDIT_MERGE_MS - 1), row);
  assert.deepEqual([row.row.count, row.row.at.seconds, row.row.lastAt.seconds], [2, 0, 59]);
});

test('a caller that is refused without end has a bounded number of rows, and every refusal counts', () => {
  const flood = new Flood();
  const refusals = 50_000;
  for (let index = 0; index < refusals; index += 1) flood.add({ key: Buffer.from(`k${index}`) }, 1);
  assert.equal(flood.count(), refusals);
  assert(flood.rows.size >= AUDIT_CALLER_BURST_MAX, String(flood.rows.size));
  assert(flood.rows.size <= AUDIT_CALLER_BURST_MAX + refusals / 1000 + 2, String(flood.rows.size));
  const shared = [...flood.rows].find(({ row }) => row.count > 1)?.row;
  assert.deepEqual([shared?.key, shared?.bucket, shared?.actor], [undefined, 'b', actor]);
  assert.equal(shared?.detail, 'more refusals of this caller than get a row each');
});

test('such a caller takes nothing from others', () => {
  const flood = new Flood();
  for (let index = 0; index < 3 * AUDIT_CALLER_BURST_MAX; index += 1) flood.add({ versionId: index });
  assert.equal(flood.add({ actor: { ...actor, uid: 8 } }).row.count, 1);
});

test('some callers that are refused without end do not hide what another is refused first', () => {
  const flood = new Flood();
  const noise = (ms: number): void => {
    for (let index = 0; index < 20_000; index += 1)
      flood.add({ actor: { ...actor, uid: 100 + (index % 5) }, key: Buffer.from(`k${index}`) }, ms);
  };
  noise(0);
  noise(1);
  const first = Array.from({ length: AUDIT_FIRST_ROWS_MAX }, (_, index) =>
    flood.add({ versionId: 50 + index }),
  );
  assert(first.every(({ row }) => row.actor?.uid === actor.uid && row.count === 1));
  // What a second brings for all may still be there.
  const more = Array.from({ length: AUDIT_ROWS_PER_SECOND + 1 }, (_, index) =>
    flood.add({ versionId: 10 + index }),
  );
  assert.equal(more.at(-1)?.row.actor?.client, '*');
});

const disguises: readonly { name: string; actorOf: (index: number) => Actor }[] = [
  {
    name: 'keys',
    actorOf: (index) => ({ ...actor, door: 's3', principal: 'arn:aws:iam::1:user/a', accessKey: `${index}` }),
  },
  {
    name: 'names of sessions',
    actorOf: (index) => ({ ...actor, door: 's3', principal: `arn:aws:sts::1:assumed-role/r/${index}` }),
  },
  {
    name: 'names of federated users',
    actorOf: (index) => ({ ...actor, door: 's3', principal: `arn:aws:sts::1:federated-user/${index}` }),
  },
  { name: 'addresses', actorOf: (index) => ({ ...actor, client: `2001:db8::${index.toString(16)}` }) },
];
for (const { name, actorOf } of disguises)
  test(`a caller with ${name} without number does not hide what another is refused first`, () => {
    const flood = new Flood();
    for (let session = 0; session < 400; session += 1)
      for (let index = 0; index < 60; index += 1)
        flood.add({ actor: actorOf(session), key: Buffer.from(`k${index}`) }, 1);
    const other: Actor = { ...actor, client: '10.0.0.2', uid: 8 };
    assert.deepEqual(flood.add({ actor: other }).row.actor, other);
  });

test('callers without number share a row in the end, and every refusal counts', () => {
  const flood = new Flood();
  const refusals = 3 * AUDIT_RECENT_MAX;
  for (let index = 0; index < refusals; index += 1)
    flood.add({ actor: { ...actor, client: `10.0.${index >> 8}.${index & 0xff}`, uid: index } });
  assert.equal(flood.count(), refusals);
  assert.equal(flood.rows.size, AUDIT_BURST_MAX + AUDIT_FIRST_BURST_MAX + 1);
  const shared = [...flood.rows].find(({ row }) => row.count > 1)?.row;
  assert.deepEqual(shared?.actor, { door: 'nfs', operation: '*', client: '*' });
  assert.equal(shared.bucket, undefined);
});
